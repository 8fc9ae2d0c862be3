"""Sends the waiting mails about accounts, each once, and only if still needed.

As in `portal.mail.outbox` a mail is claimed, marked as begun, handed over, and its
outcome is stored; a mail that may have been sent is not sent again. Staff need not
decide about it: its link can be requested again. The text is never stored, because its
link signs the reader in; the link is made when the mail is sent.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db.models import Q, QuerySet

from portal.accounts import mail_kinds
from portal.accounts.password_links import password_link
from portal.db import unit_of_work
from portal.jobs import queue as job_queue
from portal.mail import message as mail_message
from portal.mail import pause
from portal.mail import switch as mail_switch
from portal.mail.outbox import LEASE, NEVER_ANSWERED, SENDING_FAILED, MailOutcome
from portal.mail.send import DeliveryOutcome, deliver
from portal.models import AccountMail, AccountMailKind, EventKind, User
from portal.security_events.browsers import browser_text
from portal.security_events.record import Origin, record

logger = logging.getLogger(__name__)

# How long rows are kept after they have ended: long enough to find out why somebody
# got no link.
KEEP = timedelta(days=90)

# Tries after which a mail that cannot be written is given up: about an hour.
_MOST_TRIES = 10

# Other mails report what has happened, and are always sent.
_WITH_LINK = frozenset({AccountMailKind.NEW_PASSWORD, AccountMailKind.FIRST_PASSWORD})

_OUTCOMES = {
    DeliveryOutcome.SENT: MailOutcome.SENT,
    DeliveryOutcome.REFUSED: MailOutcome.FAILED,
    DeliveryOutcome.UNSURE: MailOutcome.UNSURE,
}


@dataclass(frozen=True, slots=True)
class _ClaimedMail:
    """A mail that this worker has leased, and its recipient.

    `person` is None for the kinds that are registered: they may go to an address that
    has no account.
    """

    row: AccountMail
    person: User | None
    lease: UUID


def send_waiting(*, now: Callable[[], datetime]) -> bool:
    """Send one mail that is due; False if there is none, or none can be sent now.

    A stop of mails does not hold it: a person has caused it, and waits for it. A
    restored copy sends none.
    """
    at = now()
    if pause.is_on(at=at):
        return False
    with unit_of_work.acting_for(unit_of_work.STAFF):
        permission = mail_switch.send_permission()
        if permission.held == mail_switch.RESTORED_COPY:
            return False
        row = _due(at).select_for_update(skip_locked=True).first()
        if row is None:
            return False
        claimed = _claim(row, permission, at=at)
    return claimed is None or _send(claimed, now=now)


def remove_ended(*, before: datetime) -> None:
    """Remove the mails that ended before an instant, in a unit of work of the staff."""
    AccountMail.objects.filter(ended_at__lt=before).delete()


def _due(at: datetime) -> QuerySet[AccountMail]:
    is_free = Q(leased_until=None) | Q(leased_until__lte=at)
    return AccountMail.objects.filter(is_free, outcome="", due_at__lte=at).order_by(
        "due_at", "pk"
    )


def _claim(
    row: AccountMail, permission: mail_switch.SendPermission, *, at: datetime
) -> _ClaimedMail | None:
    """Claim a locked row; None if the mail is not to be sent, which is then stored."""
    if row.begun_at is not None:
        # The worker that had begun the mail has died.
        _end(row, MailOutcome.UNSURE, problem=NEVER_ANSWERED, at=at)
        return None
    person = User.objects.filter(email=row.recipient, is_active=True).first()
    if mail_kinds.find(row.kind):
        person = None
    elif person is None:
        # Nobody has an account by this address: nothing about it is kept.
        row.delete()
        return None
    reason = _unneeded_reason(row, person, permission, at=at)
    if reason:
        _end(row, MailOutcome.UNNEEDED, problem=reason, at=at)
        return None
    row.attempts += 1
    row.lease, row.leased_until = uuid4(), at + LEASE
    row.save(update_fields=["attempts", "lease", "leased_until"])
    is_link = row.kind == AccountMailKind.NEW_PASSWORD
    if is_link and person is not None and row.attempts == 1:
        # Not with the request, which may not look whether there is an account.
        record(
            EventKind.PASSWORD_LINK,
            origin=Origin(row.ip, row.agent),
            at=row.planned_at,
            user_id=person.pk,
        )
    return _ClaimedMail(row, person, row.lease)


def _unneeded_reason(
    row: AccountMail,
    person: User | None,
    permission: mail_switch.SendPermission,
    *,
    at: datetime,
) -> str:
    """Return the code of why a mail need not be sent; empty if it has to be."""
    restored_at = permission.restored_at
    if restored_at is not None and row.planned_at <= restored_at:
        return "restored"
    kind = mail_kinds.find(row.kind)
    if kind is not None or person is None:
        return kind.unneeded_reason(row, at) if kind else ""
    return _password_reason(row, person, at=at)


def _password_reason(row: AccountMail, person: User, *, at: datetime) -> str:
    if row.kind not in _WITH_LINK:
        return ""
    if row.kind == AccountMailKind.FIRST_PASSWORD and person.last_login is not None:
        return "signed-in"
    if at >= row.planned_at + timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT):
        return "expired"
    later = AccountMail.objects.filter(
        recipient=row.recipient, planned_at__gt=row.planned_at
    )
    if later.filter(kind=AccountMailKind.PASSWORD_CHANGED).exists():
        return "password-chosen"
    # Of several requests that waited for the mail server, the last one gets the link.
    return "overtaken" if later.filter(kind=row.kind).exists() else ""


def _send(claimed: _ClaimedMail, *, now: Callable[[], datetime]) -> bool:
    try:
        message = compose(claimed.row, claimed.person, at=now())
    except Exception:
        logger.exception("A mail cannot be written (account mail %s)", claimed.row.pk)
        _fail_or_postpone(claimed, at=now())
        return True
    begun = {
        "begun_at": now(),
        "message_id": message.extra_headers["Message-ID"],
    }
    with unit_of_work.acting_for(unit_of_work.STAFF):
        if not _leased(claimed).update(**begun):
            return True  # another worker has it
    delivery = deliver(message)
    if delivery.outcome is DeliveryOutcome.LATER:
        _postpone(claimed, problem=delivery.problem, at=now())
    else:
        with unit_of_work.acting_for(unit_of_work.STAFF):
            outcome = _OUTCOMES[delivery.outcome]
            mine = _leased(claimed)
            mine.update(**_ended(outcome, problem=delivery.problem, at=now()))
    if delivery.ends_run:
        pause.begin(at=now())
    return not delivery.ends_run


def compose(
    row: AccountMail, person: User | None, *, at: datetime
) -> EmailMultiAlternatives:
    """Compose a mail, with a new link; outside of any unit of work."""
    shown: dict[str, object] = {
        "user": person,
        "by": row.invited_by,
        "ip": row.ip,
        "browser": browser_text(row.agent),
        "timestamp": row.planned_at,
    }
    kind = mail_kinds.find(row.kind)
    if kind is not None:
        with unit_of_work.acting_for(unit_of_work.STAFF):
            shown |= kind.shown(row, at)
    elif person is not None and row.kind in _WITH_LINK:
        shown["password_reset_url"] = password_link(person)
    message = mail_message.build_message(row.kind, to=row.recipient, shown=shown)
    message.extra_headers["Message-ID"] = mail_message.message_id_for(
        row.kind, str(row.pk), row.recipient, row.planned_at.isoformat()
    )
    return message


def _fail_or_postpone(claimed: _ClaimedMail, *, at: datetime) -> None:
    """Try a mail again that could not be written, or give it up after the last try."""
    if claimed.row.attempts < _MOST_TRIES:
        _postpone(claimed, problem=SENDING_FAILED, at=at)
        return
    with unit_of_work.acting_for(unit_of_work.STAFF):
        failed = _ended(MailOutcome.FAILED, problem=SENDING_FAILED, at=at)
        _leased(claimed).update(**failed)


def _postpone(claimed: _ClaimedMail, *, problem: str, at: datetime) -> None:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        _leased(claimed).update(
            due_at=at + job_queue.wait_after(claimed.row.attempts),
            begun_at=None,
            problem=problem,
            lease=None,
            leased_until=None,
        )


def _end(row: AccountMail, outcome: MailOutcome, *, problem: str, at: datetime) -> None:
    ended = _ended(outcome, problem=problem, at=at)
    AccountMail.objects.filter(pk=row.pk).update(**ended)


def _ended(outcome: MailOutcome, *, problem: str, at: datetime) -> dict[str, object]:
    free = {"lease": None, "leased_until": None}
    return {"outcome": outcome, "problem": problem, "ended_at": at, **free}


def _leased(claimed: _ClaimedMail) -> QuerySet[AccountMail]:
    return AccountMail.objects.filter(
        pk=claimed.row.pk, lease=claimed.lease, outcome=""
    )
