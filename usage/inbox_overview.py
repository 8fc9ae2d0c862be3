"""What lies in the inboxes of all tenants, for those who look after them.

Each read runs in the caller's unit of work.
"""

from collections.abc import Mapping
from enum import StrEnum

from django.db.models import Count, Q, QuerySet

from portal.work import State
from usage.inbox_rows import InboxListing, InboxObject, Verdict
from usage.models import FileState


class Kind(StrEnum):
    """What one looks for among the objects."""

    WAITING = "waiting"
    HELD = "held"
    REJECTED = "rejected"
    SET_ASIDE = "set-aside"


_KINDS: Mapping[Kind, Q] = {
    Kind.WAITING: Q(state=State.WAITING),
    # Of what was held, a person may have decided meanwhile.
    Kind.HELD: Q(verdict=Verdict.HELD, file__state=FileState.HELD),
    Kind.REJECTED: Q(verdict__in=(Verdict.REJECTED, Verdict.TOO_LARGE)),
    Kind.SET_ASIDE: Q(state=State.SET_ASIDE),
}


def _of_kind(kind: str) -> Q:
    return _KINDS[Kind(kind)] if kind else Q()


def objects(kind: str = "") -> QuerySet[InboxObject]:
    """Objects, newest first, with tenant and file; of one kind or all."""
    found = InboxObject.objects.filter(_of_kind(kind))
    return found.select_related("tenant", "file").order_by("-first_seen_at", "-pk")


def counts() -> dict[str, int]:
    """Count the objects: in all under an empty name, and of each kind."""
    wanted = {
        kind.name.lower(): Count("pk", filter=found) for kind, found in _KINDS.items()
    }
    found = InboxObject.objects.aggregate(all=Count("pk"), **wanted)
    return {"": found.pop("all"), **found}


def listings() -> QuerySet[InboxListing]:
    """Return the listings with something to say, those that fail first."""
    odd = InboxListing.objects.exclude(problem="", ignored=0)
    return odd.select_related("tenant").order_by("-problem", "-ignored", "tenant")
