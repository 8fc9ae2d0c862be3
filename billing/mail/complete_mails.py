"""Tells everybody who was reminded of a period, once, that the period is complete.

Planning reads the summaries; when a mail is sent, the period is computed once more from
the files, as for reminders (`billing.reminders.send`).
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from django.core.mail import EmailMultiAlternatives
from django.db import connection

from billing.coverage.periods import Period
from billing.coverage.reminder_dates import LATE
from billing.coverage.standing import Standing
from billing.mail import sql as mail_sql
from billing.models import CompleteMail, PeriodOutcome, Reminder
from billing.periods import queries as period_queries
from billing.periods import text as period_text
from billing.periods.headline import span_text
from billing.periods.queries import PeriodView
from billing.reminders import send as reminder_send
from portal.db import unit_of_work
from portal.jobs.queue import Claim
from portal.mail import message as mail_message
from portal.mail import outbox
from portal.mail import switch as mail_switch
from portal.mail.outbox import MailOutcome, WrittenMail
from portal.mail.switch import SendPermission
from portal.models import Membership, Tenant

# Older periods get no mail: their reminders ended after eight weeks.
_PERIODS = 6

_COMPLETE = (Standing.COMPLETE, Standing.COMPLETED_LATE)


def plan(*, at: datetime) -> int:
    """Queue a mail to everybody who was reminded of a complete period; return how many.

    Begins and ends a unit of work of the staff. Plans nothing while no mail may be
    sent.
    """
    with unit_of_work.acting_for(unit_of_work.STAFF), connection.cursor() as cursor:
        permission = mail_switch.send_permission()
        if permission.held:
            return 0
        shown: dict[str, Any] = {
            "now": at,
            "periods": _recent_periods(at),
            "covered": PeriodOutcome.COVERED,
            "restored": permission.restored_at,
        }
        cursor.execute(mail_sql.PLAN_COMPLETE_MAILS, shown)
        return int(cursor.rowcount)


def _recent_periods(at: datetime) -> list[str]:
    period, found = Period.containing(at.date()), []
    for _ in range(_PERIODS):
        found.append(str(period))
        period = period.previous()
    return found


def send_waiting(*, now: Callable[[], datetime]) -> bool:
    """Send one mail that is due; False if there is none, or none can be sent now."""
    with unit_of_work.acting_for(unit_of_work.STAFF):
        permission = mail_switch.send_permission()
    if permission.held:
        return False
    prepare = partial(_prepare, permission)
    return outbox.send_one(CompleteMail, prepare=prepare, now=now)


def _prepare(
    permission: SendPermission, claim: Claim, at: datetime
) -> EmailMultiAlternatives | None:
    """Compose a mail and mark it as begun, in one unit of work; None if not sent.

    Holds the tenant's lock, so that the period cannot become incomplete meanwhile.
    """
    with unit_of_work.acting_for(claim.tenant_id, holding=True):
        row = outbox.begin(CompleteMail, claim, at=at)
        if row is None:
            return None
        tenant = Tenant.objects.get()
        view = period_queries.view_period(Period.parse(row.period), at=at)
        reason = _unneeded_reason(row, tenant, view, permission)
        if reason:
            outbox.end(CompleteMail, claim, MailOutcome.UNNEEDED, problem=reason, at=at)
            return None
        return outbox.store_text(
            CompleteMail, claim, _compose(row, tenant, view), at=at
        )


def _unneeded_reason(
    row: CompleteMail, tenant: Tenant, view: PeriodView, permission: SendPermission
) -> str:
    """Return the code of why a mail need not be sent; empty if it has to be."""
    if permission.restored_at is not None and row.planned_at <= permission.restored_at:
        return "restored"
    # A person who has stopped reminders gets no mail about their end either.
    reminded = Reminder(recipient=row.recipient, step=LATE)
    if not reminder_send.is_recipient(reminded, tenant, is_late=True):
        return "not-wanted"
    return "" if view.judgement.standing in _COMPLETE else "incomplete"


def _compose(row: CompleteMail, tenant: Tenant, view: PeriodView) -> WrittenMail:
    calendar = view.judgement.calendar
    members = Membership.objects.filter(user__email=row.recipient)
    is_member = members.exists()
    shown = {
        "tenant": tenant,
        "period": view.period,
        "span": span_text(view.period),
        "month": period_text.month_text(view.period),
        "owed": calendar.owed,
        "covered": calendar.covered,
        "last_at": _last_received_at(view),
        "zone": view.zone,
        "late_from": view.deadline_at,
        "is_late": view.judgement.standing is Standing.COMPLETED_LATE,
        "is_member": is_member,
    }
    message = mail_message.build_message(
        "period-complete",
        to=row.recipient,
        shown=shown,
        stop_page="people-page" if is_member else "",
    )
    name = mail_message.message_id_for(
        "period-complete", str(row.tenant_id), row.recipient, row.period
    )
    message.extra_headers["Message-ID"] = name
    return WrittenMail(message, name)


def _last_received_at(view: PeriodView) -> datetime | None:
    """Return when the last file of the period was received; None without files."""
    cells = view.judgement.calendar.cells.values()
    found = (fact.received_at for cell in cells for fact in cell.files)
    return max(found, default=None)
