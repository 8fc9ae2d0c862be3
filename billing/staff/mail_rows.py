"""Renders the rows of the list of mails, each once until something in it changes."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from billing.mail.staff_presenters import MailRow

# A row takes about a kilobyte.
_KEPT = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class _MailLine:
    """All that a row shows; `actions` are the buttons of a row that has some."""

    kind: str
    mail_id: int
    what: str
    span: str
    recipient: str
    asked_by: str
    tenant: str
    number: str
    period: str
    has_ended: bool
    at: datetime
    zone: str
    mark: str
    state: str
    why: str
    actions: SafeString


def rendered_rows(
    rows: Iterable[MailRow], kind: str, *, actions: Callable[[MailRow], SafeString]
) -> list[SafeString]:
    """Return rows as HTML. A template takes ten times as long for a page of them.

    `actions` renders the buttons of a row; they have a token of the request, so a row
    that has some is not kept.
    """
    language = get_language()
    found = []
    for row in rows:
        buttons = actions(row)
        line = _line(row, kind, buttons)
        found.append(_render(line) if buttons else _rendered(line, language))
    return found


def without_tenant(rows: Iterable[MailRow]) -> list[MailRow]:
    """Return rows that do not name their tenant, for a page about this tenant."""
    return [replace(row, tenant=None) for row in rows]


def _line(row: MailRow, kind: str, actions: SafeString) -> _MailLine:
    mail = row.mail
    return _MailLine(
        kind=kind,
        mail_id=mail.pk,
        what=row.what,
        span=row.span,
        recipient=mail.recipient,
        asked_by=getattr(mail, "asked_by", ""),
        tenant=row.tenant.name if row.tenant else "",
        number=row.tenant.number if row.tenant else "",
        period=getattr(mail, "period", ""),
        has_ended=mail.ended_at is not None,
        at=mail.ended_at or mail.planned_at,
        zone=row.zone,
        mark=row.mark,
        state=row.state,
        why=row.why,
        actions=actions,
    )


@lru_cache(maxsize=_KEPT)
def _rendered(
    line: _MailLine,
    language: str | None,  # noqa: ARG001 - the words are of one language
) -> SafeString:
    return _render(line)


def _render(line: _MailLine) -> SafeString:
    return render_to_string("billing/staff/mail-row.html", {"line": line})
