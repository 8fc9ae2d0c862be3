"""What always holds of what billing keeps: periods that have opened, and deadlines.

The calendar itself is computed anew at each look, and can be nothing else.
"""

from collections.abc import Iterator

from django.conf import settings

from billing import opening, periods
from billing.models import TenantPeriod
from billing.periods import EARLIEST_LATE_FROM, LATEST_LATE_FROM, Period
from portal.invariants import Finding, Findings, Invariant, Place
from portal.models import Tenant


def _deadlines_are_those_of_the_rules(place: Place) -> Findings:
    for row in _opened(place):
        deadlines = _possible(Period.parse(row.period), row.zone)
        if row.deadline_at not in deadlines:
            says = f"has the deadline {row.deadline_at}, which no rule gives"
            yield Finding(f"the period {row.period}", says)


def _possible(period: Period, zone: str) -> Iterator[object]:
    """Yield the deadline by the setting, then by others: it may have been changed."""
    days = range(EARLIEST_LATE_FROM, LATEST_LATE_FROM + 1)
    for late_from in (settings.LATE_FROM, *days):
        yield periods.deadline_at(period, periods.zone_named(zone), late_from=late_from)


def _past_periods_have_opened(place: Place) -> Findings:
    there = {row.period for row in _opened(place)}
    with place.reading():
        tenant = Tenant.objects.get()
    running = Period.containing(place.at.date())
    for period in opening.owed_periods(tenant, place.at.date()):
        if str(period) not in there:
            # The running one opens within minutes, once its first day is there.
            yield Finding(
                f"the period {period}",
                "is owed and has not opened",
                is_breach=period != running,
            )


def _opened(place: Place) -> list[TenantPeriod]:
    # A dozen a year.
    with place.reading():
        return list(TenantPeriod.objects.order_by("period"))


INVARIANTS = (
    Invariant(
        name="deadlines-are-those-of-the-rules",
        sentence="The deadline of an opened period is what the rules give.",
        check=_deadlines_are_those_of_the_rules,
    ),
    Invariant(
        name="past-periods-have-opened",
        sentence="Every period that is owed has opened and keeps its deadline.",
        check=_past_periods_have_opened,
    ),
)
