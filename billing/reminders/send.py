"""Sending the reminders that wait: each once, and only while it is still true.

Before it is written, what is missing is asked anew, from the files themselves. The rest
is `portal.mail.outbox`.
"""

from collections.abc import Callable
from datetime import datetime, time, timedelta, tzinfo
from functools import partial

from django.core.mail import EmailMultiAlternatives
from django.db.models import Q

from billing.coverage.cells import CellState
from billing.coverage.facts import Mode
from billing.coverage.licences import mode_on
from billing.coverage.periods import Period, zone_named
from billing.coverage.reminder_dates import (
    hangs_on_deadline,
    is_late_step,
    latest,
    next_morning,
    waits_until,
)
from billing.coverage.standing import Standing
from billing.models import (
    NOW,
    SAFETY_STOP,
    TAKES_THE_DAY,
    LateFlag,
    LicenceChange,
    PeriodSummary,
    Reminder,
    SafetyStop,
    TenantPeriod,
)
from billing.periods import queries as period_queries
from billing.periods.queries import PeriodView
from billing.reminders import email as reminder_email
from billing.reminders.email import ReminderCase
from portal.db import unit_of_work
from portal.jobs.queue import Claim
from portal.mail import outbox
from portal.mail import switch as mail_switch
from portal.mail.outbox import MailOutcome, WrittenMail
from portal.mail.switch import SendPermission
from portal.models import Membership, Role, Tenant, User

# How long a mail that staff hold back waits until it asks again.
_HELD = timedelta(minutes=15)


def send_waiting(*, now: Callable[[], datetime]) -> bool:
    """Send one mail that is due; False if there is none, or none can be sent now."""
    with unit_of_work.acting_for(unit_of_work.STAFF):
        leave = mail_switch.send_permission()
        stopped = SafetyStop.objects.filter(released_at=None)
        held_periods = frozenset(stopped.values_list("period", flat=True))
    if leave.held:
        return False
    prepare = partial(_prepare, leave, held_periods)
    return outbox.send_one(Reminder, prepare=prepare, now=now)


def _prepare(
    leave: SendPermission, held_periods: frozenset[str], claim: Claim, at: datetime
) -> EmailMultiAlternatives | None:
    """Write a mail and that it is begun, in one unit of work; None if it does not go.

    Under the tenant's lock: no file is accepted meanwhile.
    """
    with unit_of_work.acting_for(claim.tenant_id, holding=True):
        row = outbox.begin(Reminder, claim, at=at)
        if row is None:
            return None
        tenant = Tenant.objects.get()
        view = period_queries.view_period(Period.parse(row.period), at=at)
        if _says_late(row, view, at=at) and row.period in held_periods:
            outbox.wait(Reminder, claim, at + _HELD, problem=SAFETY_STOP)
            return None
        case = _case(row, view, tenant, at=at)
        reason = _not_needed(case, leave)
        if reason:
            outbox.end(Reminder, claim, MailOutcome.UNNEEDED, problem=reason, at=at)
            return None
        zone = zone_named(tenant.zone)
        later = _may_go_at(row, _ends_at(row, view), zone, at=at)
        if later > at:
            outbox.wait(Reminder, claim, later, problem=row.problem)
            return None
        letter = _written(case)
        today = at.astimezone(zone).date()
        return outbox.store_text(Reminder, claim, letter, at=at, day=today)


def draft(row: Reminder, *, at: datetime) -> WrittenMail:
    """Write what a reminder would say now; it goes nowhere.

    Begins and ends a unit of work of its tenant.
    """
    with unit_of_work.acting_for(row.tenant_id, reading=True):
        view = period_queries.view_period(Period.parse(row.period), at=at)
        return _written(_case(row, view, Tenant.objects.get(), at=at))


def _case(
    row: Reminder, view: PeriodView, tenant: Tenant, *, at: datetime
) -> ReminderCase:
    flag = standing_flag(view) if at >= view.deadline_at else None
    rolled = PeriodSummary.objects.filter(period=row.period).first()
    settled = frozenset([*flag.waived, *flag.decided]) if flag else frozenset()
    if row.refused_until is not None:
        cells = view.judgement.calendar.cells
        days = frozenset(f"{day} {server}" for server, day in cells)
        settled = days - reminder_email.grace_days(rolled, at=at).keys()
    return ReminderCase(row, view, tenant, flag, rolled, settled, at)


def _written(case: ReminderCase) -> WrittenMail:
    return reminder_email.compose(case, name=_name_of(case.row.recipient))


