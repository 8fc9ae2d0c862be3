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
    Held,
    Intervals,
    Level,
    Peak,
    held_of,
    level_of,
    peak_of,
    unite,
)
from billing.statements.compute.local_days import LocalDay
from billing.statements.compute.rows import DOUBTFUL, DayRows, RowsOfFile, rows_of_day

# Names of the lines; add-ons follow these, by `add_on_line`.
TOTAL, AGENT, BUSINESS = "total", "agent", "business"

# Users of a day as bits, by their number.
Bitmap = NDArray[np.uint8]

_NOBODY: Bitmap = np.zeros(0, np.uint8)
_NO_LEVEL: Level = np.zeros(0, np.int32)


def add_on_line(licence_key: str) -> str:
    return f"add_on:{licence_key}"


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
    rows = rows_of_day(files, day, catalogue)
    return DayUsage(
        day=day.day,
        starts_at=day.starts_at,
        ends_at=day.ends_at,
        rows=int(np.count_nonzero(rows.is_begun)),
        lines=dict(_lines(rows, day)) if len(rows.user) else {},
        doubtful=rows.doubtful,
        licence_keys=rows.licence_keys,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Counted:
    """A line and its level, from which that of business is computed."""

    line: LineDay
    level: Level


def _lines(rows: DayRows, day: LocalDay) -> Iterator[tuple[str, LineDay]]:
    everybody, ranks = _rank(rows.user)
    total = _line(rows, slice(None), day, everybody, ranks)
    yield TOTAL, total.line
    agents = np.flatnonzero(rows.is_agent)
    if len(agents) == len(rows.user):
        yield AGENT, total.line
    elif len(agents):
        agent = _line(rows, agents, day, everybody, ranks)
        yield AGENT, agent.line
        yield BUSINESS, _without(total, agent, day)
    else:
        yield BUSINESS, replace(total.line, users=_NOBODY)
    for key, holds in rows.holds.items():
        chosen = np.flatnonzero(holds)
        if len(chosen):
            yield add_on_line(key), _line(rows, chosen, day, everybody, ranks).line


def _rank(user: NDArray[np.uint32]) -> tuple[NDArray[Any], NDArray[np.uint32]]:
    """Return the users of a day, and the place of each row's user among them."""
    seen = np.zeros(int(user.max()) + 1, dtype=np.bool_)
    seen[user] = True
    everybody = np.flatnonzero(seen)
    places = np.zeros(len(seen), dtype=np.uint32)
    places[everybody] = np.arange(len(everybody), dtype=np.uint32)
    return everybody, places[user]


def _line(
    rows: DayRows,
    chosen: Any,
    day: LocalDay,
    everybody: NDArray[Any],
    ranks: NDArray[np.uint32],
) -> _Counted:
    user, start, end = ranks[chosen], rows.start[chosen], rows.end[chosen]
    has_length = start < end
    moments = np.flatnonzero(~has_length)
    if len(moments):
        lasting = np.flatnonzero(has_length)
        intervals = unite(user[lasting], start[lasting], end[lasting])
    else:
        intervals = unite(user, start, end)
    present = np.zeros(len(everybody), dtype=np.bool_)
    present[user] = True
    hours = _hour_of_second(day)
    touched = _users_of_hours(intervals, hours, len(day.hours), len(everybody))
    touched[hours[start[moments]], user[moments]] = True
    level = level_of(intervals, seconds=day.seconds)
    line = LineDay(
        named_users=int(np.count_nonzero(present)),
        logins=int(np.count_nonzero(rows.is_login[chosen])),
        used_seconds=intervals.seconds,
        row_seconds=int(end.sum(dtype=np.int64) - start.sum(dtype=np.int64)),
        users=_bitmap(everybody[present]),
    )
    return _Counted(
        _with_level(line, level, day, touched.sum(axis=1, dtype=np.int64)), level
    )


def _without(total: _Counted, agent: _Counted, day: LocalDay) -> LineDay:
    """Return the line of business: everybody without who is an agent."""
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
    return _with_level(line, total.level - agent.level, day, users)


def _with_level(line: LineDay, level: Level, day: LocalDay, users: Any) -> LineDay:
    peak, held = peak_of(level), held_of(level)
    starts = np.array(day.hours) - day.starts_at
    peaks = np.maximum.reduceat(level, starts)
    return replace(
        line,
        peak=replace(peak, at=_instant(peak.at, day)),
        held=replace(held, at=_instant(held.at, day)),
        hours=tuple(zip(peaks.tolist(), list(map(int, users)), strict=True)),
        head=level[:SEAM].copy(),
        tail=level[-SEAM:].copy(),
    )


def _instant(second: int | None, day: LocalDay) -> int | None:
    return None if second is None else day.starts_at + second


def _hour_of_second(day: LocalDay) -> NDArray[np.uint8]:
    lengths = np.diff([*day.hours, day.ends_at])
    return np.repeat(np.arange(len(day.hours), dtype=np.uint8), lengths)


def _users_of_hours(
    intervals: Intervals, hours: NDArray[np.uint8], count: int, users: int
) -> NDArray[np.bool_]:
    """Say of each hour and user whether an interval of the user touches the hour."""
    touched = np.zeros((count, users), dtype=np.bool_)
    user = intervals.user
    hour, last = hours[intervals.start], hours[intervals.end - 1]
    while len(user):
        touched[hour, user] = True
        more = np.flatnonzero(hour < last)
        user, hour, last = user[more], hour[more] + np.uint8(1), last[more]
    return touched


def _bitmap(users: NDArray[Any]) -> Bitmap:
    bits = np.zeros(int(users[-1]) + 1 if len(users) else 0, dtype=np.bool_)
    bits[users] = True
    return np.packbits(bits, bitorder="little")
