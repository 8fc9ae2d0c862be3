"""Chooses the periods that a tenant sees first, in the order of their urgency."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from billing.coverage.periods import Period, zone_named
from billing.coverage.standing import Standing
from billing.periods.queries import (
    OverduePeriod,
    PeriodView,
    overdue_periods,
    view_period,
)
from portal.models import Tenant

_COMPLETE = (Standing.COMPLETE, Standing.COMPLETED_LATE)

# Periods that are shown with their calendar: each costs the queries of a page.
# Overdue ones beyond them are only counted.
_SHOWN = 4


@dataclass(frozen=True, slots=True)
class UrgentPeriods:
    """The period of the headline, and others that are shown with it.

    `others` are in the order of urgency; `more_overdue` counts those beyond them.
    """

    first: PeriodView
    others: tuple[PeriodView, ...]
    more_overdue: int


def urgent_periods(*, at: datetime, dismissed: str = "") -> UrgentPeriods:
    """Return the periods that a tenant sees first, in the tenant's unit of work.

    Late ones come first, the newest before older ones; then the last one until it is
    complete, and overdue ones in which nothing counts as late. A complete one stays
    until the person has dismissed it (`dismissed` is its name) or the next one ends,
    with the running one below it.
    """
    running = _running_period(at)
    overdue = overdue_periods(running, at=at)
    found = _by_urgency(running, overdue, at=at, dismissed=dismissed)
    first, *others = islice(found, _SHOWN)
    return UrgentPeriods(first, tuple(others), max(0, len(overdue) - _SHOWN))


def view_urgent_period(*, at: datetime) -> PeriodView:
    """Return the period that comes first, for a reader who has dismissed none."""
    running = _running_period(at)
    return next(_by_urgency(running, overdue_periods(running, at=at), at=at))


def _by_urgency(
    running: Period,
    overdue: Sequence[OverduePeriod],
    *,
    at: datetime,
    dismissed: str = "",
) -> Iterator[PeriodView]:
    for one in overdue:
        if one.is_late:
            yield view_period(one.period, at=at)
    last = running.previous()
    is_open = last not in {one.period for one in overdue}
    if is_open:
        view = view_period(last, at=at)
        standing = view.judgement.standing
        is_done = standing in (*_COMPLETE, Standing.NOTHING_OWED)
        if not is_done or (standing in _COMPLETE and str(last) != dismissed):
            yield view
        is_open = is_done
    for one in overdue:
        if not one.is_late:
            yield view_period(one.period, at=at)
    if is_open:
        yield view_period(running, at=at)


def _running_period(at: datetime) -> Period:
    zone = zone_named(Tenant.objects.get().zone)
    return Period.containing(at.astimezone(zone).date())
