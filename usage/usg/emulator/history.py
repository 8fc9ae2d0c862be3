"""Emulates the past of servers: which files each wrote, from when to when, and why.

A pure function of seed, server and day. Two runs over adjoining periods therefore
write what one run over both would have written.
"""

import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from usage.usg.header import ClosedBy

_DAY = timedelta(days=1)
# Seconds a server is away: a restart takes minutes, after a crash somebody must come.
_AWAY = {
    ClosedBy.RESTART: (120, 600),
    ClosedBy.CRASH: (300, 3600),
    ClosedBy.CLOCK: (1, 240),
}
# Local seconds of the day: before a day off a server is stopped in the evening, or
# crashes, and is started again in the morning after it.
_STOPPED = (19 * 3600, 22 * 3600)
_STARTED = (5 * 3600, 7 * 3600)
# A break in the day happens in working hours, where it cuts sessions.
_BROKEN = (7 * 3600, 19 * 3600)


@dataclass(frozen=True, slots=True)
class ServerHabits:
    """How often things happen, each as a probability per server and day.

    `off` are days on which every server is stopped, in addition to `days_off`. On the
    days `on` no server is stopped by chance.
    """

    restarts: float = 0.06
    crashes: float = 0.02
    clock_changes: float = 0.01
    days_off: float = 0.03
    off: Collection[date] = ()
    on: Collection[date] = ()


@dataclass(frozen=True, slots=True)
class FileSpan:
    """One file: a server was watched from `opened_at` until `closed_at` (UTC).

    After a crash the next start closes the file, on a later day if need be:
    `closed_at` is the last sign of life, and not the instant of that start.
    """

    day: date
    opened_at: datetime
    closed_at: datetime
    closed_by: ClosedBy


@dataclass(frozen=True, slots=True)
class ServerHistory:
    """The true past of one server."""

    server: str
    zone: ZoneInfo
    seed: int
    habits: ServerHabits

    def draw(self, day: date, purpose: str) -> np.random.Generator:
        """Return the dice of one server, day and purpose: always the same throws."""
        about = f"{self.server}/{purpose}".encode()
        return np.random.default_rng([self.seed, day.toordinal(), zlib.crc32(about)])

    def is_off(self, day: date) -> bool:
        if day in self.habits.off:
            return True
        if day in self.habits.on:
            return False
        return bool(self.draw(day, "off").random() < self.habits.days_off)

    def spans(self, first: date, last: date) -> Iterator[FileSpan]:
        """Every file from the first day to the last, both included, in order."""
        for ordinal in range(first.toordinal(), last.toordinal() + 1):
            day = date.fromordinal(ordinal)
            if not self.is_off(day):
                yield from self._of(day)

    def _of(self, day: date) -> Iterator[FileSpan]:
        opened, closed, closed_by = self._edges(day)
        broken = self._break(day)
        if broken is not None:
            at, why, back = broken
            yield FileSpan(day, opened, at, why)
            opened = back
        yield FileSpan(day, opened, closed, closed_by)

    def _edges(self, day: date) -> tuple[datetime, datetime, ClosedBy]:
        opened, closed = self.midnight(day), self.midnight(day + _DAY)
        closed_by = ClosedBy.MIDNIGHT
        if self.is_off(day - _DAY):
            opened = self._at(day, _STARTED, "started")
        if self.is_off(day + _DAY):
            closed = self._at(day, _STOPPED, "stopped")
            has_crashed = self.draw(day, "crashed").random() < self.habits.crashes
            closed_by = ClosedBy.CRASH if has_crashed else ClosedBy.SHUTDOWN
        return opened, closed, closed_by

    def _break(self, day: date) -> tuple[datetime, ClosedBy, datetime] | None:
        dice = self.draw(day, "break")
        throw, habits = dice.random(), self.habits
        chances = (
            (ClosedBy.RESTART, habits.restarts),
            (ClosedBy.CRASH, habits.crashes),
            (ClosedBy.CLOCK, habits.clock_changes),
        )
        for why, chance in chances:
            if throw < chance:
                at = self._at(day, _BROKEN, "broken")
                away = int(dice.integers(*_AWAY[why]))
                # The evening stop is never before the end of working hours.
                latest = self.midnight(day) + timedelta(seconds=_STOPPED[0] - 1)
                return at, why, min(at + timedelta(seconds=away), max(at, latest))
            throw -= chance
        return None

    def _at(self, day: date, between: tuple[int, int], purpose: str) -> datetime:
        seconds = int(self.draw(day, purpose).integers(*between))
        local = datetime.combine(day, datetime.min.time()) + timedelta(seconds=seconds)
        return local.replace(tzinfo=self.zone).astimezone(UTC)

    def midnight(self, day: date) -> datetime:
        """Return the instant the day begins, also where no clock shows 00:00 on it."""
        return datetime(day.year, day.month, day.day, tzinfo=self.zone).astimezone(UTC)

    def offset(self, instant: datetime) -> int:
        """Minutes from UTC, as the server sees them."""
        away = instant.astimezone(self.zone).utcoffset() or timedelta()
        return round(away.total_seconds() / 60)
