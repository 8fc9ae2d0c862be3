"""Judges each day of one server's calendar row from its proof and its excuses."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property
from uuid import UUID

from billing.coverage.chain import (
    SHUTDOWN,
    CellReason,
    CellReasonCode,
    SequenceGap,
    ServerProof,
    prove,
)
from billing.coverage.facts import (
    ExcuseFact,
    ExcuseKind,
    FileFact,
    HeldFact,
    Mode,
    ServerFact,
)
from billing.coverage.periods import Period, first_open_day, zone_named
from billing.coverage.series import one_per_number


class CellState(StrEnum):
    """What is known of one server on one day."""

    RECEIVED = "received"
    PARTIAL = "partial"
    SILENT = "silent"
    EXCUSED = "excused"
    MISSING = "missing"
    WITH_US = "with us"
    PENDING = "pending"


# Nothing more is needed for these days.
COVERED = frozenset({CellState.RECEIVED, CellState.SILENT, CellState.EXCUSED})
# Partial counts as missing.
UNCOVERED = frozenset({CellState.MISSING, CellState.PARTIAL})


@dataclass(frozen=True, slots=True)
class Cell:
    """One server-day.

    `files` are the accepted files of the day in chain order. `mode` is the licence
    mode of the day; NONE only where a file came although no licence is recorded.
    """

    state: CellState
    why: CellReason
    mode: Mode
    files: tuple[FileFact, ...] = ()


@dataclass(frozen=True, slots=True)
class FileGap:
    """Files known to be missing, by number, and the days they lie somewhere in.

    The days are not cut to the period: a gap over its edge is listed whole in both.
    """

    server: str
    series: UUID
    first_sequence: int
    last_sequence: int
    from_day: date
    to_day: date

    @property
    def count(self) -> int:
        return self.last_sequence - self.first_sequence + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The facts shared by all servers of a tenant; `modes` are the days it may owe."""

    period: Period
    first_on: date | None
    modes: Mapping[date, Mode]
    at: datetime
    zone: str


@dataclass(frozen=True, slots=True)
class ExcusedDays:
    """The days and numbers that excuses of one server name; `numbers` are sorted."""

    lost: frozenset[date]
    down: frozenset[date]
    numbers: tuple[tuple[UUID, int, int], ...]

    @classmethod
    def by(cls, excuses: Iterable[ExcuseFact]) -> "ExcusedDays":
        lost: set[date] = set()
        down: set[date] = set()
        numbers: set[tuple[UUID, int, int]] = set()
        for excuse in excuses:
            if excuse.kind is ExcuseKind.DOWN:
                down |= excuse.days
                continue
            lost |= excuse.days
            if excuse.series is not None:
                span = (excuse.series, excuse.first_sequence, excuse.last_sequence)
                numbers.add(span)
        return cls(frozenset(lost), frozenset(down), tuple(sorted(numbers)))


def rest_of(
    gap: SequenceGap, numbers: Iterable[tuple[UUID, int, int]]
) -> list[tuple[int, int]]:
    """List the runs of a gap's numbers that the sorted `numbers` do not name."""
    runs = []
    first = gap.first_sequence
    for series, start, end in numbers:
        if series != gap.series or end < first or start > gap.last_sequence:
            continue
        if start > first:
            runs.append((first, start - 1))
        first = end + 1
    if first <= gap.last_sequence:
        runs.append((first, gap.last_sequence))
    return runs


@dataclass(frozen=True, slots=True)
class FactsReading:
    """One way to read the facts: the accepted ones, or as if we had approved all."""

    proof: ServerProof
    excused: ExcusedDays
    retired_on: date | None = None

    def judge(self, day: date) -> tuple[CellState, CellReason]:
        has_files = day in self.proof.files
        gaps = self.proof.gaps_on.get(day, [])
        live = [gap for gap in gaps if rest_of(gap, self.excused.numbers)]
        placed = [gap for gap in live if gap.is_placed]
        hole = placed[0].why if placed else self._loose_end(day)
        if hole is None:
            if any(gap.is_placed for gap in gaps):
                return CellState.EXCUSED, CellReason(CellReasonCode.LOST)
            if has_files:
                return CellState.RECEIVED, CellReason(CellReasonCode.COVERED)
            if day in self.proof.silent:
                return CellState.SILENT, self.proof.silent[day]
            hole = self.proof.why_unproved(day)
        if day in self.excused.lost:
            return CellState.EXCUSED, CellReason(CellReasonCode.LOST)
        # A file contradicts that nothing was written, and so does a gap anywhere.
        if day in self.excused.down and not has_files and not live:
            return CellState.EXCUSED, CellReason(CellReasonCode.DOWN)
        return (CellState.PARTIAL if has_files else CellState.MISSING), hole

    def _loose_end(self, day: date) -> CellReason | None:
        why = self.proof.loose.get(day)
        if why is not None and day == self.retired_on:
            tail = self.proof.chains[-1][-1]
            is_tail = why == CellReason(
                CellReasonCode.UNPROVED_END, tail.series, tail.sequence
            )
            # Shut down on the day it was retired: approving the retirement approved
            # that no file follows. Any other end (restart, crash, clock) shows that
            # more were written.
            if is_tail and tail.closed_by == SHUTDOWN:
                return None
        return why


