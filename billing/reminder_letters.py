"""What a reminder says: what is missing, by when, and where to upload it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from billing import saying, timetable
from billing.cells import UNCOVERED
from billing.coverage import Calendar
from billing.facts import Mode
from billing.queries import PeriodView
from billing.reminder_row import Reminder
from billing.reminder_steps import LAST
from billing.timetable import Lack
from portal import letters
from portal.letter_work import Written
from portal.models import Tenant

# What a mail names; it says how many more there are. Short on a phone.
_NAMED = 30


def compose(
    row: Reminder, view: PeriodView, *, tenant: Tenant, name: str, at: datetime
) -> Written:
    """Write a reminder; `name` of the person, empty where only an address is known."""
    lacks = missing(view.judgement.calendar)
    words = saying.words(view, at=at)
    shown = {
        "tenant": tenant,
        "period": view.period,
        "name": name,
        "lacks": lacks[:_NAMED],
        "more": max(len(lacks) - _NAMED, 0),
        "answer": words.answer,
        "please": words.please,
        "span": words.span,
        "deadline_at": view.deadline_at,
        "zone": view.zone,
        "before": view.period.target_on + timedelta(days=1),
        "is_late": at >= view.deadline_at,
        "is_last": row.step == LAST,
        "is_escalated": not name,
    }
    message = letters.letter("reminder", to=row.recipient, shown=shown)
    message_id = message_id_of(row)
    message.extra_headers["Message-ID"] = message_id
    return Written(message, message_id)


def missing(calendar: Calendar) -> list[Lack]:
    """Say what makes late: no faults of automated upload, nothing that waits for us."""
    cells = {
        key: cell
        for key, cell in calendar.cells.items()
        if cell.state in UNCOVERED and cell.mode is Mode.MANUAL
    }
    gaps = tuple(
        gap
        for gap in calendar.missing_files
        if any(
            server == gap.server and gap.from_day <= day <= gap.to_day
            for server, day in cells
        )
    )
    return timetable.lacks(replace(calendar, cells=cells, missing_files=gaps))


def message_id_of(row: Reminder) -> str:
    """Return the same name for the same mail, whenever and wherever it is written."""
    about = [str(row.tenant_id), row.recipient, row.period, row.step]
    if row.extended_to is not None:
        about.append(row.extended_to.astimezone(UTC).isoformat())
    return letters.name_of("reminder", *about)
