"""Loads what a reminder is composed from at sending time, from the files themselves.

In a unit of work of the tenant.
"""

from collections.abc import Collection
from datetime import datetime

from billing.coverage.cells import CellState
from billing.coverage.facts import Mode
from billing.coverage.licences import mode_on
from billing.coverage.periods import Period
from billing.coverage.reminder_dates import LATE, is_late_step
from billing.coverage.standing import Standing
from billing.models import LateFlag, LicenceChange, Reminder, TenantPeriod
from billing.periods import queries as period_queries
from billing.periods import summary_queries
from billing.periods.queries import PeriodView
from billing.reminders import email as reminder_email
from billing.reminders.email import ReminderFacts
from portal.models import Tenant


def load_facts(
    row: Reminder, view: PeriodView, tenant: Tenant, *, at: datetime
) -> ReminderFacts:
    """Load the facts of a mail whose period is `view`, in the running unit of work."""
    flag = current_flag(view) if at >= view.deadline_at else None
    opened = TenantPeriod.objects.filter(period=row.period).first()
    summary = summary_queries.current_summary(tenant, opened) if opened else None
    excluded = frozenset([*flag.waived, *flag.decided]) if flag else frozenset()
    if row.refused_until is not None:
        cells = view.judgement.calendar.cells
        days = frozenset(f"{day} {server}" for server, day in cells)
        excluded = days - reminder_email.grace_days(summary, at=at).keys()
    return ReminderFacts(row, view, tenant, flag, summary, excluded, at)


def load_late(
    facts: ReminderFacts, held_periods: Collection[str]
) -> list[ReminderFacts]:
    """Return the facts of all late periods that a late mail names, newest first.

    The mail's own period is one of them; none for mails that are not of a late step.
    Others are named on the same conditions.
    """
    if not is_late_step(facts.row.step):
        return []
    found = [facts, *load_other_late(facts, held_periods)]
    return sorted(found, key=lambda one: one.row.period, reverse=True)


def load_other_late(
    facts: ReminderFacts, held_periods: Collection[str]
) -> list[ReminderFacts]:
    """Return the facts of other late periods than the mail's own, newest first.

    They are late now, days are missing that staff have neither waived nor decided on,
    and no safety stop holds them.
    """
    found = []
    flags = LateFlag.objects.filter(voided_at=None, completed_at=None)
    periods = set(flags.values_list("period", flat=True)) - {facts.row.period}
    for period in periods.difference(held_periods):
        view = period_queries.view_period(Period.parse(period), at=facts.at)
        row = Reminder(
            tenant_id=facts.row.tenant_id,
            recipient=facts.row.recipient,
            period=period,
            step=LATE,
        )
        other = load_facts(row, view, facts.tenant, at=facts.at)
        is_late = view.judgement.standing is Standing.LATE
        has_open_days = other.flag is not None and bool(other.flag.undecided_days)
        if is_late and has_open_days and not nothing_missing_reason(other):
            found.append(other)
    return sorted(found, key=lambda one: one.row.period, reverse=True)


def current_flag(view: PeriodView) -> LateFlag | None:
    """Return the late flag of the period's deadline, in this unit of work."""
    return LateFlag.objects.filter(
        period=str(view.period),
        deadline_at=view.deadline_at,
        voided_at=None,
        completed_at=None,
    ).first()


def nothing_missing_reason(facts: ReminderFacts) -> str:
    """Return the code of why a mail has nothing to request; empty if it has."""
    view = facts.view
    calendar, standing = view.judgement.calendar, view.judgement.standing
    if standing in (Standing.COMPLETE, Standing.COMPLETED_LATE):
        return "complete"
    if standing is Standing.NOTHING_OWED:
        return "nothing-owed"
    if reminder_email.requested_days(calendar, facts.excluded).cells:
        return ""
    if reminder_email.requested_days(calendar, ()).cells:
        return exclusion_reason(facts)
    if calendar.lacks_servers and _is_manual(view.period):
        return ""
    waits = calendar.counts.by_state.get(CellState.WITH_US)
    return "with-us" if waits else "nothing-to-send"


def exclusion_reason(facts: ReminderFacts) -> str:
    """Return the code of why the missing days are not requested."""
    until = facts.row.refused_until
    if until is not None:
        return "deadline-passed" if facts.at >= until else "not-missing"
    # Some days may have arrived and the rest be waived: no one answer covers them all.
    return (facts.flag.answer if facts.flag else "") or "settled"


def _is_manual(period: Period) -> bool:
    changes = tuple(LicenceChange.objects.values_list("from_on", "keys"))
    return mode_on(changes, period.ends_on) is Mode.MANUAL
