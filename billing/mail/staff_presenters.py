"""Mails as the staff's page shows them, and what of them a browser may style."""

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from html import unescape
from urllib.parse import urlencode

from django.utils.translation import gettext

from billing.coverage.periods import Period
from billing.mail.text import problem_text, state_text, step_text
from billing.models import Digest, ReceiptMail, Reminder
from billing.periods.text import span_text
from billing.reminders.plan import PlannedMail
from portal.mail.outbox import Letter, LetterWork, MailOutcome
from portal.models import Tenant
from portal.templatetags.shown import day as day_words

_STYLE = re.compile(r' style="([^"]*)"')
_SHEET = re.compile(r"<style>(.*?)</style>", re.S)

# Words of the digest's day, which has no tenant.
_UTC = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class MailRow:
    """One mail; `zone` is the one that its instants are told in."""

    mail: Letter
    tenant: Tenant | None
    zone: str
    what: str
    span: str
    mark: str
    state: str
    why: str
    is_unsure: bool
    is_failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NextRow:
    """One mail that is not written down yet."""

    planned: PlannedMail
    tenant: Tenant
    what: str
    span: str
    query: str


def mail_rows(mails: Iterable[Letter]) -> list[MailRow]:
    """Say what a page says of mails, in a unit of work of the staff."""
    found = list(mails)
    ids = {one.tenant_id for one in found if isinstance(one, LetterWork)}
    tenants = Tenant.objects.in_bulk(ids)
    return [_row(one, tenants) for one in found]


def next_rows(planned: Iterable[PlannedMail]) -> list[NextRow]:
    """Say what goes out next, in a unit of work of the staff."""
    found = list(planned)
    tenants = Tenant.objects.in_bulk({one.tenant_id for one in found})
    return [
        NextRow(
            planned=one,
            tenant=tenants[one.tenant_id],
            what=step_text(one.step),
            span=span_text(Period.parse(one.period)),
            query=urlencode(_named(one)),
        )
        for one in found
    ]


def find_planned(
    planned: Iterable[PlannedMail], given: Mapping[str, str]
) -> PlannedMail | None:
    """Return the mail that an address names, if it is among those to come."""
    return next(
        (
            one
            for one in planned
            if all(given.get(name) == said for name, said in _named(one).items())
        ),
        None,
    )


def as_row(planned: PlannedMail) -> Reminder:
    """Return the row that it would become; nothing is written."""
    return Reminder(
        tenant_id=planned.tenant_id,
        period=planned.period,
        recipient=planned.recipient,
        step=planned.step,
        extended_to=planned.extended_to,
        day=planned.day,
        planned_at=planned.at,
        due_at=planned.at,
    )


def _named(planned: PlannedMail) -> dict[str, str]:
    return {
        "tenant": str(planned.tenant_id),
        "period": planned.period,
        "to": planned.recipient,
        "step": planned.step,
    }


def style_sources(html: str) -> Iterator[str]:
    """Yield what a content policy says to let a mail's own styles apply, and no others.

    The mail is shown in a frame that runs no script; its styles stand in the elements.
    """
    styles = {unescape(style) for style in _STYLE.findall(html)}
    for style in sorted({*styles, *_SHEET.findall(html)}):
        yield f"'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'"


def _row(mail: Letter, tenants: dict[int, Tenant]) -> MailRow:
    tenant = tenants[mail.tenant_id] if isinstance(mail, LetterWork) else None
    mark, state = state_text(mail.told_state)
    period = Period.parse(mail.period) if isinstance(mail, Reminder) else None
    return MailRow(
        mail=mail,
        tenant=tenant,
        zone=tenant.zone if tenant else _UTC,
        what=_what(mail),
        span=span_text(period) if period else "",
        mark=mark,
        state=state,
        why=problem_text(mail.problem),
        is_unsure=tenant is not None and mail.told_state == MailOutcome.UNSURE,
        is_failed=tenant is not None and mail.told_state == MailOutcome.FAILED,
    )


def _what(mail: Letter) -> str:
    match mail:
        case Reminder():
            return step_text(mail.step)
        case ReceiptMail():
            return gettext("Receipt of an upload")
        case Digest():
            return gettext("Morning of %(day)s") % {"day": day_words(mail.day)}
    return ""
