"""Forecasts the bytes that a server writes, from the days that are known of it.

Days are compared with others of their weekday; the weeks that remain are described by a
trend, which is continued. See docs/decisions/0078.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import fmean, median
from typing import NamedTuple

from usage.disk_space.days import DaySize
from usage.disk_space.trends import NINE_OF_TEN, Trend, WeekLevel, find_trend

_WEEK = 7

# Factors of weekdays and levels of weeks depend on each other; they settle in two
# rounds, and a third changes less than one in a thousand.
_ROUNDS = 3

# Weekdays below this factor are left out of the level of their week.
_QUIET = 0.05

# Days of a week from which its level is used, if other weeks have as many.
_DAYS_OF_A_LEVEL = 3

# A day counts up to this multiple of its usual size, so that a single huge day changes
# no forecast.
_MOST_OF_A_DAY = 3.0

# What a forecast can miss though all days fit: the relative half-width of its range
# with that many weeks known.
_WEEKS_FOR_SURE, _WEEKS_FOR_A_GUESS = 5, 2
_SURE, _UNSURE, _GUESS = 0.05, 0.2, 0.5


class SizeRange(NamedTuple):
    """Bytes: the expected number, and the limits between which it probably lies."""

    low: float
    expected: float
    high: float

    def plus(self, other: "SizeRange") -> "SizeRange":
        return SizeRange(
            self.low + other.low,
            self.expected + other.expected,
            self.high + other.high,
        )


def exactly(size: float) -> SizeRange:
    return SizeRange(size, size, size)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a server will write after `last_day`, the last day that is known.

    `weekdays` are factors from Monday to Sunday, 1 on average. `share` is what is
    really written of a usual day, on average: restarts, holidays and days off are in
    it. `levels` are those of the weeks, in bytes a day, 0 for the newest.
    """

    last_day: date
    trend: Trend
    weekdays: tuple[float, ...]
    share: float
    levels: Mapping[int, float]

    def usual(self, day: date, *, slope: float | None = None) -> float:
        """Return the usual size of a day, past or future."""
        return (
            self.trend.at(_place(day, self.last_day), slope=slope)
            * self.weekdays[day.weekday()]
            * self.share
        )

    def between(self, first: date, last: date) -> SizeRange:
        """Return the bytes of some days after the last known one, both included."""
        days = [first + timedelta(days=one) for one in range((last - first).days + 1)]
        if not days:
            return exactly(0)
        expected = sum(self.usual(day) for day in days)
        slope = self.trend.slope
        low = sum(self.usual(day, slope=min(slope.low, 0.0)) for day in days)
        high = sum(self.usual(day, slope=max(slope.high, 0.0)) for day in days)
        around = math.exp(self._uncertainty(len(days)))
        return SizeRange(
            min(low, expected) / around,
            expected,
            max(max(high, expected) * around, expected * self._newest()),
        )

    def _newest(self) -> float:
        """Return the factor from the trend to the newest week.

        A rise that is not believed yet may stay, so the upper limit includes it.
        """
        week = max(self.levels)
        return self.levels[week] / max(self.trend.at(week), 1.0)

    def _uncertainty(self, days: int) -> float:
        """Return the relative half-width of the range, apart from that of the slope."""
        weeks = len(self.levels)
        if weeks < _WEEKS_FOR_A_GUESS:
            return _GUESS
        base = _SURE if weeks >= _WEEKS_FOR_SURE else _UNSURE
        of_level = math.pi / 2 / self.trend.weeks
        of_days = min(_WEEK / days, 1)
        return base + NINE_OF_TEN * self.trend.noise * math.sqrt(of_level + of_days)


def forecast_of(days: Sequence[DaySize]) -> Forecast | None:
    """Return the forecast from days in their order; None if nothing was written.

    Each day must be whole: without those that are not known.
    """
    if not any(one.size for one in days):
        return None
    last_day = days[-1].day
    factors = [1.0] * _WEEK
    for _ in range(_ROUNDS):
        levels = _levels(days, factors, last_day)
        factors = _weekday_factors(days, levels, last_day)
    levels = _levels(days, factors, last_day)
    weeks = [WeekLevel(week, level) for week, level in sorted(levels.items())]
    trend = find_trend(weeks)
    return Forecast(
        last_day=last_day,
        trend=trend,
        weekdays=tuple(factors),
        share=_share(days, trend, factors, levels),
        levels=levels,
    )


def _week(day: date, last_day: date) -> int:
    """Return the week of a day: 0 for the seven days up to the last, then -1."""
    return -((last_day - day).days // _WEEK)


def _place(day: date, last_day: date) -> float:
    """Return the distance of a day in weeks from the middle of the last week."""
    return ((day - last_day).days + _WEEK // 2) / _WEEK


def _levels(
    days: Iterable[DaySize], factors: Sequence[float], last_day: date
) -> dict[int, float]:
    """Return the level of each week: the median of its days without their factors.

    Days on which nothing was written are left out: a holiday is no lower level.
    """
    found: dict[int, list[float]] = {}
    for one in days:
        factor = factors[one.day.weekday()]
        if one.size and factor >= _QUIET:
            week = found.setdefault(_week(one.day, last_day), [])
            week.append(one.size / factor)
    full = {
        week: values
        for week, values in found.items()
        if len(values) >= _DAYS_OF_A_LEVEL
    }
    return {week: median(values) for week, values in (full or found).items()}


def _weekday_factors(
    days: Iterable[DaySize], levels: Mapping[int, float], last_day: date
) -> list[float]:
    """Return the factors from Monday to Sunday: 1 on average, and where unknown."""
    shares: list[list[float]] = [[] for _ in range(_WEEK)]
    for one in days:
        level = levels.get(_week(one.day, last_day))
        if level:
            shares[one.day.weekday()].append(one.size / level)
    known = [median(values) for values in shares if values]
    mean = fmean(known)
    if not mean:  # it writes on fewer than half of its days, whatever the weekday
        return [1.0] * _WEEK
    return [median(values) / mean if values else 1.0 for values in shares]


def _share(
    days: Iterable[DaySize],
    trend: Trend,
    factors: Sequence[float],
    levels: Mapping[int, float],
) -> float:
    """Return what was written of the usual sizes, on average."""
    days = list(days)
    last_day = days[-1].day
    written = usual = 0.0
    for one in days:
        week = _week(one.day, last_day)
        level = (
            trend.at(_place(one.day, last_day))
            if week > trend.last - trend.weeks
            else levels.get(week, 0.0)
        )
        day = level * factors[one.day.weekday()]
        usual += day
        written += min(one.size, _MOST_OF_A_DAY * max(day, level))
    return written / usual if usual else 1.0
