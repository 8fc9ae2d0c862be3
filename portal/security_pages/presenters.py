"""Sessions and security events as the pages show them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from portal.models import EventKind
from portal.security_events.browsers import browser_text
from portal.security_pages.text import details_text, factors_text


@dataclass(frozen=True, slots=True)
class ShownSession:
    """A session; `address` is an IP address. `is_this` marks that of the reader."""

    reference: UUID
    browser: str
    address: str
    factors: str
    begun_at: datetime
    last_seen_at: datetime
    is_this: bool


@dataclass(frozen=True, slots=True)
class ShownEvent:
    """An event in words; `actor` is who did it, if not the person."""

    at: datetime
    what: str
    more: str
    name: str
    email: str
    user_id: int | None
    actor: str
    browser: str
    address: str


def shown_sessions(
    rows: Iterable[Mapping[str, Any]], *, own: UUID | None = None
) -> list[ShownSession]:
    """Return sessions in words; `own` is the reference of the reader's."""
    return [
        ShownSession(
            reference=row["reference"],
            browser=browser_text(row["agent"]),
            address=row["address"],
            factors=factors_text(row["factors"]),
            begun_at=row["begun_at"],
            last_seen_at=row["last_seen_at"],
            is_this=row["reference"] == own,
        )
        for row in rows
    ]


def shown_events(rows: Iterable[Mapping[str, Any]]) -> list[ShownEvent]:
    """Return events in words."""
    return [shown_event(row) for row in rows]


def shown_event(row: Mapping[str, Any]) -> ShownEvent:
    """Return an event in words; names are there if the row has them."""
    return ShownEvent(
        at=row["at"],
        what=str(EventKind(row["kind"]).label),
        more=details_text(row.get("details", {})),
        name=row.get("user__name") or "",
        email=row.get("user__email") or "",
        user_id=row.get("user_id"),
        actor=row["actor"],
        # A tidying run has no browser.
        browser=browser_text(row["agent"]) if row["agent"] or row["address"] else "",
        address=row["address"],
    )
