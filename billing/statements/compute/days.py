"""Computes the usage of one local day from the rows of the files that touch it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from billing.statements.compute.catalogue import Catalogue
from billing.statements.compute.levels import (
    SEAM,
    Changes,
    Held,
    Level,
    Peak,
    Steps,
    held_of,
    peak_of,
)
from billing.statements.compute.lines import AGENT, BUSINESS, TOTAL
from billing.statements.compute.local_days import LocalDay
from billing.statements.compute.packed_rows import LineTally, blocks_of
from billing.statements.compute.rows import (
    DOUBTFUL,
    DayRows,
    LineCounts,
    RowsOfFile,
    line_groups,
    rows_of_day,
)

# Users of a day as bits, by their number.
Bitmap = NDArray[np.uint8]

_NOBODY: Bitmap = np.zeros(0, np.uint8)
_NO_LEVEL: Level = np.zeros(0, np.int32)


@dataclass(frozen=True, slots=True, eq=False)
class LineDay:
    """One line of a day. Instants are in UTC seconds.

    `hours` has the peak and the number of users of each hour. `head` and `tail` are the
    levels of the first and last seconds, which a window over midnight needs. `users`
    are those with a row of the line (of `business`: nobody, see `DayUsage`).
    """

    peak: Peak = field(default_factory=Peak)
    held: Held = field(default_factory=Held)
    named_users: int = 0
    logins: int = 0
    used_seconds: int = 0
    row_seconds: int = 0
    hours: tuple[tuple[int, int], ...] = ()
    head: Level = field(default_factory=lambda: _NO_LEVEL)
    tail: Level = field(default_factory=lambda: _NO_LEVEL)
    users: Bitmap = field(default_factory=lambda: _NOBODY)


@dataclass(frozen=True, slots=True, eq=False)
class DayUsage:
    """The usage of a local day by line; lines without a row are left out.

    The named users of `business` are those of `total` without those of `agent`, in the
    day as in the period. `rows` are those that begin in the day; `licence_keys` are all
    that rows of the day hold, counted or not.
    """

    day: date
    starts_at: int
    ends_at: int
    rows: int = 0
    lines: Mapping[str, LineDay] = field(default_factory=dict)
    doubtful: Mapping[str, int] = field(
        default_factory=lambda: dict.fromkeys(DOUBTFUL, 0)
    )
    licence_keys: frozenset[str] = frozenset()

    def line(self, name: str) -> LineDay:
        return self.lines.get(name, _NO_USAGE)

    @property
    def is_touched(self) -> bool:
        """Whether a counted row touches the day."""
        return TOTAL in self.lines


_NO_USAGE = LineDay()


def compute_day(
    files: Sequence[RowsOfFile], day: LocalDay, catalogue: Catalogue
) -> DayUsage:
    """Compute a day from the files that touch it; more files change nothing."""
    # Nearly always there is one group.
    first, *others = line_groups(files, catalogue)
    rows = rows_of_day(files, day, catalogue, first)
    lines = _tally(rows, day, with_total=True)
    for group in others:
        lines |= _tally(rows_of_day(files, day, catalogue, group), day)
    return DayUsage(
        day=day.day,
        starts_at=day.starts_at,
        ends_at=day.ends_at,
        rows=rows.begun,
        lines=dict(_in_order(lines, day)) if lines else {},
        doubtful=rows.doubtful,
        licence_keys=rows.licence_keys,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Counted:
    """A line with its rows and its level, from which that of business is computed."""

    line: LineDay
    rows: int
    steps: Steps


def _tally(
    rows: DayRows, day: LocalDay, *, with_total: bool = False
) -> dict[str, _Counted]:
    """Compute each line of a group that has rows, and the totals."""
    tallies = {
        name: LineTally(Changes(day.seconds))
        for name, counts in rows.counts.items()
        if counts.rows and (name != TOTAL or with_total)
    }
    for block in blocks_of(rows.packed, rows.group, day):
        for name, tally in tallies.items():
            tally.add(block if name == TOTAL else block.of_line(rows.group.bit(name)))
    return {
        name: _counted(rows.counts[name], tally, day) for name, tally in tallies.items()
    }


def _counted(counts: LineCounts, tally: LineTally, day: LocalDay) -> _Counted:
    users = tally.users
    line = LineDay(
        named_users=len(users),
        logins=counts.logins,
        used_seconds=tally.used_seconds,
        row_seconds=counts.row_seconds,
        users=_bitmap(users),
    )
    steps = tally.changes.steps(_hour_starts(day))
    of_hours = tally.users_of_hours(len(day.hours))
    return _Counted(_with_level(line, steps, day, of_hours), counts.rows, steps)


def _in_order(
    lines: Mapping[str, _Counted], day: LocalDay
) -> Iterator[tuple[str, LineDay]]:
    """Yield the lines in their order, with that of business after that of agents."""
    total, agent = lines[TOTAL], lines.get(AGENT)
    yield TOTAL, total.line
    if agent is None:
        yield BUSINESS, replace(total.line, users=_NOBODY)
    else:
        yield AGENT, agent.line
        if agent.rows < total.rows:
            yield BUSINESS, _subtract(total, agent, day)
    for name, counted in lines.items():
        if name not in (TOTAL, AGENT):
            yield name, counted.line


def _subtract(total: _Counted, agent: _Counted, day: LocalDay) -> LineDay:
    """Return the line of business: all users while they are not agents."""
    whole, part = total.line, agent.line
    line = LineDay(
        named_users=whole.named_users - part.named_users,
        logins=whole.logins - part.logins,
        used_seconds=whole.used_seconds - part.used_seconds,
        row_seconds=whole.row_seconds - part.row_seconds,
    )
    users = [
        of_all - of_agents
        for (_, of_all), (_, of_agents) in zip(whole.hours, part.hours, strict=True)
    ]
    return _with_level(line, total.steps.minus(agent.steps), day, users)


def _with_level(
    line: LineDay, steps: Steps, day: LocalDay, users: Sequence[int]
) -> LineDay:
    peak, held = peak_of(steps), held_of(steps)
    # A step begins with each hour.
    starts = np.searchsorted(steps.at, _hour_starts(day))
    peaks = np.maximum.reduceat(steps.level, starts)
    return replace(
        line,
        peak=replace(peak, at=_instant(peak.at, day)),
        held=replace(held, at=_instant(held.at, day)),
        hours=tuple(zip(peaks.tolist(), users, strict=True)),
        head=steps.between(0, min(SEAM, day.seconds)),
        tail=steps.between(max(0, day.seconds - SEAM), day.seconds),
    )


def _hour_starts(day: LocalDay) -> NDArray[np.int64]:
    return np.array(day.hours, np.int64) - day.starts_at


def _instant(second: int | None, day: LocalDay) -> int | None:
    return None if second is None else day.starts_at + second


def _bitmap(users: NDArray[Any]) -> Bitmap:
    bits = np.zeros(int(users[-1]) + 1 if len(users) else 0, dtype=np.bool_)
    bits[users] = True
    return np.packbits(bits, bitorder="little")
