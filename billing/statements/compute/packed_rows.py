"""Rows of a day as single numbers, which are sorted once for all lines.

A number holds the user, the start, the end, and a bit for each line of a group that the
row belongs to. One sort of such numbers is several times as fast as sorting columns.
They are then processed in blocks of whole users that fit into the processor's cache.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from billing.statements.compute.levels import Changes
from billing.statements.compute.local_days import LocalDay

# Bits of a second of a day, which has up to 25 hours.
_SECOND_BITS = 17
_SECOND = (1 << _SECOND_BITS) - 1

# Bits of a number; its sign is not used.
_BITS = 63

# Rows of a block, roughly: the columns made of them fit into a cache of 2 MB.
_BLOCK_ROWS = 1 << 16

Packed = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LineGroup:
    """Lines whose bits are packed with the rows, in the order of the bits."""

    lines: tuple[str, ...]

    @property
    def bits(self) -> int:
        return len(self.lines)

    def bit(self, line: str) -> int:
        """Return the bit of a line, as a number that has it alone."""
        return 1 << self.lines.index(line)

    def pack_into(
        self,
        packed: Packed,
        user: NDArray[Any],
        start: NDArray[Any],
        end: NDArray[Any],
        lines: NDArray[Any],
    ) -> None:
        """Pack rows into as many numbers; `lines` are the bits of each row."""
        packed[:] = user
        for part, bits in (
            *((start, _SECOND_BITS), (end, _SECOND_BITS)),
            (lines, self.bits),
        ):
            packed <<= bits
            packed |= part


def groups_of(lines: Sequence[str], *, most_user: int) -> list[LineGroup]:
    """Divide lines into groups whose bits have room beside users up to a number."""
    room = _BITS - 2 * _SECOND_BITS - most_user.bit_length()
    return [
        LineGroup(tuple(lines[first : first + room]))
        for first in range(0, len(lines), room)
    ]


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """All rows of some users, ordered by user and start.

    `begin` is user and start, `reach` user and end, packed. `hours` has a bit for each
    hour that a row touches.
    """

    begin: NDArray[np.int64]
    reach: NDArray[np.int64]
    hours: NDArray[np.uint32]
    lines: NDArray[np.uint32]

    def of_line(self, bit: int) -> "Block":
        """Return the rows of the line with a bit."""
        rows = np.flatnonzero((self.lines & np.uint32(bit)) != 0)
        return Block(
            self.begin[rows], self.reach[rows], self.hours[rows], self.lines[rows]
        )

    def lasting(self) -> "Block":
        """Return the rows that have a length."""
        has_length = (self.begin & _SECOND) < (self.reach & _SECOND)
        if has_length.all():
            return self
        rows = np.flatnonzero(has_length)
        return Block(
            self.begin[rows], self.reach[rows], self.hours[rows], self.lines[rows]
        )


def blocks_of(packed: Packed, group: LineGroup, day: LocalDay) -> Iterator[Block]:
    """Cut sorted rows into blocks."""
    of_hours = _HoursOfSecond.of(day)
    to_user = 2 * _SECOND_BITS + group.bits
    first = 0
    while first < len(packed):
        last = min(first + _BLOCK_ROWS, len(packed)) - 1
        next_user = ((packed[last] >> to_user) + 1) << to_user
        end = last + int(np.searchsorted(packed[last:], next_user))
        rows = packed[first:end]
        lines = (rows & ((1 << group.bits) - 1)).astype(np.uint32)
        ends = (rows >> group.bits) & _SECOND
        begin = rows >> (group.bits + _SECOND_BITS)
        reach = (begin & ~_SECOND) | ends
        hours = of_hours.touched(begin & _SECOND, ends)
        yield Block(begin, reach, hours, lines)
        first = end


@dataclass(frozen=True, slots=True, eq=False)
class _HoursOfSecond:
    """Bits of the hours of a day: those from a second on, and those up to one."""

    since: NDArray[np.uint32]
    until: NDArray[np.uint32]

    @classmethod
    def of(cls, day: LocalDay) -> "_HoursOfSecond":
        lengths = np.diff([*day.hours, day.ends_at])
        hour = np.repeat(np.arange(len(day.hours)), lengths)
        every = (1 << len(day.hours)) - 1
        since = np.array([every & -(1 << one) for one in range(len(day.hours))])
        until = np.array([(2 << one) - 1 for one in range(len(day.hours))])
        return cls(since.astype(np.uint32)[hour], until.astype(np.uint32)[hour])

    def touched(
        self, start: NDArray[np.int64], end: NDArray[np.int64]
    ) -> NDArray[np.uint32]:
        """Return the hours of rows; a row of no length touches that of its instant."""
        return self.since[start] & self.until[np.maximum(end - 1, start)]


@dataclass(slots=True, eq=False)
class LineTally:
    """Adds up the blocks of one line."""

    changes: Changes
    used_seconds: int = 0
    _users: list[NDArray[np.int64]] = field(default_factory=list)
    _hours: list[NDArray[np.uint32]] = field(default_factory=list)

    def add(self, rows: Block) -> None:
        if not len(rows.begin):
            return
        user = rows.begin >> _SECOND_BITS
        heads = _heads(user[1:] != user[:-1])
        self._users.append(user[heads])
        self._hours.append(np.bitwise_or.reduceat(rows.hours, heads))
        self._unite(rows.lasting())

    def _unite(self, rows: Block) -> None:
        """Unite the rows of each user: on twice at once, or handed over, counts once.

        A running maximum of user and end serves all users at once.
        """
        if not len(rows.begin):
            return
        reach = np.maximum.accumulate(rows.reach)
        heads = _heads(rows.begin[1:] > reach[:-1])
        tails = np.append(heads[1:], len(reach)) - 1
        start, end = rows.begin[heads] & _SECOND, reach[tails] & _SECOND
        self.used_seconds += int(end.sum() - start.sum())
        self.changes.add(start.astype(np.int32), end.astype(np.int32))

    @property
    def users(self) -> NDArray[np.int64]:
        """The users with a row, in order."""
        return np.concatenate(self._users)

    def users_of_hours(self, count: int) -> list[int]:
        """Return how many users touch each of the hours of the day."""
        hours = np.concatenate(self._hours)
        return [
            int(np.count_nonzero(hours & np.uint32(1 << hour))) for hour in range(count)
        ]


def _heads(is_other: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return where runs begin, from whether each entry after the first begins one."""
    others = np.flatnonzero(is_other)
    heads = np.zeros(len(others) + 1, np.int64)
    np.add(others, 1, out=heads[1:])
    return heads
