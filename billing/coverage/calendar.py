"""Computes the calendar of what a tenant owes in a period, by server and day.

A pure function of accepted files, servers, licences and decisions. The order in which
facts are given never matters. docs/calendar.md has the rules in words.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

from billing.coverage.cells import (
    COVERED,
    UNCOVERED,
    Cell,
    CellState,
    FileGap,
    ServerRow,
    Window,
)
from billing.coverage.chain import CellReason, CellReasonCode
from billing.coverage.facts import (
    ExcuseFact,
    ExcuseKind,
    FileFact,
    HeldFact,
    Mode,
    ServerFact,
    TenantFacts,
)
from billing.coverage.periods import Period

__all__ = [
    "COVERED",
    "UNCOVERED",
    "Calendar",
    "Cell",
    "CellCounts",
    "CellReason",
    "CellReasonCode",
    "CellState",
    "ExcuseFact",
    "ExcuseKind",
    "FileFact",
    "FileGap",
    "HeldFact",
    "MissingCell",
    "Mode",
    "ServerFact",
    "TenantFacts",
    "calendar",
]

_Fact = TypeVar("_Fact", FileFact, HeldFact, ExcuseFact)


@dataclass(frozen=True, slots=True)
class MissingCell:
    """A server-day that is missing or partial.

    `is_fault`: not on a day under a manual licence, so it is shown, but never reminded
    of and never makes late.
    """

    server: str
    day: date
    why: CellReason
    is_fault: bool


@dataclass(frozen=True, slots=True)
class CellCounts:
    """Numbers of server-days. `covered` equals `owed` when nothing more is needed."""

    by_state: Mapping[CellState, int]

    @property
    def owed(self) -> int:
        return sum(self.by_state.values())

    @property
    def covered(self) -> int:
        return sum(self.by_state.get(state, 0) for state in COVERED)

    @property
    def missing(self) -> int:
        return sum(self.by_state.get(state, 0) for state in UNCOVERED)


@dataclass(frozen=True, slots=True)
class Calendar:
    """The calendar of one tenant and period, sorted by server name and day.

    `zones` are the IANA names by which the days of each server end.

    `lacks_servers`: the licence collects usage in the period, and no server owes a
    single day of it. That is incomplete, not complete.
    """

    period: Period
    cells: Mapping[tuple[str, date], Cell]
    missing: tuple[MissingCell, ...]
    missing_files: tuple[FileGap, ...]
    counts: CellCounts
    by_server: Mapping[str, CellCounts]
    zones: Mapping[str, str]
    lacks_servers: bool

    @property
    def owed(self) -> int:
        return self.counts.owed

    @property
    def covered(self) -> int:
        return self.counts.covered

    @property
    def faults(self) -> int:
        """The number of missing server-days that no one is expected to send."""
        return sum(one.is_fault for one in self.missing)

    @property
    def with_us(self) -> int:
        """The number of server-days that wait for a decision or a check."""
        return self.counts.by_state.get(CellState.WITH_US, 0)

    @property
    def waiting_servers(self) -> frozenset[str]:
        """The names of servers with a day that waits for a decision or a check."""
        return frozenset(
            server
            for (server, _), cell in self.cells.items()
            if cell.state is CellState.WITH_US
        )

    @property
    def is_complete(self) -> bool:
        """Whether nothing more is needed; also true where nothing is owed."""
        return not self.lacks_servers and self.covered == self.owed

    @property
    def has_pending(self) -> bool:
        return CellState.PENDING in self.counts.by_state

    @property
    def owes_nothing(self) -> bool:
        return not self.cells and not self.lacks_servers


def calendar(
    period: Period,
    facts: TenantFacts,
    *,
    at: datetime,
    deadline_at: datetime | None = None,
) -> Calendar:
    """Compute what is owed, what is received and what is missing.

    `at` (aware) decides which days are over. Excuses requested at or after
    `deadline_at` do not wait with us; None lets every excuse wait. Raises ValueError
    when two accepted files of a server claim one number of a series.
    """
    modes = {
        day: facts.collects(day)
        for day in period.days()
        if facts.first_on is None or day >= facts.first_on
    }
    window = Window(
        period=period, first_on=facts.first_on, modes=modes, at=at, zone=facts.zone
    )
    cells: dict[tuple[str, date], Cell] = {}
    gaps: list[FileGap] = []
    zones: dict[str, str] = {}
    for row in _rows(facts, window=window, deadline_at=deadline_at):
        found = row.cells()
        cells.update({(row.name, day): cell for day, cell in found.items()})
        gaps += row.missing_files(found)
        zones[row.name] = row.zone
    collects = any(mode is not Mode.NONE for mode in modes.values())
    return Calendar(
        period=period,
        cells=cells,
        missing=tuple(
            MissingCell(server, day, cell.why, cell.mode is not Mode.MANUAL)
            for (server, day), cell in cells.items()
            if cell.state in UNCOVERED
        ),
        missing_files=tuple(gaps),
        counts=CellCounts(Counter(cell.state for cell in cells.values())),
        by_server=_by_server(cells),
        zones=zones,
        lacks_servers=collects and not cells,
    )


def _rows(
    facts: TenantFacts, *, window: Window, deadline_at: datetime | None
) -> Iterable[ServerRow]:
    files = _grouped(facts.files)
    held = _grouped(facts.held)
    excuses = _grouped(
        excuse
        for excuse in facts.excuses
        if excuse.approved_at or deadline_at is None or excuse.asked_at < deadline_at
    )
    known = {server.name: server for server in facts.servers}
    # A server that is known only from what it sent is owed too.
    for name in sorted({*known, *files, *held}):
        yield ServerRow(
            name=name,
            server=known.get(name),
            files=tuple(files.get(name, ())),
            held=tuple(held.get(name, ())),
            excuses=tuple(excuses.get(name, ())),
            window=window,
        )


def _grouped(facts: Iterable[_Fact]) -> dict[str, list[_Fact]]:
    grouped: dict[str, list[_Fact]] = {}
    for fact in facts:
        grouped.setdefault(fact.server, []).append(fact)
    return grouped


def _by_server(cells: Mapping[tuple[str, date], Cell]) -> dict[str, CellCounts]:
    states: dict[str, Counter[CellState]] = {}
    for (server, _), cell in cells.items():
        states.setdefault(server, Counter())[cell.state] += 1
    return {server: CellCounts(counter) for server, counter in states.items()}
