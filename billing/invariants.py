"""What always holds of what billing keeps: periods, deadlines, roll-ups.

The calendar of a page is computed anew at each look, and can be nothing else.
"""

from collections.abc import Iterator

from django.conf import settings

from billing import opening, periods, rolling
from billing.models import PeriodRollUp, TenantPeriod
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


def _roll_ups_are_what_they_would_be(place: Place) -> Findings:
    for row in _opened(place):
        try:
            # A file may be judged between two looks: only what stays is complained of.
            is_wrong = _differs(place, row) and _differs(place, row)
        except ValueError as error:
            yield Finding(f"the period {row.period}", f"has no calendar: {error}")
            continue
        if is_wrong:
            says = "is rolled up as something else than its calendar says"
            yield Finding(f"the period {row.period}", says)


def _differs(place: Place, opened: TenantPeriod) -> bool:
    with place.reading():
        kept = PeriodRollUp.objects.filter(period=opened.period).first()
        if kept is None:
            return True
        now = rolling.compute(Tenant.objects.get(), opened)
    return rolling.kept(kept) != now or kept.deadline_at != opened.effective_at


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
    Invariant(
        name="roll-ups-are-what-they-would-be",
        sentence="The roll-up of an opened period equals one that is worked out anew.",
        check=_roll_ups_are_what_they_would_be,
    ),
)
