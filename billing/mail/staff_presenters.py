"""Presents mails for the staff pages, with the style hashes their policy allows."""

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from html import unescape
from typing import Any
from urllib.parse import urlencode

from django.utils.translation import get_language, gettext, ngettext

from billing.coverage.periods import Period
from billing.mail.queries import AnyMail
from billing.mail.text import (
    complete_text,
    key_text,
    problem_text,
    receipt_text,
    state_text,
    step_text,
    token_text,
    version_text,
)
from billing.models import (
    CompleteMail,
    Digest,
    KeyMail,
    ReceiptMail,
    Reminder,
    StatementMail,
    TokenMail,
)
from billing.periods.headline import span_text
from billing.reminders.plan import PlannedMail
from portal.mail.outbox import MailJob, MailOutcome
from portal.models import AccountMail, Tenant
from portal.templatetags.shown import day as day_text

_STYLE = re.compile(r' style="([^"]*)"')
_SHEET = re.compile(r"<style>(.*?)</style>", re.S)

# Periods whose text is kept: a page has fifty mails of one or two of them.
_SPANS = 100

# Zone of digests, which have no tenant.
_UTC = "UTC"


@dataclass(frozen=True, slots=True)
class MailTenant:
    """What a list of mails shows of a tenant."""

    number: str
    name: str
    zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MailRow:
    """One mail; its instants are shown in `zone`."""

    mail: AnyMail
    tenant: MailTenant | None
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
    """One mail that would be sent next; it is not stored yet."""

    planned: PlannedMail
    tenant: Tenant
    what: str
    span: str
    query: str


def mail_rows(mails: Iterable[AnyMail]) -> list[MailRow]:
    """Return the table rows of mails, in a unit of work of the staff."""
    found = list(mails)
    ids = {one.tenant_id for one in found if isinstance(one, MailJob)}
    columns = Tenant.objects.filter(pk__in=ids).values_list(
        "pk", "number", "name", "zone"
    )
    tenants = {pk: MailTenant(*more) for pk, *more in columns}
    return [_row(one, tenants) for one in found]


def next_rows(planned: Iterable[PlannedMail]) -> list[NextRow]:
    """Return the table rows of the next mails, in a unit of work of the staff."""
    found = list(planned)
    tenants = Tenant.objects.in_bulk({one.tenant_id for one in found})
    return [
        NextRow(
            planned=one,
            tenant=tenants[one.tenant_id],
            what=step_text(one.step),
            span=span_text(Period.parse(one.period)),
            query=urlencode(_query_parameters(one)),
        )
        for one in found
    ]


def find_planned(
    planned: Iterable[PlannedMail], given: Mapping[str, str]
) -> PlannedMail | None:
    """Return the planned mail that a query names, None if it is not planned."""
    return next(
        (
            one
            for one in planned
            if all(
                given.get(name) == value
                for name, value in _query_parameters(one).items()
            )
        ),
        None,
    )


def as_row(planned: PlannedMail) -> Reminder:
    """Return a planned mail as an unsaved row."""
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


def _query_parameters(planned: PlannedMail) -> dict[str, str]:
    return {
        "tenant": str(planned.tenant_id),
        "period": planned.period,
        "to": planned.recipient,
        "step": planned.step,
    }


def style_sources(html: str) -> Iterator[str]:
    """Yield the CSP sources that allow a mail's own styles, and no others.

    The mail is shown in a frame that runs no script; its styles are inline attributes.
    """
    styles = {unescape(style) for style in _STYLE.findall(html)}
    for style in sorted({*styles, *_SHEET.findall(html)}):
        yield f"'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'"


def _row(mail: AnyMail, tenants: dict[int, MailTenant]) -> MailRow:
    tenant = tenants[mail.tenant_id] if isinstance(mail, MailJob) else None
    mark, state = state_text(mail.shown_state)
    return MailRow(
        mail=mail,
        tenant=tenant,
        zone=tenant.zone if tenant else _UTC,
        what=_WHAT[type(mail)](mail),
        span=_span_of(mail),
        mark=mark,
        state=state,
        why=problem_text(mail.problem),
        is_unsure=tenant is not None and mail.shown_state == MailOutcome.UNSURE,
        is_failed=tenant is not None and mail.shown_state == MailOutcome.FAILED,
    )


def _span_of(mail: AnyMail) -> str:
    if not isinstance(mail, Reminder | StatementMail | CompleteMail):
        return ""
    span = _span(mail.period, get_language())
    more = len(mail.late_periods) - 1 if isinstance(mail, Reminder) else 0
    if more < 1:
        return span
    text = ngettext(
        "%(span)s and %(more)d more period",
        "%(span)s and %(more)d more periods",
        more,
    )
    return text % {"span": span, "more": more}


@lru_cache(maxsize=_SPANS)
def _span(
    period: str,
    language: str | None,  # noqa: ARG001 - the words are of one language
) -> str:
    return span_text(Period.parse(period))


_WHAT: Mapping[type[AnyMail], Callable[[Any], str]] = {
    Reminder: lambda mail: step_text(mail.step),
    CompleteMail: lambda _: complete_text(),
    StatementMail: lambda mail: version_text(mail.version),
    ReceiptMail: receipt_text,
    KeyMail: key_text,
    TokenMail: lambda _: token_text(),
    Digest: lambda mail: gettext("Morning of %(day)s") % {"day": day_text(mail.day)},
    AccountMail: lambda mail: str(mail.get_kind_display()),
}
