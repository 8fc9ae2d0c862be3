"""Renders the rows of the billing desk as HTML and CSV: text, marks, strip of days."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import TypedDict
from urllib.parse import quote
from zoneinfo import ZoneInfo

from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext

from billing.coverage.facts import Mode
from billing.coverage.licences import mode_on
from billing.coverage.periods import Period
from billing.coverage.summary import SummaryNumbers
from billing.coverage.turns import Turn
from billing.desk import strip as desk_strip
from billing.desk.desk_row import DeskRow, DeskStatement
from billing.periods import text as period_text
from billing.periods.headline import Reader, turn_text
from billing.periods.updating import stale_text
from billing.statements.staff_text import ListedState, listed_state
from portal.sheets.table import Cell, Table, shown_rows
from portal.templatetags import shown
from portal.templatetags.shown import zoned

# Unchanged rows are rendered again and again: the desk is in use all day. Each takes
# about two kilobytes.
_KEPT = 4_096

_MODES: Mapping[Mode, Callable[[], str]] = {
    Mode.MANUAL: lambda: gettext("manual"),
    Mode.AUTOMATED: lambda: gettext("automated"),
    Mode.NONE: lambda: gettext("no licence"),
}


class DeskLine(TypedDict):
    """A row of the desk as rendered cells.

    A template takes ten times as long for the same, and a page has fifty rows.
    """

    id: int
    number: str
    name: str
    second: str
    missing: int
    state: SafeString
    late_before: tuple[Period, ...]
    strip: SafeString
    received: SafeString
    lacks: SafeString
    last_file: SafeString
    deadline: SafeString
    reminders: SafeString
    statement: ListedState
    stored: DeskStatement | None


def table_rows(
    rows: Iterable[DeskRow], period: Period, *, at: datetime, came_from: str = ""
) -> SafeString:
    """Return the rows of the desk's table; their links include `came_from`.

    That is the query of the filtered desk, for the link back. It is inserted after
    rendering: a rendered row is shared by all users, whatever their filters.
    """
    language = get_language()
    plain, link = f'?period={period}"', ""
    if came_from:
        link = format_html('?period={}&amp;from={}"', period, quote(came_from))
    found = []
    for row in rows:
        open_days = desk_strip.open_days(row, period, at=at)
        html = _table_row(row, period, open_days, language)
        found.append(SafeString(html.replace(plain, link, 1)) if link else html)
    return SafeString("".join(found))


@lru_cache(maxsize=_KEPT)
def _table_row(
    row: DeskRow, period: Period, open_days: int, language: str | None
) -> SafeString:
    """Render a row; cached until something in it changes."""
    shown = {"line": _line(row, period, open_days, language), "period": period}
    return render_to_string("billing/desk/row.html", shown)


def desk_line(row: DeskRow, period: Period, *, at: datetime) -> DeskLine:
    open_days = desk_strip.open_days(row, period, at=at)
    return _line(row, period, open_days, get_language())


def _line(
    row: DeskRow, period: Period, open_days: int, language: str | None
) -> DeskLine:
    mark, word = _badge(row)
    return {
        "id": row.tenant_id,
        "number": row.number,
        "name": row.name,
        "second": f"{row.number} · {place(row.zone)} · {mode(row, period)}",
        "missing": row.numbers.missing,
        "state": _state(mark, word, _turn(row), updating_text(row), language),
        "late_before": row.late_before,
        "strip": _strip_cell(row, open_days),
        "received": _received(row.covered, row.owed, language),
        "lacks": _lacks(row.numbers, language),
        "last_file": zoned(row.last_received_at, row.zone)
        if row.last_received_at
        else _quiet(gettext("none yet")),
        "deadline": _deadlines(
            period, row.deadline_at, row.zone, row.is_extended, language
        ),
        "reminders": _reminders(row),
        "statement": _listed(row),
        "stored": row.statement,
    }


def _badge(row: DeskRow) -> tuple[str, str]:
    return period_text.badge(row.standing, turn=row.turn, is_waived=row.is_waived)


def _turn(row: DeskRow) -> str:
    """Return whose turn it is, where that is not already clear from the standing."""
    if row.turn in (Turn.STAFF, Turn.PORTAL) or row.to_confirm:
        return turn_text(row.turn, Reader.STAFF)
    return ""


def _listed(row: DeskRow) -> ListedState:
    found = row.statement
    if found is None:
        return ListedState("pending", gettext("Not computed yet"))
    return listed_state(
        *(found.state, found.version, found.outcome),
        is_incomplete=found.is_incomplete,
        is_updating=found.is_updating,
    )


@lru_cache(maxsize=_KEPT)
def _state(
    mark: str,
    word: str,
    turn: str,
    updating: str,
    language: str | None,  # noqa: ARG001 - the words are of one language
) -> SafeString:
    state = format_html(
        '<span class="state is-{}">{}{}</span>', mark, shown.mark(mark), word
    )
    return format_html("{}{}{}", state, _second(turn), _second(updating))


def updating_text(row: DeskRow) -> str:
    """Return what a list adds to a row whose numbers are stale; else empty."""
    return stale_text(is_updating=row.is_updating, has_failed=row.has_failed)


@lru_cache(maxsize=_KEPT)
def _received(covered: int, owed: int, language: str | None) -> SafeString:  # noqa: ARG001 - the words are of one language
    if not owed:
        return _quiet("–")  # noqa: RUF001 - the dash of a table
    return format_html("{} {}", covered, _quiet(gettext("of %(n)d") % {"n": owed}))


@lru_cache(maxsize=_KEPT)
def _lacks(numbers: SummaryNumbers, language: str | None) -> SafeString:  # noqa: ARG001 - the same
    """Render the counts of missing days, of faults, and of days that wait."""
    missing = _quiet("0")
    if numbers.missing:
        missing = format_html("<b>{}</b>", numbers.missing)
    return format_html("{}{}", missing, _second(period_text.waiting_text(numbers)))


def _reminders(row: DeskRow) -> SafeString:
    """Render the number of reminders sent, and the day of the last one."""
    if row.reminded_at is None:
        return _quiet("0")
    day = shown.short_day(row.reminded_at.astimezone(ZoneInfo(row.zone)).date())
    last = gettext("last %(day)s") % {"day": day}
    return format_html("{}{}", row.reminders, _second(last))


def _strip_cell(row: DeskRow, open_days: int) -> SafeString:
    if row.owed:
        return desk_strip.draw(row, open_days)
    if row.lacks_servers:
        return _quiet(gettext("no server has sent a file yet"))
    return _quiet(gettext("nothing is owed"))


def _quiet(text: str) -> SafeString:
    return format_html('<span class="quiet">{}</span>', text)


def _second(text: str) -> SafeString:
    return format_html('<span class="second">{}</span>', text) if text else SafeString()


def place(zone: str) -> str:
    """Return the place that names a zone: New York for America/New_York."""
    return zone.rsplit("/", 1)[-1].replace("_", " ")


def mode(row: DeskRow, period: Period) -> str:
    """Return how the tenant uploads, by its licences on the period's last day."""
    changes = [(period.ends_on, row.keys)]
    return _MODES[mode_on(changes, period.ends_on)]()


