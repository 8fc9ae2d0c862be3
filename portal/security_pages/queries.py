"""Loads sessions and security events for lists, in the unit of work of the caller."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q, QuerySet

from portal.accounts.sessions import sessions_of
from portal.models import SecurityEvent

Row = Mapping[str, Any]

# Events on a page.
PAGE = 50

# Sessions on a page: more than anybody uses, and few enough for a page.
MOST_SESSIONS = 100

_SESSION = ("reference", "address", "agent", "factors", "begun_at", "last_seen_at")

# What each role may read; the names of people are read where there are several.
_OWN = ("id", "at", "kind", "address", "agent", "session", "actor")
_OF_OTHERS = (*_OWN, "details", "user_id", "user__name", "user__email")

_KEY = re.compile(r"([0-9]{1,17})-([0-9]{1,18})", re.ASCII)
_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events a list shows; empty for all. `day` is one of UTC.

    `person` is part of a name or mail address, `network` how an IP address begins.
    """

    kind: str = ""
    person: str = ""
    network: str = ""
    day: date | None = None

    @property
    def query(self) -> str:
        """The filter as a query string, for links to further pages."""
        day = self.day.isoformat() if self.day else ""
        named = {"kind": self.kind, "person": self.person, "network": self.network}
        return urlencode({k: v for k, v in {**named, "day": day}.items() if v})

    @property
    def condition(self) -> Q:
        found = Q()
        if self.kind:
            found &= Q(kind=self.kind)
        if self.person:
            found &= Q(user__email__icontains=self.person) | Q(
                user__name__icontains=self.person
            )
        if self.network:
            found &= Q(address__startswith=self.network)
        if self.day is not None:
            begin = datetime.combine(self.day, time(), UTC)
            found &= Q(at__gte=begin, at__lt=begin + timedelta(days=1))
        return found


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events, newest first; `next_key` leads to older ones, empty on the last page."""

    rows: list[Row]
    next_key: str


def list_sessions(user_id: int, *, at: datetime) -> list[Row]:
    """Return the sessions of a person that have not ended, the last used first."""
    return list(sessions_of(user_id, at=at).values(*_SESSION)[:MOST_SESSIONS])


def own_events(user_id: int, before: str) -> EventPage:
    """Return a page of what happened to a person, outside of any unit of work."""
    return _page(SecurityEvent.objects.filter(user=user_id), before, _OWN)


def all_events(wanted: EventFilter, before: str) -> EventPage:
    """Return a page of what the running unit of work may see.

    For a tenant: events of its people, but not those that belong to another tenant.
    """
    found = SecurityEvent.objects.filter(wanted.condition)
    return _page(found, before, _OF_OTHERS)


def newest_events(wanted: EventFilter, *, most: int) -> list[Row]:
    """Return the newest events for a download."""
    found = SecurityEvent.objects.filter(wanted.condition).order_by("-at", "-pk")
    return list(found.values(*_OF_OTHERS)[:most])


def _page(
    found: QuerySet[SecurityEvent], before: str, columns: tuple[str, ...]
) -> EventPage:
    key = _KEY.fullmatch(before)
    if key is not None:
        at = _EPOCH + int(key[1]) * _MICROSECOND
        found = found.filter(Q(at__lt=at) | Q(at=at, pk__lt=int(key[2])))
    rows = list(found.order_by("-at", "-pk").values(*columns)[: PAGE + 1])
    shown = rows[:PAGE]
    return EventPage(shown, _key(shown[-1]) if len(rows) > PAGE else "")


def _key(row: Row) -> str:
    return f"{(row['at'] - _EPOCH) // _MICROSECOND}-{row['id']}"