def _not_needed(case: ReminderCase, leave: SendPermission) -> str:
    """Return why a mail need not go any more, a code; empty if it has to."""
    row = case.row
    if leave.restored_at is not None and row.planned_at <= leave.restored_at:
        return "restored"
    is_late = _says_late(row, case.view, at=case.at)
    if not is_recipient(row, case.tenant, is_late=is_late):
        return "not-wanted"
    return _nothing_missing(case) or _passed(case)


def _passed(case: ReminderCase) -> str:
    """Return why a mail of its step is out of season, a code; empty if it is not."""
    row, view, flag, at = case.row, case.view, case.flag, case.at
    if row.step.startswith(NOW) or row.refused_until is not None:
        return ""
    if at >= view.deadline_at and not (flag and flag.undecided_days):
        return _why_settled(case) if is_late_step(row.step) else "deadline-passed"
    if row.asked_by:
        # Sent again by staff, it is not overtaken by the steps after it.
        return ""
    due = latest(
        *(view.period, zone_named(case.tenant.zone)),
        deadline_at=view.deadline_at,
        flagged_at=flag.raised_at if flag else None,
        at=at,
    )
    is_due = due is not None and due.step == row.step and _is_for_deadline(row)
    return "" if is_due else "overtaken"


def _is_for_deadline(row: Reminder) -> bool:
    """Say whether a step that hangs on a deadline hangs on the one that counts now."""
    if not hangs_on_deadline(row.step):
        return True
    opened = TenantPeriod.objects.filter(period=row.period).first()
    return opened is not None and opened.extended_to == row.extended_to


def _nothing_missing(case: ReminderCase) -> str:
    view = case.view
    calendar, standing = view.judgement.calendar, view.judgement.standing
    if standing in (Standing.COMPLETE, Standing.COMPLETED_LATE):
        return "complete"
    if standing is Standing.NOTHING_OWED:
        return "nothing-owed"
    if reminder_email.asked_for(calendar, case.settled).cells:
        return ""
    if reminder_email.asked_for(calendar, ()).cells:
        return _why_settled(case)
    if calendar.lacks_servers and _is_manual(view.period):
        return ""
    waits = calendar.counts.by_state.get(CellState.WITH_US)
    return "with-us" if waits else "nothing-to-send"


def _why_settled(case: ReminderCase) -> str:
    until = case.row.refused_until
    if until is not None:
        return "deadline-passed" if case.at >= until else "not-missing"
    # Some of it may have come and the rest be waived: nobody answered to all of it.
    return (case.flag.answer if case.flag else "") or "settled"


def _is_manual(period: Period) -> bool:
    changes = tuple(LicenceChange.objects.values_list("from_on", "keys"))
    return mode_on(changes, period.ends_on) is Mode.MANUAL


def standing_flag(view: PeriodView) -> LateFlag | None:
    """Return the late flag of the period's deadline, in this unit of work."""
    return LateFlag.objects.filter(
        period=str(view.period),
        deadline_at=view.deadline_at,
        voided_at=None,
        completed_at=None,
    ).first()


def _says_late(row: Reminder, view: PeriodView, *, at: datetime) -> bool:
    """Say whether a mail is one of those about what is late."""
    is_past = at >= view.deadline_at and row.refused_until is None
    return is_late_step(row.step) or is_past


def _ends_at(row: Reminder, view: PeriodView) -> datetime:
    """Return the instant before which a mail has to have gone."""
    return row.refused_until or view.deadline_at


def is_recipient(row: Reminder, tenant: Tenant, *, is_late: bool) -> bool:
    """Say whether an address still gets mails of this kind, in this unit of work."""
    may_escalate = is_late_step(row.step) or is_late
    if may_escalate and row.recipient == tenant.escalation_address:
        return True
    members = Membership.objects.filter(
        user__email=row.recipient, user__is_active=True
    ).only("role", "gets_reminders")
    return any(
        member.role == Role.ADMIN
        if member.gets_reminders is None
        else member.gets_reminders
        for member in members
    )


def _may_go_at(
    row: Reminder, ends_at: datetime, zone: tzinfo, *, at: datetime
) -> datetime:
    """Return when a mail may go: at once, or on another morning of the zone."""
    local = at.astimezone(zone)
    begun_today = Q(begun_at__gte=datetime.combine(local, time(), zone))
    others = Reminder.objects.filter(
        Q(day=local.date()) | begun_today,
        recipient=row.recipient,
        outcome__in=TAKES_THE_DAY,
    ).exclude(pk=row.pk)
    if others.exists():
        evening = local.replace(hour=23)
        return next_morning(max(evening, at), zone)
    if row.asked_by:
        return at
    return waits_until(at, zone, deadline_at=ends_at)


def _name_of(address: str) -> str:
    # Not all columns of a person are a tenant's to read.
    person = User.objects.filter(email=address).only("name").first()
    return person.name if person else ""