@lru_cache(maxsize=_KEPT)
def _deadlines(
    period: Period,
    at: datetime,
    zone: str,
    is_extended: bool,  # noqa: FBT001 - a cache distinguishes positional arguments
    language: str | None,  # noqa: ARG001 - the same
) -> SafeString:
    """Render both readings of the deadline, in the words that customers read."""
    due = gettext("due by the end of %(day)s") % {"day": shown.day(period.target_on)}
    late_from = format_html(gettext("late from {}"), zoned(at, zone))
    more = gettext("extended") if is_extended else ""
    return format_html("{}{}{}", due, _second(late_from), _second(more))


def desk_table(rows: Iterable[DeskRow], period: Period) -> Table:
    """Return a table with a row for each tenant."""
    return Table(_heads(), shown_rows(rows, lambda row: _cells(row, period)))


def _heads() -> list[str]:
    return [
        gettext("Period"),
        gettext("Customer number"),
        gettext("Tenant"),
        gettext("Zone"),
        gettext("Licence"),
        gettext("Standing"),
        gettext("Server-days owed"),
        gettext("Covered"),
        gettext("Missing"),
        gettext("Missing since"),
        gettext("Faults of automated upload"),
        gettext("With us"),
        gettext("Pending"),
        gettext("Late from"),
        gettext("Extended"),
        gettext("Last file"),
        gettext("Reminders"),
        gettext("Last reminder"),
        gettext("Statement"),
        gettext("Being updated"),
    ]


def _cells(row: DeskRow, period: Period) -> list[Cell]:
    clock = ZoneInfo(row.zone)
    _, word = _badge(row)
    return [
        str(period),
        row.number,
        row.name,
        row.zone,
        mode(row, period),
        word,
        row.owed,
        row.covered,
        row.numbers.missing,
        _instant(row.missing_since, clock),
        row.numbers.faults,
        row.numbers.with_us,
        row.numbers.pending,
        _instant(row.deadline_at, clock),
        gettext("yes") if row.is_extended else gettext("no"),
        _instant(row.last_received_at, clock),
        row.reminders,
        _instant(row.reminded_at, clock),
        _listed(row).state,
        updating_text(row),
    ]


def _instant(at: datetime | None, clock: tzinfo) -> Cell:
    return at.astimezone(clock) if at else None
