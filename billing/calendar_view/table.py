"""Builds the rows of a calendar's table and its list of what is missing."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

from django.utils.translation import gettext, ngettext

from billing.calendar_view.text import reason_text
from billing.coverage.calendar import UNCOVERED, Calendar, Cell, CellState, FileGap
from billing.coverage.periods import Period
from portal.templatetags.shown import day as day_text
from portal.templatetags.shown import short_day
from portal.typed_text.clean import isolated

# Saturday and Sunday, as `date.weekday` counts.
_WEEKEND = 5

# Shapes by state; each is named like its state.
MARKS = {state: state.value.replace(" ", "-") for state in CellState}


@dataclass(frozen=True, slots=True)
class DayHead:
    """A column's head; `starts_month` also for the first column."""

    day: date
    is_weekend: bool
    starts_month: bool


@dataclass(frozen=True, slots=True)
class Square:
    """One cell of the sheet; `state` None where the server owes nothing that day."""

    head: DayHead
    state: str
    mark: str
    label: str
    is_open: bool


@dataclass(frozen=True, slots=True)
class SheetRow:
    server: str
    squares: list[Square]
    owed: int
    covered: int


@dataclass(frozen=True, slots=True)
class MissingEntry:
    """What one server lacks, as text, and from when to when; `more` what follows.

    `gap` where the entry counts files by number; `is_quiet` where nothing of it is to
    be uploaded now.
    """

    server: str
    what: str
    more: str
    first: date
    last: date
    is_quiet: bool = False
    gap: FileGap | None = None


@dataclass(frozen=True, slots=True)
class CellDetails:
    """The state, reason and files of the cell that is open."""

    server: str
    day: date
    state: str
    mark: str
    why: str
    cell: Cell

    @property
    def is_missing(self) -> bool:
        """Whether the day counts as missing, so that it can be excused."""
        return self.cell.state in UNCOVERED


def day_heads(period: Period) -> list[DayHead]:
    return [
        DayHead(
            day=day,
            is_weekend=day.weekday() >= _WEEKEND,
            starts_month=day.day == 1,
        )
        for day in period.days()
    ]


def months(period: Period) -> list[tuple[date, int]]:
    """Return the first day of each month's part, and how many columns it has."""
    parts = groupby(period.days(), key=lambda day: day.month)
    found = [list(days) for _, days in parts]
    return [(days[0], len(days)) for days in found]


def state_text(state: CellState) -> str:
    return {
        CellState.RECEIVED: gettext("received"),
        CellState.PARTIAL: gettext("partial"),
        CellState.SILENT: gettext("silent"),
        CellState.EXCUSED: gettext("excused"),
        CellState.MISSING: gettext("missing"),
        CellState.WITH_US: gettext("waiting"),
        CellState.PENDING: gettext("pending"),
    }[state]


def sheet_rows(
    calendar: Calendar, *, opened: tuple[str, date] | None
) -> list[SheetRow]:
    """Return the sheet, a row a server, sorted by name."""
    columns = day_heads(calendar.period)
    return [
        SheetRow(
            server=server,
            squares=[
                _square(server, head, calendar, opened=opened) for head in columns
            ],
            owed=counts.owed,
            covered=counts.covered,
        )
        for server, counts in calendar.by_server.items()
    ]


def _square(
    server: str, head: DayHead, calendar: Calendar, *, opened: tuple[str, date] | None
) -> Square:
    cell = calendar.cells.get((server, head.day))
    if cell is None:
        return Square(head, "", "", "", is_open=False)
    text = state_text(cell.state)
    return Square(
        head,
        text,
        MARKS[cell.state],
        f"{isolated(server)}, {day_text(head.day)}: {text}",
        is_open=opened == (server, head.day),
    )


def cell_details(
    calendar: Calendar, opened: tuple[str, date] | None
) -> CellDetails | None:
    """Return the details of a cell, None where there is no such cell."""
    cell = calendar.cells.get(opened) if opened else None
    if cell is None or opened is None:
        return None
    text = state_text(cell.state)
    if cell.state is CellState.PARTIAL:
        text = gettext("partial, counts as missing")
    return CellDetails(
        server=opened[0],
        day=opened[1],
        state=text,
        mark=MARKS[cell.state],
        why=reason_text(cell.why),
        cell=cell,
    )


