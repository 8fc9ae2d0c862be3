"""Sends the waiting reminders: each once, and only if it is still needed.

Before a mail is composed, what is missing is computed anew, from the files themselves.
The rest is `portal.mail.outbox`.
"""

from collections.abc import Callable
from datetime import datetime, time, timedelta, tzinfo
from functools import partial

from django.core.mail import EmailMultiAlternatives
from django.db.models import Q

from billing.coverage.periods import Period, zone_named
from billing.coverage.reminder_dates import (
    depends_on_deadline,
    is_late_step,
    latest,
    next_morning,
    waits_until,
)
from billing.models import (
    NOW,
    SAFETY_STOP,
    TAKES_THE_DAY,
    Reminder,
    SafetyStop,
    TenantPeriod,
)
from billing.periods import queries as period_queries
from billing.periods.queries import PeriodView
from billing.reminders import email as reminder_email
from billing.reminders import facts as reminder_facts
from billing.reminders import late_email
from billing.reminders.email import ReminderFacts
from portal.db import unit_of_work
from portal.jobs.queue import Claim
from portal.mail import outbox
from portal.mail import switch as mail_switch
from portal.mail.outbox import MailOutcome, WrittenMail
from portal.mail.switch import SendPermission
from portal.models import Membership, Role, Tenant, User

# A mail held back by staff is checked again after this time.
_HELD = timedelta(minutes=15)


def send_waiting(*, now: Callable[[], datetime]) -> bool:
    """Send one mail that is due; False if there is none, or none can be sent now."""
    with unit_of_work.acting_for(unit_of_work.STAFF):
        permission = mail_switch.send_permission()
        held_periods = _held_periods()
    if permission.held:
        return False
    prepare = partial(_prepare, permission, held_periods)
    return outbox.send_one(Reminder, prepare=prepare, now=now)


def _prepare(
    permission: SendPermission, held_periods: frozenset[str], claim: Claim, at: datetime
) -> EmailMultiAlternatives | None:
    """Compose a mail and mark it as begun, in one unit of work; None if not sent.

    Under the tenant's lock: no file is accepted meanwhile.
    """
    with unit_of_work.acting_for(claim.tenant_id, holding=True):
        row = outbox.begin(Reminder, claim, at=at)
        if row is None:
            return None
        tenant = Tenant.objects.get()
        view = period_queries.view_period(Period.parse(row.period), at=at)
        if _is_about_lateness(row, view, at=at) and row.period in held_periods:
            outbox.wait(Reminder, claim, at + _HELD, problem=SAFETY_STOP)
            return None
        facts = reminder_facts.load_facts(row, view, tenant, at=at)
        reason = _unneeded_reason(facts, permission)
        if reason:
            outbox.end(Reminder, claim, MailOutcome.UNNEEDED, problem=reason, at=at)
            return None
        zone = zone_named(tenant.zone)
        later = _may_go_at(row, _ends_at(row, view), zone, at=at)
        if later > at:
            outbox.wait(Reminder, claim, later, problem=row.problem)
            return None
        late = reminder_facts.load_late(facts, held_periods)
        mail = _compose(facts, late, held_periods)
        changes = {
            "day": at.astimezone(zone).date(),
            "late_periods": [one.row.period for one in late],
        }
        return outbox.store_text(Reminder, claim, mail, at=at, **changes)


def draft(row: Reminder, *, at: datetime) -> WrittenMail:
    """Compose a reminder as it would be sent now, without sending it.

    Begins and ends units of work of the staff and of the mail's tenant.
    """
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        held_periods = _held_periods()
    with unit_of_work.acting_for(row.tenant_id, reading=True):
        view = period_queries.view_period(Period.parse(row.period), at=at)
        facts = reminder_facts.load_facts(row, view, Tenant.objects.get(), at=at)
        late = reminder_facts.load_late(facts, held_periods)
        return _compose(facts, late, held_periods)


def _held_periods() -> frozenset[str]:
    """Return the periods that a safety stop holds, in a unit of work of the staff."""
    stopped = SafetyStop.objects.filter(released_at=None)
    return frozenset(stopped.values_list("period", flat=True))


def _compose(
    facts: ReminderFacts, late: list[ReminderFacts], held_periods: frozenset[str]
) -> WrittenMail:
    name = _name_of(facts.row.recipient)
    if len(late) > 1:
        return late_email.compose(facts, late, name=name)
    if late:
        return reminder_email.compose(facts, name=name)
    also_late = reminder_facts.load_other_late(facts, held_periods)
    return reminder_email.compose(facts, also_late, name=name)


def _unneeded_reason(facts: ReminderFacts, permission: SendPermission) -> str:
    """Return the code of why a mail need not be sent; empty if it has to be."""
    row = facts.row
    if permission.restored_at is not None and row.planned_at <= permission.restored_at:
        return "restored"
    is_late = _is_about_lateness(row, facts.view, at=facts.at)
    if not is_recipient(row, facts.tenant, is_late=is_late):
        return "not-wanted"
    return reminder_facts.nothing_missing_reason(facts) or _overtaken_reason(facts)


def _overtaken_reason(facts: ReminderFacts) -> str:
    """Return the code of why the step of a mail is outdated; empty if it is not."""
    row, view, flag, at = facts.row, facts.view, facts.flag, facts.at
    if row.step.startswith(NOW) or row.refused_until is not None:
        return ""
    if at >= view.deadline_at and not (flag and flag.undecided_days):
        return (
            reminder_facts.exclusion_reason(facts)
            if is_late_step(row.step)
            else "deadline-passed"
        )
    if row.asked_by:
        # A mail that staff send again is not overtaken by the steps after it.
        return ""
    due = latest(
        *(view.period, zone_named(facts.tenant.zone)),
        deadline_at=view.deadline_at,
        flagged_at=flag.raised_at if flag else None,
        at=at,
    )
    is_due = due is not None and due.step == row.step and _is_for_deadline(row)
    return "" if is_due else "overtaken"


def _is_for_deadline(row: Reminder) -> bool:
    """Return whether the step depends on no deadline or on the effective one."""
    if not depends_on_deadline(row.step):
        return True
    opened = TenantPeriod.objects.filter(period=row.period).first()
    return opened is not None and opened.extended_to == row.extended_to


def _is_about_lateness(row: Reminder, view: PeriodView, *, at: datetime) -> bool:
    """Return whether a mail is about lateness."""
    is_past = at >= view.deadline_at and row.refused_until is None
    return is_late_step(row.step) or is_past


def _ends_at(row: Reminder, view: PeriodView) -> datetime:
    """Return the instant before which a mail has to be sent."""
    return row.refused_until or view.deadline_at


def is_recipient(row: Reminder, tenant: Tenant, *, is_late: bool) -> bool:
    """Return whether an address still gets mails of this kind, in this unit of work."""
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
    """Return when a mail may be sent: at once, or on a later morning of the zone."""
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
