"""The admins of a tenant are told by mail what was bad in their inbox.

A mail is a row of work. What is found within the time that a mail waits is in it; what
comes after it has gone waits for the next day's, so that nobody gets two in a day.
"""

import logging
import smtplib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from email.utils import parseaddr
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMultiAlternatives

from portal import access, letters, work
from portal.models import Membership, Role, Tenant, User
from portal.work import Claim, State
from usage import problems
from usage.inbox_rows import InboxNotice, InboxObject

logger = logging.getLogger(__name__)

# How long a mail waits for more to say: servers upload all their files at once.
_GATHER = timedelta(minutes=15)

# When the mail of the next day goes, in the tenant's zone.
_MORNING = time(9)

# Objects that a mail names; it says how many more there are.
_NAMED = 50

# Mails to as many admins as a tenant has, each given ten seconds by the mail server.
_LEASE = timedelta(minutes=10)

# An admin's address that the mail server does not take.
REFUSED_ADDRESS = "address-refused"
SENDING_FAILED = "sending-failed"


@dataclass(frozen=True, slots=True)
class Line:
    """What a mail says of one object: its name, what became of it, and why."""

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
    today = at.astimezone(zone).date()
    notice = _notice(tenant, today, due_at=at + _GATHER)
    if notice.state == State.WAITING and notice.lease is None:
        return notice
    # It has gone, or is being written: who has claimed it has read what it says.
    tomorrow = today + timedelta(days=1)
    morning = datetime.combine(tomorrow, _MORNING, zone)
    return _notice(tenant, tomorrow, due_at=morning)


def _notice(tenant: Tenant, day: date, *, due_at: datetime) -> InboxNotice:
    InboxNotice.objects.get_or_create(
        tenant=tenant, day=day, defaults={"due_at": due_at}
    )
    # Locked, so that nobody claims it before it says all that it will.
    return InboxNotice.objects.select_for_update(of=("self",)).get(day=day)


def send_waiting(*, now: Callable[[], datetime]) -> bool:
    """Send the mails of one tenant that are due; False if there are none."""
    claims = work.claim(InboxNotice, most=1, lease_for=_LEASE, at=now())
    if not claims:
        return False
    claim = claims[0]
    try:
        refused = _send(claim, at=now())
    except (OSError, smtplib.SMTPException) as error:
        logger.warning("Mails about an inbox have to wait: %r", error)
        with access.acting_for(claim.tenant_id):
            work.postpone(InboxNotice, claim, problem="mail-away", at=now())
        return False
    except Exception:
        logger.exception("Mails about an inbox failed (row %s)", claim.pk)
        with access.acting_for(claim.tenant_id):
            work.fail(InboxNotice, claim, problem=SENDING_FAILED, at=now())
        return True
    with access.acting_for(claim.tenant_id):
        if refused:
            work.fail(InboxNotice, claim, problem=REFUSED_ADDRESS, at=now())
        else:
            work.complete(InboxNotice, claim, at=now())
    return True


def _send(claim: Claim, *, at: datetime) -> bool:
    """Send to every admin who does not have it; True if an address was refused."""
    with access.acting_for(claim.tenant_id):
        notice = InboxNotice.objects.select_related("tenant").get(pk=claim.pk)
        if not work.begin(InboxNotice, claim, problem=SENDING_FAILED, at=at):
            return False
        lines, count = _lines(notice)
        people = _admins()
    is_refused = False
    for person in people:
        if person.pk in notice.sent_to:
            continue
        try:
            _letter(notice, person, lines, more=count - len(lines)).send()
        except smtplib.SMTPRecipientsRefused:
            logger.exception("A mail about an inbox was refused (row %s)", claim.pk)
            is_refused = True
            continue
        notice.sent_to = [*notice.sent_to, person.pk]
        with access.acting_for(claim.tenant_id):
            InboxNotice.objects.filter(pk=claim.pk).update(sent_to=notice.sent_to)
    return is_refused


def _lines(notice: InboxNotice) -> tuple[list[Line], int]:
    rows = InboxObject.objects.filter(notice=notice).order_by("key", "pk")
    named = rows.select_related("file")[:_NAMED]
    return [_line(row) for row in named], rows.count()


def _line(row: InboxObject) -> Line:
    found = row.file.problems if row.file else []
    sentences = [problems.told(one)["title"] for one in found]
    return Line(
        name=row.key.rpartition("/")[2],
        verdict=str(row.get_verdict_display()),
        # One sentence can hold for its beginning and its end.
        reasons=list(dict.fromkeys(sentences)),
    )


def _admins() -> list[User]:
    rows = Membership.objects.filter(role=Role.ADMIN, user__is_active=True)
    ids = rows.values_list("user", flat=True)
    # Not all columns of a person are a tenant's to read.
    people = User.objects.filter(pk__in=ids).only("email", "name")
    return list(people.order_by("pk"))


def _letter(
    notice: InboxNotice, person: User, lines: list[Line], *, more: int
) -> EmailMultiAlternatives:
    shown = {"tenant": notice.tenant, "name": person.name, "lines": lines, "more": more}
    message = letters.letter("inbox-notice", to=person.email, shown=shown)
    message.extra_headers["Message-ID"] = message_id(notice, person)
    return message


def message_id(notice: InboxNotice, person: User) -> str:
    """Return the same name for the same mail, sent again after a crash."""
    address = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    host = address.rpartition("@")[2] or urlsplit(settings.PORTAL_ADDRESS).hostname
    return f"<inbox-{notice.tenant_id}-{notice.day}-{person.pk}@{host}>"
