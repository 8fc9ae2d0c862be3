"""Mails tenant admins, once for each server key, that files wait for the key.

The keys that wait at the same time are in one mail.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from django.core.mail import EmailMultiAlternatives
from django.db import connection
from django.db.models import QuerySet

from billing.mail import sql as mail_sql
from billing.models import KeyMail
from portal.db import unit_of_work
from portal.jobs.queue import Claim, JobState
from portal.mail import message as mail_message
from portal.mail import outbox
from portal.mail import switch as mail_switch
from portal.mail.outbox import MailOutcome, WrittenMail
from portal.mail.switch import SendPermission
from portal.models import Membership, Role, Tenant, User
from usage.models import FileState, KeyState, ServerKey, UsageFile

# How long a mail waits for further files: a server sends all it has at once.
_GATHER = timedelta(minutes=10)

# Most keys in one mail, which is composed under the tenant's lock.
_KEYS_AT_MOST = 100

# The reason code of a row whose key is in another mail; `message_id` names that mail.
_IN_ANOTHER = "in-another-mail"


def plan(*, at: datetime) -> int:
    """Store a mail to each admin for each key that files wait for; return how many.

    Begins and ends a unit of work of the staff. Plans nothing while no mail may be
    sent.
    """
    with unit_of_work.acting_for(unit_of_work.STAFF), connection.cursor() as cursor:
        permission = mail_switch.send_permission()
        if permission.held:
            return 0
        restored = permission.restored_at
        shown = {"now": at, "gathered": at - _GATHER, "restored": restored}
        cursor.execute(mail_sql.PLAN_KEY_MAILS, shown)
        return int(cursor.rowcount)


def send_waiting(*, now: Callable[[], datetime]) -> bool:
    """Send one mail that is due; False if there is none, or none can be sent now."""
    with unit_of_work.acting_for(unit_of_work.STAFF):
        permission = mail_switch.send_permission()
    if permission.held:
        return False
    return outbox.send_one(KeyMail, prepare=partial(_prepare, permission), now=now)


def _prepare(
    permission: SendPermission, claim: Claim, at: datetime
) -> EmailMultiAlternatives | None:
    """Compose a mail and mark it as begun, in one unit of work; None if not sent.

    Holds the tenant's lock, so that nobody can confirm or refuse the key meanwhile.
    """
    with unit_of_work.acting_for(claim.tenant_id, holding=True):
        row = outbox.begin(KeyMail, claim, at=at)
        if row is None:
            return None
        # 1. A retried mail lists the keys that wait now.
        _separate(row)
        reason = _unneeded_reason(row, permission)
        if reason:
            outbox.end(KeyMail, claim, MailOutcome.UNNEEDED, problem=reason, at=at)
            return None
        # 2. Other waiting keys are in this mail too, and get no mail of their own.
        others = _join_others(row, permission, at=at)
        return outbox.store_text(KeyMail, claim, _compose(row, others), at=at)


def _separate(row: KeyMail) -> None:
    joined = KeyMail.objects.filter(
        recipient=row.recipient, problem=_IN_ANOTHER, message_id=_message_id(row)
    )
    joined.update(
        state=JobState.WAITING, outcome="", problem="", message_id="", ended_at=None
    )


def _join_others(
    row: KeyMail, permission: SendPermission, *, at: datetime
) -> list[KeyMail]:
    waiting = KeyMail.objects.filter(
        recipient=row.recipient,
        state=JobState.WAITING,
        due_at__lte=at,
        begun_at=None,
        # Without rows that were tried: their mails may list keys of other rows.
        message_id="",
    )
    found = waiting.exclude(pk=row.pk).order_by("server", "pk")[: _KEYS_AT_MOST - 1]
    others = [one for one in found if not _unneeded_reason(one, permission)]
    KeyMail.objects.filter(pk__in=[one.pk for one in others]).update(
        state=JobState.DONE,
        outcome=MailOutcome.UNNEEDED,
        problem=_IN_ANOTHER,
        message_id=_message_id(row),
        ended_at=at,
        lease=None,
        leased_until=None,
    )
    return others


def _unneeded_reason(row: KeyMail, permission: SendPermission) -> str:
    """Return the code of why a mail need not be sent; empty if it has to be."""
    if permission.restored_at is not None and row.planned_at <= permission.restored_at:
        return "restored"
    admins = Membership.objects.filter(role=Role.ADMIN, user__is_active=True)
    if not admins.filter(user__email=row.recipient).exists():
        return "not-wanted"
    if not _keys(row).exists():
        is_refused = _keys(row, KeyState.REFUSED).exists()
        return "key-refused" if is_refused else "key-confirmed"
    return "" if _waiting_files(row).exists() else "nothing-held"


def _keys(row: KeyMail, state: KeyState = KeyState.PROPOSED) -> QuerySet[ServerKey]:
    return ServerKey.objects.filter(
        server__name=row.server, fingerprint=row.fingerprint, state=state
    )


def _waiting_files(row: KeyMail) -> QuerySet[UsageFile]:
    keys = _keys(row)
    return UsageFile.objects.filter(
        state=FileState.HELD,
        server__in=keys.values("server"),
        signer__in=keys.values("public"),
    )


def _message_id(row: KeyMail) -> str:
    return mail_message.message_id_for(
        "server-key", str(row.tenant_id), row.recipient, row.server, row.fingerprint
    )


def _compose(row: KeyMail, others: Sequence[KeyMail] = ()) -> WrittenMail:
    # A tenant's unit of work may not read all columns of a person.
    person = User.objects.only("name").get(email=row.recipient)
    shown = {
        "tenant": Tenant.objects.get(),
        "name": person.name,
        "server": row.server,
        "fingerprint": row.fingerprint,
        "count": sum(_waiting_files(one).count() for one in (row, *others)),
        "keys": [row, *others],
        "is_one": not others,
    }
    message = mail_message.build_message("server-key", to=row.recipient, shown=shown)
    name = _message_id(row)
    message.extra_headers["Message-ID"] = name
    return WrittenMail(message, name)
