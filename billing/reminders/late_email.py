"""Composes the mail about several late periods of a tenant: one mail names them all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.calendar_view import table as calendar_table
from billing.calendar_view.table import MissingEntry
from billing.coverage.periods import Period
from billing.periods.headline import span_text
from billing.reminders import email as reminder_email
from billing.reminders.email import ReminderFacts
from portal.mail.outbox import WrittenMail

# Entries that the mail lists of each period; it counts the others.
_NAMED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class LatePeriodText:
    """What the mail says of one period; `more` counts the entries left out of `lacks`.

    `since` is shown in `zone`.
    """

    period: Period
    span: str
    answer: str
    lacks: list[MissingEntry]
    more: int
    since: datetime
    zone: str


def compose(
    facts: ReminderFacts, late: Sequence[ReminderFacts], *, name: str
) -> WrittenMail:
    """Compose a late mail; `late` are all periods that it names, newest first.

    `facts` are those of the mail's own period; `name` is the recipient's, empty for a
    bare address.
    """
    shown = {
        "tenant": facts.tenant,
        "name": name,
        "periods": [_period_text(one) for one in late],
        "is_escalated": not name,
    }
    return reminder_email.build_mail("late-periods", facts.row, shown)


def _period_text(facts: ReminderFacts) -> LatePeriodText:
    view = facts.view
    requested = reminder_email.requested_days(view.judgement.calendar, facts.excluded)
    lacks = calendar_table.missing_entries(requested)
    return LatePeriodText(
        period=view.period,
        span=span_text(view.period),
        answer=reminder_email.missing_text(requested),
        lacks=lacks[:_NAMED],
        more=max(len(lacks) - _NAMED, 0),
        since=reminder_email.counts_from(facts, is_late=True),
        zone=view.zone,
    )
