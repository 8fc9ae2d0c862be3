"""Sending the reminders that wait: each once, and only while it is still true.

Before it is written, what is missing is asked anew, from the files themselves. The rest
is `portal.letter_work`.
"""

from collections.abc import Callable
from datetime import datetime, time, timedelta, tzinfo
from functools import partial

from django.core.mail import EmailMultiAlternatives
from django.db.models import Q

from billing import queries, reminder_letters
from billing.cells import CellState
from billing.facts import Mode
from billing.late_flag import LateFlag, SafetyStop
from billing.licences import mode_on
from billing.models import LicenceChange, PeriodRollUp, TenantPeriod
from billing.periods import Period, zone_named
from billing.queries import PeriodView
from billing.reminder_row import NOW, SAFETY_STOP, TAKES_THE_DAY, Reminder
from billing.reminder_steps import (
    hangs_on_deadline,
    is_late_step,
    latest,
    next_morning,
    waits_until,
)
from billing.standing import Standing
from portal import access, letter_work, mailing
from portal.letter_work import Outcome, Written
from portal.mailing import Leave
from portal.models import Membership, Role, Tenant, User
from portal.work import Claim

# How long a mail that staff hold back waits until it asks again.
_HELD = timedelta(minutes=15)


def send_waiting(*, now: Callable[[], datetime]) -> bool:
    """Send one mail that is due; False if there is none, or none can be sent now."""
    with access.acting_for(access.STAFF):
        leave = mailing.leave()
        stopped = SafetyStop.objects.filter(released_at=None)
        held_periods = frozenset(stopped.values_list("period", flat=True))
    if leave.held:
        return False
    prepare = partial(_prepare, leave, held_periods)
    return letter_work.send_one(Reminder, prepare=prepare, now=now)


def _prepare(
    leave: Leave, held_periods: frozenset[str], claim: Claim, at: datetime
) -> EmailMultiAlternatives | None:
    """Write a mail and that it is begun, in one unit of work; None if it does not go.

    Under the tenant's lock: no file is accepted meanwhile.
    """
    with access.acting_for(claim.tenant_id, holding=True):
        row = letter_work.begin(Reminder, claim, at=at)
        if row is None:
            return None
        tenant = Tenant.objects.get()
        view = queries.view_period(Period.parse(row.period), at=at)
        if _says_late(row, view, at=at) and row.period in held_periods:
            letter_work.wait(Reminder, claim, at + _HELD, problem=SAFETY_STOP)
            return None
        flag = standing_flag(view) if at >= view.deadline_at else None
        reason = _not_needed(row, view, tenant, leave, flag, at=at)
        if reason:
            letter_work.end(Reminder, claim, Outcome.UNNEEDED, problem=reason, at=at)
            return None
        zone = zone_named(tenant.zone)
        later = _may_go_at(row, _ends_at(row, view), zone, at=at)
        if later > at:
            letter_work.wait(Reminder, claim, later, problem=row.problem)
            return None
        letter = _written(row, view, tenant, flag, at=at)
        today = at.astimezone(zone).date()
        return letter_work.keep(Reminder, claim, letter, at=at, day=today)


def draft(row: Reminder, *, at: datetime) -> Written:
    """Write what a reminder would say now; it goes nowhere.

    Begins and ends a unit of work of its tenant.
    """
    with access.acting_for(row.tenant_id, reading=True):
        view = queries.view_period(Period.parse(row.period), at=at)
        flag = standing_flag(view) if at >= view.deadline_at else None
        return _written(row, view, Tenant.objects.get(), flag, at=at)


def _written(
    row: Reminder,
    view: PeriodView,
    tenant: Tenant,
    flag: LateFlag | None,
    *,
    at: datetime,
) -> Written:
    return reminder_letters.compose(
        row,
        view,
        settled=_settled(row, view, flag),
        tenant=tenant,
        name=_name_of(row.recipient),
        at=at,
    )


def _not_needed(
    row: Reminder,
    view: PeriodView,
    tenant: Tenant,
    leave: Leave,
    flag: LateFlag | None,
    *,
    at: datetime,
) -> str:
    """Return why a mail need not go any more, a code; empty if it has to."""
    if leave.restored_at is not None and row.planned_at <= leave.restored_at:
        return "restored"
    if not is_recipient(row, tenant, is_late=_says_late(row, view, at=at)):
        return "not-wanted"
    return _nothing_missing(row, view, flag) or _passed(row, view, tenant, flag, at=at)


def _passed(
    row: Reminder,
    view: PeriodView,
    tenant: Tenant,
    flag: LateFlag | None,
    *,
    at: datetime,
) -> str:
    """Return why a mail of its step is out of season, a code; empty if it is not."""
    if row.step.startswith(NOW):
        return ""
    if row.refused_until is not None:
        return "" if at < row.refused_until else "deadline-passed"
    if at >= view.deadline_at and not (flag and flag.undecided_days):
        return _why_settled(row, flag) if is_late_step(row.step) else "deadline-passed"
    if row.asked_by:
        # Sent again by staff, it is not overtaken by the steps after it.
        return ""
    due = latest(
        *(view.period, zone_named(tenant.zone)),
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


def _nothing_missing(row: Reminder, view: PeriodView, flag: LateFlag | None) -> str:
    calendar, standing = view.judgement.calendar, view.judgement.standing
    if standing in (Standing.COMPLETE, Standing.COMPLETED_LATE):
        return "complete"
    if standing is Standing.NOTHING_OWED:
        return "nothing-owed"
    if reminder_letters.asked_for(calendar, _settled(row, view, flag)).cells:
        return ""
    if reminder_letters.asked_for(calendar, ()).cells:
        return _why_settled(row, flag)
    if calendar.lacks_servers and _is_manual(view.period):
        return ""
    waits = calendar.counts.by_state.get(CellState.WITH_US)
    return "with-us" if waits else "nothing-to-send"


def _why_settled(row: Reminder, flag: LateFlag | None) -> str:
    if row.refused_until is not None:
        return "not-missing"
    # Some of it may have come and the rest be waived: nobody answered to all of it.
    return (flag.answer if flag else "") or "settled"


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


def _settled(row: Reminder, view: PeriodView, flag: LateFlag | None) -> frozenset[str]:
    """Return the server-days that a mail leaves out.

    Staff have waived them or decided on them; one about a refusal is for its days only.
    """
    if row.refused_until is None:
        return frozenset([*flag.waived, *flag.decided]) if flag else frozenset()
    graced = PeriodRollUp.objects.filter(period=row.period).values_list(
        "graced", "graced_until"
    )
    its = {
        day
        for days, ends in graced
        for day, until in zip(days, ends, strict=True)
        if until == row.refused_until
    }
    cells = view.judgement.calendar.cells
    return frozenset(f"{day} {server}" for server, day in cells) - its


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
