"""Numbers of users at each second of a day, and what is read from them.

A level is an array with one entry a second. It changes by the net change of a second:
of a logout and a login at the same second, nothing is seen.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Level = NDArray[np.int32]

# The window of the highest held level, in seconds.
HELD_SECONDS = 1800

# What a window that begins in one day can reach of the next one, in seconds.
SEAM = HELD_SECONDS - 1

# Bits of a second of a day, and of start and end together; a day has up to 25 hours.
_BITS = 17
_BOTH = 2 * _BITS
_MASK = (1 << _BITS) - 1


@dataclass(frozen=True, slots=True)
class Peak:
    """The largest level, the first second with it, its seconds and its runs."""

    level: int = 0
    at: int | None = None
    seconds: int = 0
    runs: int = 0


@dataclass(frozen=True, slots=True)
class Held:
    """The largest level held for `HELD_SECONDS`, and the first second from which."""

    level: int = 0
    at: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Intervals:
    """Disjoint intervals of users, by user and start; seconds of a day, half-open."""

    user: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]

    @property
    def seconds(self) -> int:
        return int((self.end - self.start).sum())


def unite(user: NDArray[Any], start: NDArray[Any], end: NDArray[Any]) -> Intervals:
    """Unite the rows of each user: on twice at once, or handed over, counts once.

    Start and end are seconds of one day and start is before end. One sort of numbers
    made of all three is several times as fast as sorting by two columns.
    """
    packed = user.astype(np.int64)
    packed <<= _BITS
    packed |= start
    packed <<= _BITS
    packed |= end
    packed.sort()
    people = packed >> _BOTH
    # A running maximum of user and end serves all users at once.
    reach = people << _BITS
    reach |= packed & _MASK
    np.maximum.accumulate(reach, out=reach)
    packed >>= _BITS  # user and start
    first = np.empty(len(packed), dtype=np.bool_)
    first[:1] = True
    np.greater(packed[1:], reach[:-1], out=first[1:])
    heads = np.flatnonzero(first)
    tails = np.append(heads[1:], len(packed))[: len(heads)] - 1
    return Intervals(people[heads], packed[heads] & _MASK, reach[tails] & _MASK)


def level_of(intervals: Intervals, *, seconds: int) -> Level:
    """Return how many users are there at each of so many seconds."""
    change = np.bincount(intervals.start, minlength=seconds + 1)
    change -= np.bincount(intervals.end, minlength=seconds + 1)
    return np.cumsum(change[:seconds]).astype(np.int32)


def peak_of(level: Level) -> Peak:
    """Return the peak of a level; its instant is an index of the level."""
    highest = int(level.max(initial=0))
    if not highest:
        return Peak()
    is_there = level == highest
    begins = int(is_there[0]) + int(np.count_nonzero(is_there[1:] & ~is_there[:-1]))
    return Peak(
        highest, int(is_there.argmax()), int(np.count_nonzero(is_there)), begins
    )


def held_of(level: Level) -> Held:
    """Return the highest held level; a level shorter than the window holds none."""
    if len(level) < HELD_SECONDS:
        return Held()
    # The minimum over a window is that of two windows of half its length.
    least, width = level, 1
    while 2 * width <= HELD_SECONDS:
        least = np.minimum(least[:-width], least[width:])
        width *= 2
    rest = HELD_SECONDS - width
    least = np.minimum(least[: len(least) - rest], least[rest:])
    highest = int(least.max())
    return Held(highest, int(least.argmax())) if highest else Held()