@dataclass(frozen=True, kw_only=True)
class ServerRow:
    """One server's facts; a server met only in files has no ServerFact."""

    name: str
    server: ServerFact | None
    files: tuple[FileFact, ...]
    held: tuple[HeldFact, ...]
    excuses: tuple[ExcuseFact, ...]
    window: Window

    def cells(self) -> dict[date, Cell]:
        """Judge every owed day, in order."""
        reading = self._accepted
        open_from = first_open_day(zone_named(self.zone), at=self.window.at)
        cells = {}
        for day, mode in self.window.modes.items():
            files = tuple(reading.proof.files.get(day, ()))
            if not files and (mode is Mode.NONE or not self._is_in_use(day)):
                continue
            state, why = reading.judge(day)
            if state in UNCOVERED and day >= open_from:
                state, why = CellState.PENDING, CellReason(CellReasonCode.RUNNING)
            elif state in UNCOVERED and self._waits_for_us(day):
                state, why = CellState.WITH_US, self._why_with_us(day)
            cells[day] = Cell(state, why, mode, files)
        return cells

    def missing_files(self, cells: Mapping[date, Cell]) -> list[FileGap]:
        """List the missing numbers behind the missing and partial days."""
        days = [day for day, cell in cells.items() if cell.state in UNCOVERED]
        held = {
            (held.file.series, held.file.sequence, held.file.sequence)
            for held in self.held
            if held.file is not None
        }
        with_us = sorted({*ExcusedDays.by(self.excuses).numbers, *held})
        found = []
        for gap in self._accepted.proof.gaps:
            from_day = min(gap.from_day or self._owed_from, gap.to_day)
            if not any(from_day <= day <= gap.to_day for day in days):
                continue
            found += [
                FileGap(self.name, gap.series, first, last, from_day, gap.to_day)
                for first, last in rest_of(gap, with_us)
            ]
        return found

    @cached_property
    def _accepted(self) -> FactsReading:
        approved = (excuse for excuse in self.excuses if excuse.approved_at)
        return self._read(self.files, approved)

    @cached_property
    def _if_approved(self) -> FactsReading | None:
        held = [held.file for held in self.held if held.file is not None]
        if not held and all(excuse.approved_at for excuse in self.excuses):
            return None
        return self._read(one_per_number(self.files, held), self.excuses)

    def _read(
        self, files: Iterable[FileFact], excuses: Iterable[ExcuseFact]
    ) -> FactsReading:
        period = self.window.period
        proof = prove(files, first=period.starts_on, last=period.ends_on)
        retired_on = self.server.retired_on if self.server else None
        if retired_on and any(chain[-1].day > retired_on for chain in proof.chains):
            retired_on = None  # the server wrote on: the retirement was not true
        return FactsReading(proof, ExcusedDays.by(excuses), retired_on)

    @cached_property
    def _first_owed_on(self) -> date | None:
        first = self.server.first_owed_on if self.server else None
        if first is None:
            return None
        chains = self._accepted.proof.chains
        return min([first, *(chain[0].day for chain in chains)])

    @property
    def _owed_from(self) -> date:
        """Return the day from which on unknown early numbers are listed as missing."""
        bounds = (self._first_owed_on, self.window.first_on)
        known = [day for day in bounds if day is not None]
        return max(known, default=self.window.period.starts_on)

    def _is_in_use(self, day: date) -> bool:
        first, last = self._first_owed_on, self._accepted.retired_on
        return (first is None or first <= day) and (last is None or day <= last)

    @property
    def zone(self) -> str:
        """The zone that decides when a day of this server is over."""
        if self.server is not None:
            return self.server.zone
        chains = self._accepted.proof.chains
        if chains:
            return chains[-1][-1].zone
        zones = [
            (held.file.closed_at, held.file.sequence, held.file.zone)
            for held in self.held
            if held.file is not None
        ]
        return max(zones)[-1] if zones else self.window.zone

    @cached_property
    def _held_days(self) -> frozenset[date | None]:
        return frozenset(held.day for held in self.held if held.file is None)

    def _waits_for_us(self, day: date) -> bool:
        if day in self._held_days:
            return True
        reading = self._if_approved
        return reading is not None and reading.judge(day)[0] in COVERED

    def _why_with_us(self, day: date) -> CellReason:
        for held in self.held:
            if day == (held.file.day if held.file is not None else held.day):
                return CellReason(CellReasonCode.HELD)
        has_open_excuse = any(not excuse.approved_at for excuse in self.excuses)
        return CellReason(
            CellReasonCode.ASKED if has_open_excuse else CellReasonCode.HELD
        )
