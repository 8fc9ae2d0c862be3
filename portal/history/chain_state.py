"""Loads how far trails are checked, and checks the entries since then up to a limit."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min

from portal.audit.chain import Position, check_part
from portal.models import TrailCheck

# Entries that a page checks itself, in some hundredths of a second. The task checks the
# others within the hour.
MOST_CHECKED = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainState:
    """The state of one trail at an instant.

    Entries 1 to `reached` are unbroken: those up to `stored` as of `stored_at`, the
    others as of now. `is_end`: there are no later ones. `full_at` is the last check
    from the beginning. `broken` is the first broken entry.
    """

    at: datetime
    reached: int
    is_end: bool
    stored: int
    stored_at: datetime | None
    full_at: datetime | None
    broken: int | None
    broken_at: datetime | None


@dataclass(frozen=True, slots=True)
class TrailsState:
    """The stored state of all trails: how many are broken, and the oldest check."""

    broken: int
    oldest_at: datetime | None


def chain_state(tenant_id: int | None, *, at: datetime) -> ChainState:
    """Return the state of a trail, in the unit of work of its tenant or of the staff.

    Two queries.
    """
    row = TrailCheck.objects.filter(tenant=tenant_id).first()
    start = Position(row.number, bytes(row.digest)) if row else Position()
    found = check_part(tenant_id, start, most=MOST_CHECKED)
    stored_break = row.broken if row else None
    return ChainState(
        at=at,
        reached=found.reached.number,
        is_end=found.is_end,
        stored=start.number,
        stored_at=row.checked_at if row else None,
        full_at=row.full_at if row else None,
        broken=found.broken if stored_break is None else stored_break,
        broken_at=row.broken_at if row else None,
    )


def trails_state() -> TrailsState:
    """Return the stored state of all trails; one query, in a unit of the staff."""
    found = TrailCheck.objects.aggregate(
        broken=Count("broken"), oldest_at=Min("checked_at")
    )
    return TrailsState(found["broken"], found["oldest_at"])


def broken_trails(most: int) -> list[TrailCheck]:
    """Return broken trails with their tenants; one query, in a unit of the staff."""
    rows = TrailCheck.objects.exclude(broken=None).select_related("tenant")
    return list(rows.order_by("tenant")[:most])
