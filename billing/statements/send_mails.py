"""Sends the waiting mails about issued versions: each once, and only if still needed.

The rest is `portal.mail.outbox`.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from django.core.mail import EmailMultiAlternatives

from billing.models import Statement, StatementMail
from billing.statements import email as statement_email
from billing.statements import plan_mails
from portal.db import unit_of_work
from portal.jobs.queue import Claim
from portal.mail import outbox
from portal.mail import switch as mail_switch
from portal.mail.outbox import MailOutcome, WrittenMail
from portal.mail.switch import SendPermission


def send_waiting(*, now: Callable[[], datetime]) -> bool:
    """Send one mail that is due; False if there is none, or none can be sent now."""
    with unit_of_work.acting_for(unit_of_work.STAFF):
        permission = mail_switch.send_permission()
    if permission.held:
        return False
    prepare = partial(_prepare, permission)
    return outbox.send_one(StatementMail, prepare=prepare, now=now)


def draft(row: StatementMail) -> WrittenMail:
    """Compose a mail as it would be sent, without sending it.

    Begins and ends a unit of work of its tenant.
    """
    with unit_of_work.acting_for(row.tenant_id, reading=True):
        return _compose(row)


def _prepare(
    permission: SendPermission, claim: Claim, at: datetime
) -> EmailMultiAlternatives | None:
    """Compose a mail and mark it as begun, in one unit of work; None if not sent.

    Under the tenant's lock: no later version is issued meanwhile.
    """
    with unit_of_work.acting_for(claim.tenant_id, holding=True):
        row = outbox.begin(StatementMail, claim, at=at)
        if row is None:
            return None
        reason = _unneeded_reason(row, permission)
        if reason:
            outbox.end(
                StatementMail, claim, MailOutcome.UNNEEDED, problem=reason, at=at
            )
            return None
        return outbox.store_text(StatementMail, claim, _compose(row), at=at)


def _unneeded_reason(row: StatementMail, permission: SendPermission) -> str:
    """Return the code of why a mail need not be sent; empty if it has to be."""
    if permission.restored_at is not None and row.planned_at <= permission.restored_at:
        return "restored"
    if row.recipient not in plan_mails.recipients():
        return "not-wanted"
    later = Statement.objects.filter(period=row.period, version__gt=row.version)
    return "later-version" if later.exists() else ""


def _compose(row: StatementMail) -> WrittenMail:
    versions = Statement.objects.only("tenant_id", "period", "version", "document")
    statement = versions.get(period=row.period, version=row.version)
    return statement_email.compose(statement, to=row.recipient)
