"""Numbers of users at each second of a day, and what is read from them.

A level changes by the net change of a second: a logout and a login at the same second
cancel out. It is kept as steps, from one change to the next: a day of few logins has
few.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

# One entry a second.
Level = NDArray[np.int32]

# The window of the highest held level, in seconds.
HELD_SECONDS = 1800

# What a window that begins in one day can reach of the next one, in seconds.
SEAM = HELD_SECONDS - 1

# Intervals that are kept before they are added up. Below that, sorting them is faster
# than an array with an entry for each second.
_FEW = 4_096
_MANY = 1 << 18


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
class Steps:
    """A level of so many seconds: `level[i]` from second `at[i]` to the next of `at`.

    The first step begins at second 0; two steps may have the same level.
    """

    at: NDArray[np.int64]
    level: Level
    seconds: int

    @classmethod
    def of_level(cls, level: Level) -> "Steps":
        at = np.flatnonzero(level[1:] != level[:-1]) + 1
        at = np.concatenate([[0], at])
        return cls(at, level[at], len(level))

    @property
    def lengths(self) -> NDArray[np.int64]:
        ends = np.empty_like(self.at)
        ends[:-1], ends[-1:] = self.at[1:], self.seconds
        return ends - self.at

    def minus(self, other: "Steps") -> "Steps":
        """Subtract the level of the same seconds."""
        at = _distinct(np.concatenate([self.at, other.at]))
        level = self._at(at) - other._at(at)
        return Steps(at, level, self.seconds)

    def _at(self, seconds: NDArray[np.int64]) -> Level:
        return self.level[np.searchsorted(self.at, seconds, side="right") - 1]

    def between(self, first: int, end: int) -> Level:
        """Return the level of each second from `first` to before `end`."""
        low = max(0, int(np.searchsorted(self.at, first, side="right")) - 1)
        high = int(np.searchsorted(self.at, end))
        bounds = np.empty(high - low + 1, np.int64)
        bounds[:-1], bounds[-1] = self.at[low:high], end
        bounds[0] = first
        return np.repeat(self.level[low:high], bounds[1:] - bounds[:-1])


@dataclass(slots=True, eq=False)
class Changes:
    """Gathers the starts and ends of intervals of a day, in seconds of it."""

    seconds: int
    _starts: list[NDArray[Any]] = field(default_factory=list)
    _ends: list[NDArray[Any]] = field(default_factory=list)
    _kept: int = 0
    _by_second: NDArray[np.int64] | None = None

    def add(self, starts: NDArray[Any], ends: NDArray[Any]) -> None:
        self._starts.append(starts)
        self._ends.append(ends)
        self._kept += len(starts)
        if self._kept >= _MANY:
            self._add_up()

    def steps(self, marks: NDArray[np.int64]) -> Steps:
        """Return the level; a step begins at each of some seconds, 0 among them."""
        if self._by_second is None and self._kept < _FEW:
            starts, ends = self._joined()
            at = _distinct(np.concatenate([starts, ends, marks]))
            at = at[at < self.seconds]
            change = np.bincount(np.searchsorted(at, starts), minlength=len(at) + 1)
            change -= np.bincount(np.searchsorted(at, ends), minlength=len(at) + 1)
            return Steps(at, np.cumsum(change[:-1]).astype(np.int32), self.seconds)
        by_second = self._add_up()
        is_step = by_second[: self.seconds] != 0
        is_step[marks] = True
        at = np.flatnonzero(is_step)
        return Steps(at, np.cumsum(by_second[at]).astype(np.int32), self.seconds)

    def _add_up(self) -> NDArray[np.int64]:
        starts, ends = self._joined()
        change = np.bincount(starts, minlength=self.seconds + 1)
        change -= np.bincount(ends, minlength=self.seconds + 1)
        if self._by_second is not None:
            change += self._by_second
        self._starts, self._ends, self._kept = [], [], 0
        self._by_second = change
        return change

    def _joined(self) -> tuple[NDArray[Any], NDArray[Any]]:
        none = np.zeros(0, np.int64)
        starts = np.concatenate([none, *self._starts])
        return starts, np.concatenate([none, *self._ends])


def _distinct(seconds: NDArray[Any]) -> NDArray[np.int64]:
    """Sort seconds, each once. `np.unique` would hash them, which takes longer."""
    ordered = np.sort(seconds)
    is_other = np.empty(len(ordered), np.bool_)
    is_other[:1] = True
    np.not_equal(ordered[1:], ordered[:-1], out=is_other[1:])
    return ordered[is_other].astype(np.int64)


def peak_of(steps: Steps) -> Peak:
    """Return the peak of a level; its instant is a second of the steps."""
    highest = int(steps.level.max(initial=0))
    if not highest:
        return Peak()
    is_there = steps.level == highest
    begins = int(is_there[0]) + int(np.count_nonzero(is_there[1:] & ~is_there[:-1]))
    seconds = int(steps.lengths[is_there].sum())
    return Peak(highest, int(steps.at[is_there.argmax()]), seconds, begins)


def held_of(steps: Steps) -> Held:
    """Return the highest held level; a level shorter than the window holds none.

    The first window that holds it begins with a step: one that began earlier would hold
    it too.
    """
    starts = steps.at[steps.at <= steps.seconds - HELD_SECONDS]
    if not len(starts):
        return Held()
    beyond = np.searchsorted(steps.at, starts + HELD_SECONDS)
    found = _least(steps.level, beyond)
    highest = int(found.max())
    return Held(highest, int(starts[found.argmax()])) if highest else Held()


def _least(level: Level, beyond: NDArray[np.int64]) -> Level:
    """Return the least level from each of the first steps to before another one.

    The minimum over a range is that of two ranges that cover it, whose length is a
    power of two.
    """
    count = beyond - np.arange(len(beyond))
    exponent = np.frexp(count)[1] - 1
    found = np.zeros(len(beyond), np.int32)
    least, width = level, 1
    for power in range(int(exponent.max()) + 1):
        rows = np.flatnonzero(exponent == power)
        found[rows] = np.minimum(least[rows], least[beyond[rows] - width])
        least = np.minimum(least[:-width], least[width:])
        width *= 2
    return found
