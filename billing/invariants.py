"""What always holds of what billing keeps: periods, deadlines, roll-ups.

The calendar of a page is computed anew at each look, and can be nothing else.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings

from billing.coverage import periods
from billing.coverage.periods import EARLIEST_LATE_FROM, LATEST_LATE_FROM, Period
from billing.lateness import check as late_check
from billing.lateness import update_flags
from billing.models import LateFlag, PeriodSummary, TenantPeriod
from billing.periods import open_periods, refresh_summary
from portal.health.invariants import Finding, Findings, Invariant, InvariantScope
from portal.models import Tenant

# Between the midnights of the two zones that are furthest apart, and summer time.
_BETWEEN_ZONES = timedelta(hours=27)

# After two beats of the late check were missed, somebody should look.
_BEATS = timedelta(minutes=45)


def _deadlines_are_those_of_the_rules(place: InvariantScope) -> Findings:
    for row in _opened(place):
        deadlines = list(_possible(Period.parse(row.period), row.zone))
        # Where staff have corrected the zone, the deadline of the one before may be
        # the later one, and counts.
        is_earlier_zones = row.decided_by and any(
            timedelta() < row.deadline_at - one <= _BETWEEN_ZONES for one in deadlines
        )
        if row.deadline_at not in deadlines and not is_earlier_zones:
            says = f"has the deadline {row.deadline_at}, which no rule gives"
            yield Finding(f"the period {row.period}", says)


def _possible(period: Period, zone: str) -> Iterator[datetime]:
    """Yield the deadline by the setting, then by others: it may have been changed."""
    days = range(EARLIEST_LATE_FROM, LATEST_LATE_FROM + 1)
    for late_from in (settings.LATE_FROM, *days):
        yield periods.deadline_at(period, periods.zone_named(zone), late_from=late_from)


def _past_periods_have_opened(place: InvariantScope) -> Findings:
    there = {row.period for row in _opened(place)}
    with place.reading():
        tenant = Tenant.objects.get()
    running = Period.containing(place.at.date())
    for period in open_periods.owed_periods(tenant, place.at.date()):
        if str(period) not in there:
            # The running one opens within minutes, once its first day is there.
            yield Finding(
                f"the period {period}",
                "is owed and has not opened",
                is_breach=period != running,
            )


def _roll_ups_are_what_they_would_be(place: InvariantScope) -> Findings:
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


def _differs(place: InvariantScope, opened: TenantPeriod) -> bool:
    with place.reading():
        kept = PeriodSummary.objects.filter(period=opened.period).first()
        if kept is None:
            return True
        now = refresh_summary.compute_summary(Tenant.objects.get(), opened)
    return (
        refresh_summary.stored_summary(kept) != now
        or kept.deadline_at != opened.effective_at
    )


def _flags_agree_with_roll_ups(place: InvariantScope) -> Findings:
    for says in _disagreeing(place):
        # The period may change between two reads: only what stays is complained of.
        if says in _disagreeing(place):
            yield Finding(*says)


def _disagreeing(place: InvariantScope) -> list[tuple[str, str]]:
    with place.reading():
        kept = {row.period: row for row in PeriodSummary.objects.all()}
        flags = list(LateFlag.objects.order_by("pk"))
    found = []
    for flag in flags:
        row = kept.get(flag.period)
        if row is not None and not update_flags.agrees(flag, row, at=place.at):
            says = f"since {flag.deadline_at} says something else than the period"
            found.append((f"the late flag of {flag.period}", says))
    return found


def _late_tenants_are_flagged(place: InvariantScope) -> Findings:
    if place.tenant_id is None:
        return
    with place.reading():
        overdue = late_check.overdue(place.tenant_id, at=place.at - _BEATS)
    for period in overdue:
        # It may wait for the staff, who have not released a safety stop.
        says = "is late and has no flag"
        yield Finding(f"the period {period}", says, is_breach=False)


def _opened(place: InvariantScope) -> list[TenantPeriod]:
    # A dozen a year.
    with place.reading():
        return list(TenantPeriod.objects.order_by("period"))


INVARIANTS = (
    Invariant(
        name="late-flags-follow-their-periods",
        sentence="A late flag is void, complete or open as its period says.",
        check=_flags_agree_with_roll_ups,
    ),
    Invariant(
        name="who-was-late-has-a-flag",
        sentence="Who was late has a flag, some beats after the deadline's hour.",
        check=_late_tenants_are_flagged,
    ),
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