def legend(calendar: Calendar) -> list[tuple[str, str, int]]:
    """Return mark, text and number of each state that occurs."""
    return [
        (MARKS[state], state_text(state), count)
        for state in CellState
        if (count := calendar.counts.by_state.get(state, 0))
    ]


def missing_entries(
    calendar: Calendar, *, to_confirm: Collection[str] = ()
) -> list[MissingEntry]:
    """List what is missing: files by number where they can be counted.

    `to_confirm` are the servers whose files wait for a tenant admin, not for us.
    """
    found: list[MissingEntry] = []
    for server in calendar.by_server:
        gaps = [gap for gap in calendar.missing_files if gap.server == server]
        found += [_gap_entry(gap, calendar) for gap in gaps]
        gap_days = {day for gap in gaps for day in _days_of(gap, calendar.period)}
        missing = [
            day
            for (name, day), cell in calendar.cells.items()
            if name == server and cell.state in UNCOVERED and day not in gap_days
        ]
        for first, last in _runs(missing):
            why = reason_text(calendar.cells[server, first].why)
            what = f"{_span(first, last)}."
            found.append(MissingEntry(server, what, why, first, last))
        found += _quiet_entries(server, calendar, is_theirs=server in to_confirm)
    return found


def days_text(days: Sequence[date]) -> str:
    """Name days as spans: 5 to 8 May, 11 May."""
    return ", ".join(_span(first, last) for first, last in _runs(days))


def between_text(first: date, last: date) -> str:
    """Return a range of days as text: between 5 and 8 May."""
    if first == last:
        return gettext("on %(day)s") % {"day": short_day(first)}
    is_month = (first.year, first.month) == (last.year, last.month)
    return gettext("between %(first)s and %(last)s") % {
        "first": first.day if is_month else short_day(first),
        "last": short_day(last),
    }


def numbers_text(first: int, last: int) -> str:
    if first == last:
        return gettext("number %(first)s") % {"first": first}
    return gettext("numbers %(first)s to %(last)s") % {"first": first, "last": last}


def _gap_entry(gap: FileGap, calendar: Calendar) -> MissingEntry:
    numbers = numbers_text(gap.first_sequence, gap.last_sequence)
    what = ngettext(
        "%(count)d file, %(numbers)s, %(days)s.",
        "%(count)d files, %(numbers)s, %(days)s.",
        gap.count,
    ) % {
        "count": gap.count,
        "numbers": numbers,
        "days": between_text(gap.from_day, gap.to_day),
    }
    parts = []
    for state, text in (
        (CellState.MISSING, gettext("missing: %(days)s")),
        (CellState.PARTIAL, gettext("partial: %(days)s")),
    ):
        days = [
            day
            for day in _days_of(gap, calendar.period)
            if (cell := calendar.cells.get((gap.server, day))) and cell.state is state
        ]
        if days:
            parts.append(text % {"days": days_text(days)})
    more = "; ".join(parts)
    return MissingEntry(gap.server, what, more, gap.from_day, gap.to_day, gap=gap)


def _quiet_entries(
    server: str, calendar: Calendar, *, is_theirs: bool
) -> Iterator[MissingEntry]:
    waits = gettext("waiting; there is nothing for you to do.")
    if is_theirs:
        waits = gettext("waiting until a tenant admin confirms the key of the server.")
    for state, text in (
        (CellState.WITH_US, waits),
        (CellState.PENDING, gettext("not over yet.")),
    ):
        days = [
            day
            for (name, day), cell in calendar.cells.items()
            if name == server and cell.state is state
        ]
        for first, last in _runs(days):
            what = _span(first, last)
            yield MissingEntry(server, what, text, first, last, is_quiet=True)


def _days_of(gap: FileGap, period: Period) -> list[date]:
    return [day for day in period.days() if gap.from_day <= day <= gap.to_day]


def _runs(days: Sequence[date]) -> list[tuple[date, date]]:
    """Join days that follow each other into runs, first and last of each."""
    runs: list[tuple[date, date]] = []
    for day in sorted(days):
        if runs and day - runs[-1][1] == timedelta(days=1):
            runs[-1] = (runs[-1][0], day)
        else:
            runs.append((day, day))
    return runs


def _span(first: date, last: date) -> str:
    if first == last:
        return short_day(first)
    if first.month == last.month and first.year == last.year:
        return gettext("%(first)s to %(last)s") % {
            "first": first.day,
            "last": short_day(last),
        }
    return gettext("%(first)s to %(last)s") % {
        "first": short_day(first),
        "last": short_day(last),
    }
