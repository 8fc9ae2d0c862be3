"""Queries of audit trails: filtered, newest first, page by page and without counting.

A list is read by its key, the instant and the id of an entry: a page in the middle of a
million entries takes as long as the first. For each filter there is an index.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db.models import Q, QuerySet

from portal.db import unit_of_work
from portal.models import AuditEntry, User

# Entries on one page: short enough to scroll through.
ENTRIES_A_PAGE = 50

# Entries of a section on the page of a file, flag or tenant.
SECTION = 10

# Entries that a download reads from the database at a time.
_CHUNK = 1_000

Who = int | unit_of_work.Across


class ActorKind(StrEnum):
    """Who acted, as far as a filter distinguishes."""

    STAFF = "staff"
    OTHERS = "others"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailFilter:
    """Entries of a trail; what is empty filters nothing.

    `tenant_id` is of one tenant; without it the entries are of all that the unit of
    work sees. `is_staff_trail`: only the staff's own. `since` is the first instant, and
    `until` the first that is too late.
    """

    tenant_id: int | None = None
    is_staff_trail: bool = False
    actor: str = ""
    kind: ActorKind | None = None
    acts: tuple[str, ...] = ()
    subject: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class EntryKey:
    """The place of an entry in a list."""

    at: datetime
    entry_id: int


@dataclass(frozen=True, slots=True)
class TrailPage:
    """Entries, newest first; `older` is the key of the last one if there are more."""

    entries: list[AuditEntry]
    older: EntryKey | None


def entries(wanted: TrailFilter) -> QuerySet[AuditEntry]:
    """Return the entries of a filter, newest first, in the running unit of work."""
    found = AuditEntry.objects.select_related("tenant").order_by("-at", "-id")
    if wanted.tenant_id is not None:
        found = found.filter(tenant=wanted.tenant_id)
    elif wanted.is_staff_trail:
        found = found.filter(tenant=None)
    if wanted.kind is not None:
        found = found.filter(by_staff=wanted.kind is ActorKind.STAFF)
    conditions = {
        "actor": wanted.actor,
        "act__in": wanted.acts,
        "subject": wanted.subject,
        "at__gte": wanted.since,
        "at__lt": wanted.until,
    }
    return found.filter(**{name: one for name, one in conditions.items() if one})


def trail_page(
    wanted: TrailFilter, before: EntryKey | None = None, *, most: int = ENTRIES_A_PAGE
) -> TrailPage:
    """Return the newest entries of a filter, or those before a key; one query."""
    found = list(_before(entries(wanted), before)[: most + 1])
    shown = found[:most]
    return TrailPage(shown, _key(shown[-1]) if len(found) > most else None)


def chunks(who: Who, wanted: TrailFilter, *, most: int) -> Iterator[list[AuditEntry]]:
    """Yield at most `most` entries of a filter in chunks, newest first.

    Each chunk is read in a unit of work of its own: none is open while a client reads.
    """
    before: EntryKey | None = None
    left = most
    while left > 0:
        with unit_of_work.acting_for(who, reading=True):
            page = trail_page(wanted, before, most=min(_CHUNK, left))
        if page.entries:
            yield page.entries
        left -= len(page.entries)
        before = page.older
        if before is None:
            return


def is_longer_than(wanted: TrailFilter, most: int) -> bool:
    """Return whether a filter has more entries than that; counts no further."""
    return bool(entries(wanted).values_list("id", flat=True)[most : most + 1])


def people(shown: Iterable[AuditEntry]) -> dict[str, str]:
    """Return the names of those who acted, by the stored actor, if they have accounts.

    Opens a unit of work of the staff: a tenant sees neither the staff's accounts nor
    those of former members, but may see who acted in its own trail.
    """
    actors = {entry.actor for entry in shown}
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        found = User.objects.filter(email__in=actors)
        return dict(found.values_list("email", "name"))


def _before(
    found: QuerySet[AuditEntry], before: EntryKey | None
) -> QuerySet[AuditEntry]:
    if before is None:
        return found
    earlier = Q(at__lt=before.at) | Q(at=before.at, id__lt=before.entry_id)
    # The first condition is what the index is read by.
    return found.filter(Q(at__lte=before.at) & earlier)


def _key(entry: AuditEntry) -> EntryKey:
    return EntryKey(entry.at, entry.pk)
