"""Mails tenant admins, once for each API token, that it is about to expire.

A token that was never used is not mailed about, because nothing stops with it; nor is
one that was revoked or replaced, because somebody has acted; nor one created to last no
longer than the lead time of the mail, because its end was just chosen.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from django.core.mail import EmailMultiAlternatives
from django.db import connection

from billing.mail import sql as mail_sql
from billing.models import TokenMail
from portal.accounts.tokens import WARN_BEFORE, is_usable
from portal.db import unit_of_work
from portal.jobs.queue import Claim
from portal.mail import message as mail_message
from portal.mail import outbox
from portal.mail import switch as mail_switch
from portal.mail.outbox import MailOutcome, WrittenMail
from portal.mail.switch import SendPermission
from portal.models import Membership, Role, Tenant, User


def plan(*, at: datetime) -> int:
    """Store a mail to each admin for each token that expires soon; return how many.

    Begins and ends a unit of work of the staff. Plans nothing while no mail may be
    sent.
    """
    with unit_of_work.acting_for(unit_of_work.STAFF), connection.cursor() as cursor:
        permission = mail_switch.send_permission()
        if permission.held:
            return 0
        restored = permission.restored_at
        cursor.execute(
            mail_sql.PLAN_EXPIRY_MAILS,
            {
                "now": at,
                "until": at + WARN_BEFORE,
                "ahead": WARN_BEFORE.total_seconds(),
                "restored": restored,
            },
        )
        return int(cursor.rowcount)


def send_waiting(*, now: Callable[[], datetime]) -> bool:
    """Send one mail that is due; False if there is none, or none can be sent now."""
    with unit_of_work.acting_for(unit_of_work.STAFF):
        permission = mail_switch.send_permission()
    if permission.held:
        return False
    return outbox.send_one(TokenMail, prepare=partial(_prepare, permission), now=now)


def _prepare(
    permission: SendPermission, claim: Claim, at: datetime
) -> EmailMultiAlternatives | None:
    """Compose a mail and mark it as begun, in one unit of work; None if not sent.

    Holds the tenant's lock, so that nobody can replace the token meanwhile.
    """
    with unit_of_work.acting_for(claim.tenant_id, holding=True):
        row = outbox.begin(TokenMail, claim, at=at)
        if row is None:
            return None
        reason = _unneeded_reason(row, permission, at=at)
        if reason:
            outbox.end(TokenMail, claim, MailOutcome.UNNEEDED, problem=reason, at=at)
            return None
        return outbox.store_text(TokenMail, claim, _compose(row), at=at)


def _unneeded_reason(
    row: TokenMail, permission: SendPermission, *, at: datetime
) -> str:
    """Return the code of why a mail need not be sent; empty if it has to be."""
    if permission.restored_at is not None and row.planned_at <= permission.restored_at:
        return "restored"
    admins = Membership.objects.filter(role=Role.ADMIN, user__is_active=True)
    if not admins.filter(user__email=row.recipient).exists():
        return "not-wanted"
    if row.token.replaced_by_id is not None:
        return "token-replaced"
    return "" if is_usable(row.token, at=at) else "token-ended"


def _compose(row: TokenMail) -> WrittenMail:
    # A tenant's unit of work may not read all columns of a person.
    person = User.objects.only("name").get(email=row.recipient)
    tenant = Tenant.objects.get()
    shown = {
        "tenant": tenant,
        "name": person.name,
        "token": row.token,
        "zone": tenant.zone,
    }
    message = mail_message.build_message("token-expires", to=row.recipient, shown=shown)
    name = mail_message.message_id_for(
        "token-expires", str(row.tenant_id), row.recipient, str(row.token_id)
    )
    message.extra_headers["Message-ID"] = name
    return WrittenMail(message, name)
