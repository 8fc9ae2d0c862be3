"""Mails a tenant's admins about bad objects in their inbox, at most once a day.

A mail is a job. Objects found while it waits are in it; those found after it was sent
wait for the next day's mail, so that nobody gets two in a day.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from email.utils import parseaddr
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db.models import Q

from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.jobs import queue as job_queue
from portal.jobs import wakeup
from portal.jobs.queue import Claim, JobState
from portal.mail import message as mail_message
from portal.mail import pause as mail_pause
from portal.mail import send as mail_send
from portal.mail import switch as mail_switch
from portal.mail.send import DeliveryOutcome, DeliveryResult
from portal.models import Membership, Role, Tenant, User
from usage.files import problems
from usage.files.names import shown_name
from usage.models import INBOX_BAD, FileState, InboxNotice, InboxObject, InboxVerdict
from usage.usg import Code

logger = logging.getLogger(__name__)

# How long a mail waits for further objects: servers upload all their files at once.
_GATHER = timedelta(minutes=15)

# When the mail of the next day is sent, in the tenant's zone.
_MORNING = time(9)

# Objects that a mail names; it gives the number of the others.
_NAMED = 50

# Mails to as many admins as a tenant has, each given ten seconds by the mail server.
_LEASE = timedelta(minutes=10)

# What the mail server did with the mail to one admin: refused it, put it off, hung up.
REFUSED_ADDRESS, DEFERRED = "address-refused", "mail-deferred"
UNSURE = "delivery-unsure"
SENDING_FAILED = "sending-failed"

# Of several of these, the first one decides how the job goes on.
_FIRST = (DEFERRED, REFUSED_ADDRESS, UNSURE)
_PROBLEMS = {DeliveryOutcome.LATER: DEFERRED, DeliveryOutcome.REFUSED: REFUSED_ADDRESS}


class MailServerAwayError(Exception):
    """The mail server is away, or hung up without an answer."""


@dataclass(frozen=True, slots=True)
class NoticeLine:
    """One object in a mail: its name, its verdict, and why."""

    name: str
    verdict: str
    reasons: list[str]


def add(row: InboxObject, *, at: datetime) -> None:
    """Have the next mail name an object, in the running unit of work.

    That holds the tenant, so that nobody else makes the same mail.
    """
    notice = _open_notice(row.tenant, at=at)
    InboxObject.objects.filter(pk=row.pk).update(notice=notice)


def _open_notice(tenant: Tenant, *, at: datetime) -> InboxNotice:
    zone = ZoneInfo(tenant.zone)
    due_at = at + _GATHER
    # The day on which it is sent: what is found before midnight may be sent after.
    today = due_at.astimezone(zone).date()
    notice = _notice(tenant, today, due_at=due_at)
    is_unread = notice.lease is None and not notice.sent_to
    if notice.state == JobState.WAITING and is_unread:
        return notice
    # It was sent, or is being written: the worker that claimed it has read its objects.
    tomorrow = today + timedelta(days=1)
    morning = datetime.combine(tomorrow, _MORNING, zone)
    return _notice(tenant, tomorrow, due_at=morning)


def _notice(tenant: Tenant, day: date, *, due_at: datetime) -> InboxNotice:
    InboxNotice.objects.get_or_create(
        tenant=tenant, day=day, defaults={"due_at": due_at}
    )
    # Locked, so that no worker claims it before all its objects name it.
    return InboxNotice.objects.select_for_update(of=("self",)).get(day=day)


def send_waiting(*, now: Callable[[], datetime]) -> bool:
    """Send the mails of one tenant that are due; False if there is nothing to do.

    False, too, while the mail server is away, or this portal may send no mail: a later
    run tries again.
    """
    with unit_of_work.acting_for(unit_of_work.STAFF):
        permission = mail_switch.send_permission()
    if permission.held or mail_pause.is_on(at=now()):
        return False
    claims = job_queue.claim(InboxNotice, most=1, lease_for=_LEASE, at=now())
    if not claims:
        return False
    claim = claims[0]
    try:
        problem = _send(claim, permission, at=now())
    except MailServerAwayError as error:
        logger.warning("Mails about an inbox have to wait: %s", error)
        with unit_of_work.acting_for(claim.tenant_id):
            job_queue.postpone(InboxNotice, claim, problem=mail_send.AWAY, at=now())
        mail_pause.begin(at=now())
        return False
    except Exception:
        logger.exception("Mails about an inbox failed (row %s)", claim.pk)
        problem = SENDING_FAILED
    _end(claim, problem, at=now())
    return True


def _end(claim: Claim, problem: str, *, at: datetime) -> None:
    with unit_of_work.acting_for(claim.tenant_id):
        if not problem:
            job_queue.complete(InboxNotice, claim, at=at)
        elif problem == DEFERRED:
            job_queue.postpone(InboxNotice, claim, problem=problem, at=at)
        elif problem == UNSURE:
            job_queue.mark_failed(InboxNotice, claim, problem=problem, at=at)
        else:
            job_queue.record_failure(InboxNotice, claim, problem=problem, at=at)


def _send(claim: Claim, permission: mail_switch.SendPermission, *, at: datetime) -> str:
    """Send to every admin who does not have it; return why somebody did not get it."""
    with unit_of_work.acting_for(claim.tenant_id):
        notice = InboxNotice.objects.select_related("tenant").get(pk=claim.pk)
        if not job_queue.begin(InboxNotice, claim, problem=SENDING_FAILED, at=at):
            return ""
        restored_at = permission.restored_at
        if restored_at is not None and notice.due_at <= restored_at:
            # The portal that this database was copied from may have sent it.
            return ""
        lines, count = _lines(notice)
        people = _admins() if lines else []
    problems_met = [UNSURE] if notice.unsure else []
    for person in people:
        if person.pk in (*notice.sent_to, *notice.unsure):
            continue
        message = _message(notice, person, lines, more=count - len(lines))
        result = _deliver(claim, notice, person, message)
        if result.outcome in _PROBLEMS:
            logger.warning("A mail was declined (row %s): %s", claim.pk, result.problem)
            problems_met.append(_PROBLEMS[result.outcome])
    # What passes by itself comes before what a person has to look at.
    return min(problems_met, key=_FIRST.index, default="")


def _deliver(
    claim: Claim, notice: InboxNotice, person: User, message: EmailMultiAlternatives
) -> DeliveryResult:
    """Send one mail, and record who has it.

    Before that the recipient is noted as unsure: after a crash, or without an answer,
    the mail may have been sent, and is not sent again unless staff retry it.

    Raises:
        MailServerAwayError: it is away, or has hung up without an answer.

    """
    before = notice.unsure
    _note(claim, notice, unsure=[*before, person.pk])
    result = mail_send.deliver(message)
    if result.outcome is DeliveryOutcome.SENT:
        _note(claim, notice, unsure=before, sent_to=[*notice.sent_to, person.pk])
    elif result.outcome is not DeliveryOutcome.UNSURE:
        _note(claim, notice, unsure=before)
    if result.outcome is DeliveryOutcome.UNSURE or result.problem == mail_send.AWAY:
        raise MailServerAwayError(result.problem)
    return result


def _note(claim: Claim, notice: InboxNotice, **changes: list[int]) -> None:
    with unit_of_work.acting_for(claim.tenant_id):
        mine = InboxNotice.objects.filter(pk=claim.pk, lease=claim.lease)
        if not mine.update(**changes):
            taken = "Another worker has these mails by now."
            raise RuntimeError(taken)
    for name, value in changes.items():
        setattr(notice, name, value)


def _lines(notice: InboxNotice) -> tuple[list[NoticeLine], int]:
    # What was held may count by now, or have been refused by a person.
    is_bad = Q(verdict__in=INBOX_BAD) & (
        ~Q(verdict=InboxVerdict.HELD) | Q(file__state=FileState.HELD)
    )
    rows = InboxObject.objects.filter(is_bad, notice=notice).order_by("key", "pk")
    # A key that nobody has confirmed has a mail of its own, once for all its files
    # (`billing.mail.key_mails`).
    found = [
        row for row in rows.select_related("file") if not _waits_for_key_alone(row)
    ]
    return [_line(row) for row in found[:_NAMED]], len(found)


def _waits_for_key_alone(row: InboxObject) -> bool:
    if row.file is None or row.file.state != FileState.HELD:
        return False
    return set(problems.holding(row.file.problems)) == {Code.SIGNER_UNKNOWN}


def _line(row: InboxObject) -> NoticeLine:
    return NoticeLine(
        name=shown_name(row.key),
        verdict=str(row.get_verdict_display()),
        reasons=problems.problem_titles(row.file) if row.file else [],
    )


def _admins() -> list[User]:
    """Return the admins of the tenant that the unit of work is for."""
    rows = Membership.objects.filter(role=Role.ADMIN, user__is_active=True)
    ids = rows.values_list("user", flat=True)
    # Not all columns of a person are a tenant's to read.
    people = User.objects.filter(pk__in=ids).only("email", "name")
    return list(people.order_by("pk"))


def _message(
    notice: InboxNotice, person: User, lines: list[NoticeLine], *, more: int
) -> EmailMultiAlternatives:
    shown = {"tenant": notice.tenant, "name": person.name, "lines": lines, "more": more}
    message = mail_message.build_message("inbox-notice", to=person.email, shown=shown)
    message.extra_headers["Message-ID"] = message_id(notice, person)
    return message


def message_id(notice: InboxNotice, person: User) -> str:
    """Return the same Message-ID for the same mail, sent again after a crash."""
    address = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    host = address.rpartition("@")[2] or urlsplit(settings.PORTAL_ADDRESS).hostname
    return f"<inbox-{notice.tenant_id}-{notice.day}-{person.pk}@{host}>"


def retry(tenant_id: int, notice_id: int, *, by: str, at: datetime) -> bool:
    """Have failed mails sent, also to those who perhaps have them.

    False if they had not failed, or were retried meanwhile.
    """
    with unit_of_work.acting_for(tenant_id, holding=True):
        notice = InboxNotice.objects.filter(pk=notice_id).first()
        if notice is None or not job_queue.retry(InboxNotice, notice_id, at=at):
            return False
        InboxNotice.objects.filter(pk=notice_id).update(unsure=[])
        audit_log.append(
            tenant_id=tenant_id,
            actor=by,
            act="inbox-mail-retried",
            subject=str(notice.day),
            details={"was": notice.problem},
            at=at,
        )
        wakeup.wake_up("usage.inbox_mail")
    return True
