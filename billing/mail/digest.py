"""Sends the daily digest to billing staff who want it: open work, and standings."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from django.core.mail import EmailMultiAlternatives
from django.utils.translation import gettext, ngettext

from billing.coverage.periods import Period
from billing.lateness import queries as late_queries
from billing.mail import queries as mail_queries
from billing.models import Digest
from billing.periods import refresh
from billing.periods.headline import span_text
from billing.periods.text import STANDINGS
from billing.periods.updating import updating_tenants
from billing.requests import excuses
from billing.requests import licences as licence_requests
from billing.standings import queries as standings_queries
from portal.db import unit_of_work
from portal.mail import message as mail_message
from portal.mail import pause as mail_pause
from portal.mail import switch as mail_switch
from portal.mail.outbox import LEASE, NEVER_ANSWERED, MailOutcome, WrittenMail
from portal.mail.send import DeliveryOutcome, deliver
from portal.models import User
from portal.templatetags.shown import grouped
from usage.forwarding import queries as forwarding_queries
from usage.review import queries as review_queries
from usage.servers import requests as server_requests

# When the digest is sent, in UTC; staff have no zone of their own. After noon it is no
# news.
_FROM, _UNTIL = time(6), time(12)

# How long a run refreshes stale summaries before it counts, in seconds.
_REFRESH_FOR = 30.0

_OUTCOMES = {
    DeliveryOutcome.SENT: MailOutcome.SENT,
    DeliveryOutcome.REFUSED: MailOutcome.FAILED,
    DeliveryOutcome.UNSURE: MailOutcome.UNSURE,
}


@dataclass(frozen=True, slots=True)
class StandingCount:
    """The number of tenants with each standing in a period, with labels."""

    period: Period
    span: str
    counts: list[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class OpenItem:
    """Open work for staff: its text, and the URL name of its page."""

    what: str
    url_name: str


def send_due(*, now: Callable[[], datetime]) -> int:
    """Send this morning's digests that are still unsent; return how many were sent."""
    at = now()
    _give_up_on_unanswered(at)
    if not _FROM <= at.time() < _UNTIL:
        return 0
    refresh.refresh_all(seconds=_REFRESH_FOR)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        permission = mail_switch.send_permission()
        morning = datetime.combine(at.date(), _FROM, UTC)
        if permission.held or (permission.restored_at or morning) > morning:
            # The original of a restored copy may have sent those of this morning.
            return 0
        people = _people_without_digest(at.date())
        if not people:
            return 0
        shown = {
            "updating": (updating := updating_tenants()).names_text,
            "failed": updating.failed_text,
            "periods": standing_counts(at=at),
            "open_items": open_items(),
            "day": at.date(),
        }
    count = 0
    for to in people:
        # Recipients who are left out now get the digest in the next run.
        if mail_pause.is_on(at=now()):
            break
        count += _send(to, shown, now=now)
    return count


def standing_counts(*, at: datetime) -> list[StandingCount]:
    """Count tenants by standing, in the running period and the one before."""
    running = Period.containing(at.date())
    return [_standing_count(period, at=at) for period in (running.previous(), running)]


def open_items() -> list[OpenItem]:
    """Return the open work, in a unit of work of the staff; empty if there is none."""
    found = [
        (_late_stops(), "staff-late"),
        (_held(), "staff-held"),
        (_requests(), "staff-held"),
        (_late_flags(), "staff-late"),
        (_failed_forwardings(), "staff-forwarding"),
        (_mails(), "staff-mail"),
    ]
    return [OpenItem(text, url_name) for text, url_name in found if text]


def _late_stops() -> str:
    n = late_queries.stops().count()
    text = ngettext("%(n)s safety stop to look at", "%(n)s safety stops to look at", n)
    return _counted_text(text, n)


def _held() -> str:
    n = review_queries.count_for_staff()
    text = ngettext("%(n)s held file to decide", "%(n)s held files to decide", n)
    return _counted_text(text, n)


def _requests() -> str:
    requests = (
        server_requests.open_requests(),
        excuses.open_excuses(),
        licence_requests.open_requests(),
    )
    n = sum(one.count() for one in requests)
    text = ngettext("%(n)s request to answer", "%(n)s requests to answer", n)
    return _counted_text(text, n)


def _late_flags() -> str:
    n = late_queries.awaiting_decision().count()
    text = ngettext("%(n)s late tenant to decide", "%(n)s late tenants to decide", n)
    return _counted_text(text, n)


def _failed_forwardings() -> str:
    n = sum(
        forwarding_queries.failed_of(kind).count() for kind in forwarding_queries.MODELS
    )
    return _counted_text(
        ngettext("%(n)s file set aside", "%(n)s files set aside", n), n
    )


def _mails() -> str:
    n = mail_queries.unsure_or_failed()
    return _counted_text(
        ngettext("%(n)s mail to look at", "%(n)s mails to look at", n), n
    )


def _counted_text(text: str, count: int) -> str:
    return text % {"n": grouped(count)} if count else ""


def _standing_count(period: Period, *, at: datetime) -> StandingCount:
    found = standings_queries.tenant_counts(period, at=at)
    counts = [
        (gettext(STANDINGS[standing][1]), count)
        for standing, count in found.items()
        if count
    ]
    return StandingCount(period, span_text(period), counts)


def _people_without_digest(day: date) -> list[str]:
    wanted = User.objects.filter(is_active=True, gets_digest=True)
    had = Digest.objects.filter(day=day).values("recipient")
    people = wanted.exclude(staff_role="").exclude(email__in=had)
    return list(people.order_by("email").values_list("email", flat=True))


def _send(to: str, shown: dict[str, object], *, now: Callable[[], datetime]) -> bool:
    at = now()
    written = _compose(to, shown)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        row, is_mine = Digest.objects.get_or_create(
            recipient=to,
            day=at.date(),
            defaults={"planned_at": at, "begun_at": at, **written.columns},
        )
    if not is_mine:
        return False
    delivery = deliver(written.message)
    if delivery.ends_run:
        mail_pause.begin(at=now())
    with unit_of_work.acting_for(unit_of_work.STAFF):
        mine = Digest.objects.filter(pk=row.pk, outcome="")
        if delivery.outcome is DeliveryOutcome.LATER:
            # The server certainly did not take it: the next run tries again.
            mine.delete()
            return False
        outcome = _OUTCOMES[delivery.outcome]
        mine.update(outcome=outcome, problem=delivery.problem, ended_at=now())
    return outcome == MailOutcome.SENT


def _compose(to: str, shown: dict[str, object]) -> WrittenMail:
    message: EmailMultiAlternatives = mail_message.build_message(
        "digest", to=to, shown=shown, stop_page="staff-mail"
    )
    name = mail_message.message_id_for("digest", to, str(shown["day"]))
    message.extra_headers["Message-ID"] = name
    return WrittenMail(message, name)


def _give_up_on_unanswered(at: datetime) -> None:
    """Mark as unsure the digests whose sender has never recorded an outcome."""
    begun_before = at - LEASE
    with unit_of_work.acting_for(unit_of_work.STAFF):
        Digest.objects.filter(outcome="", begun_at__lt=begun_before).update(
            outcome=MailOutcome.UNSURE, problem=NEVER_ANSWERED, ended_at=at
        )
