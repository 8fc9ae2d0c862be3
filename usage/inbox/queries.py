"""Queries of the inboxes of all tenants, for the staff.

Each read runs in the caller's unit of work.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from enum import StrEnum

from django.db.models import Q, QuerySet

from portal.jobs.queue import JobState
from portal.models import Membership, Role, User
from usage.models import (
    INBOX_REJECTED,
    FileState,
    InboxListing,
    InboxNotice,
    InboxObject,
    InboxVerdict,
)


class InboxFilter(StrEnum):
    """Kinds of objects that the list can be narrowed to."""

    WAITING = "waiting"
    HELD = "held"
    REJECTED = "rejected"
    FAILED = "set-aside"


_KINDS: Mapping[InboxFilter, Q] = {
    InboxFilter.WAITING: Q(state=JobState.WAITING),
    # Of what was held, a person may have decided meanwhile.
    InboxFilter.HELD: Q(verdict=InboxVerdict.HELD, file__state=FileState.HELD),
    InboxFilter.REJECTED: Q(verdict__in=INBOX_REJECTED),
    InboxFilter.FAILED: Q(state=JobState.FAILED),
}

# Those that become fewer again. The others grow with every day of every server.
_OPEN = (InboxFilter.WAITING, InboxFilter.HELD, InboxFilter.FAILED)


def objects(kind: str = "", *, after: int | None = None) -> QuerySet[InboxObject]:
    """Return objects, newest first, with tenant and file; of one kind or all.

    With `after`, those that come after the one with this number, if there is one.
    """
    found = InboxObject.objects.filter(_KINDS[InboxFilter(kind)] if kind else Q())
    last = InboxObject.objects.filter(pk=after).first() if after else None
    if last is not None:
        found = found.filter(first_seen_at__lte=last.first_seen_at).exclude(
            first_seen_at=last.first_seen_at, pk__gte=last.pk
        )
    return found.select_related("tenant", "file").order_by("-first_seen_at", "-pk")


def counts() -> dict[str, int]:
    """Count the objects of each kind that is open, by its name."""
    return {
        kind.name.lower(): InboxObject.objects.filter(_KINDS[kind]).count()
        for kind in _OPEN
    }


def listings() -> QuerySet[InboxListing]:
    """Return the listings that fail or ignore objects, those that fail first."""
    odd = InboxListing.objects.exclude(problem="", ignored=0)
    return odd.select_related("tenant").order_by("-problem", "-ignored", "tenant")


def notices() -> QuerySet[InboxNotice]:
    """Return the mails that wait for a person, those that have waited longest first."""
    aside = InboxNotice.objects.filter(state=JobState.FAILED)
    return aside.select_related("tenant").order_by("ended_at", "pk")


def admins(tenants: Collection[int]) -> Mapping[int, list[User]]:
    """Return the admins who get mails, by the ids of their tenants, in one query."""
    rows = Membership.objects.filter(
        tenant__in=tenants, role=Role.ADMIN, user__is_active=True
    )
    found: dict[int, list[User]] = defaultdict(list)
    for row in rows.select_related("user").order_by("user_id"):
        found[row.tenant_id].append(row.user)
    return found
