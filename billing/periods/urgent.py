"""Chooses the periods that a tenant sees first, in the order of their urgency."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from billing.coverage.periods import Period, zone_named
from billing.coverage.standing import Standing
from billing.periods.queries import PeriodView, other_late_periods, view_period
from portal.models import Tenant

_COMPLETE = (Standing.COMPLETE, Standing.COMPLETED_LATE)

# Periods that are shown with their calendar: each costs the queries of a page. Late
# ones beyond them are only counted.
_SHOWN = 4


@dataclass(frozen=True, slots=True)
class UrgentPeriods:
    """The period of the headline, and others that should be seen with it.

    `others` are in the order of urgency; `more_late` counts late ones beyond them.
    """

    first: PeriodView
    others: tuple[PeriodView, ...]
    more_late: int


def urgent_periods(*, at: datetime, dismissed: str = "") -> UrgentPeriods:
    """Return the periods that a tenant sees first, in the tenant's unit of work.

    Late ones come first, the newest before older ones; then the last one until it is
    complete. A complete one stays until the person has dismissed it (`dismissed` is its
    name) or the next one ends, with the running one below it.
    """
    running = _running_period(at)
    late = _late_periods(running, at=at)
    found = _by_urgency(running, late, at=at, dismissed=dismissed)
    first, *others = islice(found, _SHOWN)
    return UrgentPeriods(first, tuple(others), max(0, len(late) - _SHOWN))


def view_urgent_period(*, at: datetime) -> PeriodView:
    """Return the period that comes first, for a reader who has dismissed none."""
    running = _running_period(at)
    return next(_by_urgency(running, _late_periods(running, at=at), at=at))


def _by_urgency(
    running: Period, late: Sequence[Period], *, at: datetime, dismissed: str = ""
) -> Iterator[PeriodView]:
    for period in late:
        yield view_period(period, at=at)
    if running.previous() in late:
        return
    last = view_period(running.previous(), at=at)
    standing = last.judgement.standing
    if standing in _COMPLETE:
        if str(last.period) != dismissed:
            yield last
    elif standing is not Standing.NOTHING_OWED:
        yield last
        return
    yield view_period(running, at=at)


def _late_periods(running: Period, *, at: datetime) -> list[Period]:
    return [one.period for one in other_late_periods(running, at=at)]


def _running_period(at: datetime) -> Period:
    zone = zone_named(Tenant.objects.get().zone)
    return Period.containing(at.astimezone(zone).date())
