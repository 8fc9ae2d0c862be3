"""Joins the days of a period: users, peaks and held levels over all its seconds."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from billing.statements.compute.days import Bitmap, DayUsage
from billing.statements.compute.levels import Held, Level, Peak, Steps, held_of
from billing.statements.compute.lines import AGENT, BUSINESS, TOTAL
from billing.statements.compute.rows import DOUBTFUL


@dataclass(frozen=True, slots=True, kw_only=True)
class LinePeriod:
    """One line of a period; instants are in UTC seconds."""

    named_users: int
    logins: int
    used_seconds: int
    row_seconds: int
    peak: Peak
    held: Held


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodUsage:
    """The usage of a period: the totals, each line, and all its days in order."""

    total: LinePeriod
    lines: dict[str, LinePeriod]
    rows: int
    doubtful: dict[str, int]
    licence_keys: frozenset[str]


def join_days(
    days: Iterable[DayUsage], lines: Sequence[str], *, alike: NDArray[np.int64]
) -> PeriodUsage:
    """Join days, in any order, with those outside of the period.

    `lines` are the names of the lines wanted besides the totals. `alike` has a number
    for each user, equal for names that differ only in their domain.
    """
    # Where a zone leaves out a day there is nothing to join.
    ordered = sorted(
        (one for one in days if one.ends_at > one.starts_at),
        key=lambda one: one.starts_at,
    )
    users = {
        name: _united([one.line(name).users for one in ordered])
        for name in (TOTAL, *lines)
    }
    named = {name: int(np.bitwise_count(bits).sum()) for name, bits in users.items()}
    named[BUSINESS] = named[TOTAL] - named.get(AGENT, 0)
    found = {
        name: _line(ordered, name, named_users=named[name]) for name in (TOTAL, *lines)
    }
    doubtful = {name: sum(one.doubtful[name] for one in ordered) for name in DOUBTFUL}
    return PeriodUsage(
        total=found.pop(TOTAL),
        lines=found,
        rows=sum(one.rows for one in ordered),
        doubtful={**doubtful, "alike_groups": _alike_groups(users[TOTAL], alike)},
        licence_keys=frozenset().union(*(one.licence_keys for one in ordered)),
    )


def _united(bitmaps: Sequence[Bitmap]) -> Bitmap:
    united = np.zeros(max(map(len, bitmaps), default=0), np.uint8)
    for one in bitmaps:
        united[: len(one)] |= one
    return united


def _line(days: Sequence[DayUsage], name: str, *, named_users: int) -> LinePeriod:
    own = [one.line(name) for one in days]
    return LinePeriod(
        named_users=named_users,
        logins=sum(one.logins for one in own),
        used_seconds=sum(one.used_seconds for one in own),
        row_seconds=sum(one.row_seconds for one in own),
        peak=_peak(days, name),
        held=_held(days, name),
    )


def _peak(days: Sequence[DayUsage], name: str) -> Peak:
    own = [one.line(name).peak for one in days]
    highest = max((one.level for one in own), default=0)
    if not highest:
        return Peak()
    with_it = [one for one in own if one.level == highest]
    # A run over midnight is one run.
    joined = sum(
        int(tail[-1]) == highest == int(head[0]) for _, tail, head in _seams(days, name)
    )
    return Peak(
        highest,
        with_it[0].at,
        sum(one.seconds for one in with_it),
        sum(one.runs for one in with_it) - joined,
    )


def _held(days: Sequence[DayUsage], name: str) -> Held:
    found = [one.line(name).held for one in days]
    for midnight, tail, head in _seams(days, name):
        over = held_of(Steps.of_level(np.concatenate([tail, head])))
        if over.at is not None:
            found.append(Held(over.level, midnight - len(tail) + over.at))
    highest = max((one.level for one in found), default=0)
    if not highest:
        return Held()
    at = min(one.at for one in found if one.level == highest and one.at is not None)
    return Held(highest, at)


def _seams(days: Sequence[DayUsage], name: str) -> Iterator[tuple[int, Level, Level]]:
    """Yield each midnight between two days with rows, and the levels around it."""
    for before, day in pairwise(days):
        tail, head = before.line(name).tail, day.line(name).head
        if before.ends_at == day.starts_at and len(tail) and len(head):
            yield day.starts_at, tail, head


def _alike_groups(users: Bitmap, alike: NDArray[np.int64]) -> int:
    present = np.flatnonzero(np.unpackbits(users, bitorder="little"))
    _, counts = np.unique(alike[present], return_counts=True)
    return int(np.count_nonzero(counts > 1))
