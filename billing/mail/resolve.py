"""Sends unsure or failed mails again, or marks them as arrived, as staff decide."""

from datetime import datetime, timedelta

from billing.coverage.periods import zone_named
from billing.mail.queries import COMPLETE, KEY, RECEIPT, REMINDER, STATEMENT, TOKEN
from billing.models import (
    TAKES_THE_DAY,
    CompleteMail,
    KeyMail,
    ReceiptMail,
    Reminder,
    StatementMail,
    TokenMail,
)
from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.jobs.queue import JobState
from portal.mail import outbox
from portal.mail.outbox import MailJob, MailOutcome
from portal.models import Tenant

_MODELS: dict[str, type[MailJob]] = {
    REMINDER: Reminder,
    STATEMENT: StatementMail,
    RECEIPT: ReceiptMail,
    COMPLETE: CompleteMail,
    KEY: KeyMail,
    TOKEN: TokenMail,
}


def send_again(kind: str, pk: int, *, by: str, at: datetime) -> bool:
    """Queue an unsure or failed mail again; False if it is neither (now).

    It is still sent only if it is true, on a day on which the recipient gets no other.
    Begins and ends its own units of work, as `arrived` does.
    """
    found = _tenant_of(kind, pk)
    if found is None:
        return False
    model, tenant_id = found
    with unit_of_work.acting_for(tenant_id, holding=True):
        row = model._default_manager.get(pk=pk)
        if row.shown_state not in {MailOutcome.UNSURE, MailOutcome.FAILED}:
            return False
        changes = outbox.requeued(at=at)
        if isinstance(row, Reminder):
            # Requested by a person, it is not overtaken by the steps after it.
            changes |= {"asked_by": by, "day": _free_day(row, at=at)}
        model._default_manager.filter(pk=pk).update(**changes)
        _note(row, "mail-sent-again", by=by, at=at)
    return True


def mark_arrived(kind: str, pk: int, *, by: str, at: datetime) -> bool:
    """Mark an unsure mail as arrived; False if it is not unsure (now)."""
    found = _tenant_of(kind, pk)
    if found is None:
        return False
    model, tenant_id = found
    with unit_of_work.acting_for(tenant_id, holding=True):
        row = model._default_manager.get(pk=pk)
        done = model._default_manager.filter(pk=pk, outcome=MailOutcome.UNSURE).update(
            outcome=MailOutcome.SENT, state=JobState.DONE, problem="said-to-be-here"
        )
        if done:
            _note(row, "mail-arrived", by=by, at=at)
    return done == 1


def _tenant_of(kind: str, pk: int) -> tuple[type[MailJob], int] | None:
    model = _MODELS.get(kind)
    if model is None:
        return None
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        row = model._default_manager.filter(pk=pk).only("tenant_id").first()
    return (model, row.tenant_id) if row else None


def _free_day(row: Reminder, *, at: datetime) -> object:
    """Return the next day, from today, on which the recipient gets no other mail."""
    tenant = Tenant.objects.get()
    day = at.astimezone(zone_named(tenant.zone)).date()
    others = Reminder.objects.filter(
        recipient=row.recipient, day__gte=day, outcome__in=TAKES_THE_DAY
    ).exclude(pk=row.pk)
    taken = set(others.values_list("day", flat=True))
    while day in taken:
        day += timedelta(days=1)
    return day


def _note(row: MailJob, act: str, *, by: str, at: datetime) -> None:
    audit_log.append(
        tenant_id=row.tenant_id,
        actor=by,
        act=act,
        subject=row.recipient,
        details={"subject": row.subject[:200]},
        at=at,
    )
