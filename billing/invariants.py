"""Invariants of billing's stored periods, deadlines, summaries and late flags.

The calendar of a page is not stored but computed at each request, so it needs none.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from billing.coverage import periods
from billing.coverage.periods import (
    BETWEEN_ZONES,
    EARLIEST_LATE_FROM,
    LATEST_LATE_FROM,
    Period,
)
from billing.coverage.summary import Summary
from billing.lateness import check as late_check
from billing.models import (
    LateFlag,
    LicenceChange,
    PeriodSummary,
    SummaryMark,
    TenantPeriod,
)
from billing.periods import marks, open_periods, summary_queries, update_flags
from billing.standings import sql as standings_sql
from portal.health.invariants import Finding, Findings, Invariant, InvariantScope
from portal.models import Tenant

# After two missed runs of the late check somebody should look.
_TWO_RUNS_MISSED = timedelta(minutes=45)


def _deadlines_are_those_of_the_rules(scope: InvariantScope) -> Findings:
    for row in _opened(scope):
        deadlines = list(_possible(Period.parse(row.period), row.zone))
        # Where staff have corrected the zone, the deadline of the one before may be
        # the later one, and counts.
        is_earlier_zones = row.decided_by and any(
            timedelta() < row.deadline_at - one <= BETWEEN_ZONES for one in deadlines
        )
        if row.deadline_at not in deadlines and not is_earlier_zones:
            problem = f"has the deadline {row.deadline_at}, which no rule gives"
            yield Finding(f"the period {row.period}", problem)


def _possible(period: Period, zone: str) -> Iterator[datetime]:
    """Yield the deadline by the setting, then by others: it may have been changed."""
    days = range(EARLIEST_LATE_FROM, LATEST_LATE_FROM + 1)
    for late_from in (settings.LATE_FROM, *days):
        yield periods.deadline_at(period, periods.zone_named(zone), late_from=late_from)


def _past_periods_have_opened(scope: InvariantScope) -> Findings:
    opened = {row.period for row in _opened(scope)}
    with scope.reading():
        tenant = Tenant.objects.get()
    running = Period.containing(scope.at.date())
    for period in open_periods.owed_periods(tenant, scope.at.date()):
        if str(period) not in opened:
            # The running one opens within minutes, once its first day has begun.
            yield Finding(
                f"the period {period}",
                "is owed and has not opened",
                is_breach=period != running,
            )


def _summaries_equal_recomputed(scope: InvariantScope) -> Findings:
    with scope.snapshot():
        tenant = Tenant.objects.get()
        opened = {row.period: row for row in TenantPeriod.objects.order_by("period")}
        rows = {row.period: row for row in PeriodSummary.objects.all()}
        stale = marks.stale_periods(tenant.pk, opened)
        changes = tuple(LicenceChange.objects.values_list("from_on", "keys"))
        merged = summary_queries.merge_stored(tenant, opened, changes)
        for name, one in opened.items():
            problem = (
                _stale_finding(name)
                if name in stale
                else _difference(tenant, one, rows[name], merged[name])
            )
            if problem is not None:
                yield problem


def _stale_finding(period: str) -> Finding | None:
    """Return what is wrong about a period whose summary is stale; as a rule nothing."""
    covering = [one for one in SummaryMark.objects.all() if one.covers(period)]
    subject = f"the period {period}"
    if not covering:
        return Finding(subject, "has neither a summary nor a mark")
    failed_at = [one.failed_at for one in covering if one.failed_at]
    if failed_at:
        problem = f"cannot be refreshed since {min(failed_at)}; see the log"
        return Finding(subject, problem, is_breach=False)
    return None


def _difference(
    tenant: Tenant, opened: TenantPeriod, row: PeriodSummary, merged: Summary
) -> Finding | None:
    subject, stored = f"the period {opened.period}", summary_queries.stored_summary(row)
    try:
        computed = summary_queries.compute_summary(tenant, opened)
    except ValueError as error:
        return Finding(subject, f"has no calendar: {error}")
    if stored != computed or row.deadline_at != opened.effective_at:
        return Finding(subject, "has a summary that differs from its calendar")
    if stored != merged:
        return Finding(
            subject, "has a summary that differs from its servers' summaries"
        )
    return None


def _flags_agree_with_summaries(scope: InvariantScope) -> Findings:
    with scope.snapshot():
        rows = {row.period: row for row in PeriodSummary.objects.all()}
        stale = marks.stale_periods(Tenant.objects.get().pk, rows)
        for flag in LateFlag.objects.order_by("pk"):
            row = rows.get(flag.period)
            if row is None or flag.period in stale:
                continue  # the refresher updates the flag with the summary
            if not update_flags.agrees(flag, row, at=scope.at):
                subject = f"the late flag of {flag.period}"
                problem = f"(deadline {flag.deadline_at}) differs from the summary"
                yield Finding(subject, problem)


def _kept_counts_equal_counted(scope: InvariantScope) -> Findings:
    if scope.tenant_id is not None:
        return
    with scope.snapshot(), connection.cursor() as cursor:
        cursor.execute(standings_sql.DIFFERENCES)
        for period, kept, counted in cursor.fetchall():
            problem = (
                f"has a kept count of {kept} where {counted} summaries are counted"
            )
            yield Finding(f"the period {period}", problem)


def _late_tenants_are_flagged(scope: InvariantScope) -> Findings:
    if scope.tenant_id is None:
        return
    with scope.reading():
        overdue = late_check.overdue(scope.tenant_id, at=scope.at - _TWO_RUNS_MISSED)
    for period in overdue:
        # The flag may wait for the staff, who have not released a safety stop, or for
        # other zones, whose tenants may make it one.
        problem = "is late and has no flag"
        yield Finding(f"the period {period}", problem, is_breach=False)


def _opened(scope: InvariantScope) -> list[TenantPeriod]:
    # A dozen a year.
    with scope.reading():
        return list(TenantPeriod.objects.order_by("period"))


INVARIANTS = (
    Invariant(
        name="late-flags-follow-their-periods",
        sentence="A late flag is void, complete or open as its period says.",
        check=_flags_agree_with_summaries,
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
        name="kept-counts-are-right",
        sentence="Kept counts equal counted summaries.",
        check=_kept_counts_equal_counted,
        is_across=True,
    ),
    Invariant(
        name="roll-ups-are-what-they-would-be",
        sentence="The summary of an opened period equals one that is computed anew.",
        check=_summaries_equal_recomputed,
    ),
)
