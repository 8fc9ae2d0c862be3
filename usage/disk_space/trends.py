"""Finds how weekly levels grow: not at all, by an amount, by a share, or in steps.

Medians of values and of slopes are used throughout, so that holidays and single odd
weeks change neither; see docs/decisions/0078.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import combinations
from statistics import median
from typing import NamedTuple


class Growth(StrEnum):
    """How a level changes from week to week."""

    NONE = "none"
    LINEAR = "linear"
    PERCENT = "percent"


class WeekLevel(NamedTuple):
    """The level of a week, above 0, in bytes a day; `week` counts up in time."""

    week: int
    level: float


class Slope(NamedTuple):
    """A change per week, and the limits that hold it in nine of ten cases."""

    low: float
    usual: float
    high: float


@dataclass(frozen=True, slots=True)
class Trend:
    """The growth of levels up to the week `last`, whose fitted level is `level`.

    `slope` is in bytes a day per week for linear growth, else a natural logarithm per
    week. `weeks` are those observed since the last change of level; `step` is the
    factor of that change, None without one. `noise` is the typical relative distance of
    a week from the trend.
    """

    growth: Growth
    level: float
    last: int
    slope: Slope
    weeks: int
    step: float | None
    noise: float = 0.0

    def at(self, week: float, *, slope: float | None = None) -> float:
        """Return the level of a week, also between weeks; `slope` replaces the usual.

        Too little space does harm, too much does not: a fall is not continued. No trend
        is continued for longer than it was observed, nor at more than `MOST_GROWTH`.
        """
        ahead = min(week - self.last, self.weeks)
        change = self._usual(ahead) if slope is None else slope
        if self.growth is Growth.LINEAR:
            return max(self.level + change * ahead, 0.0)
        if ahead > 0:
            change = min(change, _FASTEST)
        return self.level * math.exp(change * ahead)

    def _usual(self, ahead: float) -> float:
        if self.growth is Growth.NONE:
            return 0.0
        return self.slope.usual if ahead <= 0 or self.goes_on else 0.0

    @property
    def goes_on(self) -> bool:
        """Return whether it is a rise that is more than a season's."""
        return self.change >= _OF_A_SEASON

    @property
    def is_rising(self) -> bool:
        """Return whether the forecast continues a rise."""
        return self.growth is not Growth.NONE and self.goes_on

    @property
    def is_too_fast(self) -> bool:
        """Return whether it is growth by a share that is continued more slowly."""
        return self.growth is Growth.PERCENT and self.slope.usual > _FASTEST

    @property
    def change(self) -> float:
        """Return the factor by which the level has changed in the observed weeks."""
        span = self.weeks - 1
        if self.growth is Growth.LINEAR:
            return self.level / max(self.level - self.slope.usual * span, 1.0)
        return math.exp(self.slope.usual * span)


# Weeks on each side of a change of level. A rise is believed sooner than a fall, which
# may be a holiday.
_BEFORE, _AFTER_RISE, _AFTER_FALL = 3, 2, 4

# The smallest factor of a change of level, up or down.
_SMALLEST_STEP = 1.1

# A smaller change within the observed weeks may be that of a season, which turns: such
# a rise is not continued, and such a fall is no trend.
_OF_A_SEASON = 1.125

# The largest growth by a share that is continued, in a month; the same as a logarithm
# per week. A new server to which users are moved grows faster for some weeks; a quarter
# of that would be more than any disk has.
MOST_GROWTH = 0.5
_FASTEST = math.log1p(MOST_GROWTH) * 12 * 7 / 365.25

# Weeks from which a slope is computed.
_WEEKS_OF_A_SLOPE = 5

# Below this mean relative distance from the weeks, models fit equally well.
_FINEST = 0.01

# Parameters of a model, of which each must improve the fit: a level, a slope; for a
# change of level its place and its factor.
_PARAMETERS = {Growth.NONE: 1, Growth.LINEAR: 2, Growth.PERCENT: 2}
_OF_A_STEP = 3

# The normal quantile of nine values of ten, both sides together.
NINE_OF_TEN = 1.645

# The standard deviation of normal values is this much larger than the median of their
# absolute values.
_DEVIATION = 1.4826


def find_trend(weeks: Sequence[WeekLevel]) -> Trend:
    """Return the trend of some weeks, at least one, in the order of time."""
    step: float | None = None
    while True:
        models = _models(weeks, step)
        best = min(models, key=lambda one: _cost_of(one, weeks))
        place = _change_of_level(weeks, _cost_of(best, weeks))
        if place is None:
            return models[0] if 1 / _OF_A_SEASON < best.change < 1 else best
        step = _median_level(weeks[place:]) / _median_level(weeks[:place])
        weeks = weeks[place:]


def _models(weeks: Sequence[WeekLevel], step: float | None) -> list[Trend]:
    kinds = list(Growth) if len(weeks) >= _WEEKS_OF_A_SLOPE else [Growth.NONE]
    return [_fitted(weeks, kind, step) for kind in kinds]


def _fitted(weeks: Sequence[WeekLevel], growth: Growth, step: float | None) -> Trend:
    """Fit one kind of growth: the median of all slopes, then that of all levels."""
    is_linear = growth is Growth.LINEAR
    places = [one.week for one in weeks]
    values = [one.level if is_linear else math.log(one.level) for one in weeks]
    slope = _slope_of(places, values)
    used = 0.0 if growth is Growth.NONE else slope.usual
    last = places[-1]
    level = median(
        value + used * (last - place)
        for place, value in zip(places, values, strict=True)
    )
    trend = Trend(
        growth=growth,
        level=max(level, 1.0) if is_linear else math.exp(level),
        last=last,
        slope=slope,
        weeks=last - places[0] + 1,
        step=step,
    )
    noise = _DEVIATION * median(abs(one) for one in _distances(trend, weeks))
    return replace(trend, noise=noise)


def _slope_of(places: Sequence[int], values: Sequence[float]) -> Slope:
    """Return the median slope of all pairs, with the limits of Sen (1968)."""
    count = len(places)
    slopes = sorted(
        (values[later] - values[first]) / (places[later] - places[first])
        for first, later in combinations(range(count), 2)
    )
    if count < _WEEKS_OF_A_SLOPE:
        return Slope(0.0, 0.0, 0.0)
    deviation = math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    outside = max(round((len(slopes) - NINE_OF_TEN * deviation) / 2), 0)
    return Slope(slopes[outside], median(slopes), slopes[-1 - outside])


def _distances(trend: Trend, weeks: Sequence[WeekLevel]) -> list[float]:
    """Return the relative distances of weeks from a trend, as natural logarithms."""
    return [math.log(one.level / max(trend.at(one.week), 1.0)) for one in weeks]


def _cost_of(trend: Trend, weeks: Sequence[WeekLevel]) -> float:
    return _cost(_distances(trend, weeks), _PARAMETERS[trend.growth])


def _cost(distances: Sequence[float], parameters: int) -> float:
    """Return the Bayesian information criterion with distances of Laplace's kind."""
    count = len(distances)
    mean = max(sum(map(abs, distances)) / count, _FINEST)
    return 2 * count * math.log(mean) + parameters * math.log(count)


def _change_of_level(weeks: Sequence[WeekLevel], cost: float) -> int | None:
    """Return where the level changes most, if changes explain more than a trend does.

    `cost` is that of the best trend. The level before the change is forgotten, so the
    place is None if too few weeks follow to believe it.
    """
    place = _largest_change(weeks)
    if place is None:
        return None
    parts = _constant_parts(weeks)
    parameters = _PARAMETERS[Growth.NONE] + _OF_A_STEP * (len(parts) - 1)
    distances = [one for part in parts for one in _from_median(part)]
    if _cost(distances, parameters) >= cost:
        return None
    rises = _median_level(weeks[place:]) > _median_level(weeks[:place])
    enough = _AFTER_RISE if rises else _AFTER_FALL
    return place if len(weeks) - place >= enough else None


def _constant_parts(weeks: Sequence[WeekLevel]) -> list[Sequence[WeekLevel]]:
    """Cut weeks where their level changes, as long as that explains more."""
    place = _largest_change(weeks)
    if place is None:
        return [weeks]
    return _constant_parts(weeks[:place]) + _constant_parts(weeks[place:])


def _largest_change(weeks: Sequence[WeekLevel]) -> int | None:
    """Return the best place for one change of level; None if there is no good one."""
    found, cost = None, _cost(_from_median(weeks), _PARAMETERS[Growth.NONE])
    for place in range(_BEFORE, len(weeks)):
        before, after = weeks[:place], weeks[place:]
        factor = _median_level(after) / _median_level(before)
        distances = [*_from_median(before), *_from_median(after)]
        of_step = _cost(distances, _PARAMETERS[Growth.NONE] + _OF_A_STEP)
        if max(factor, 1 / factor) >= _SMALLEST_STEP and of_step < cost:
            found, cost = place, of_step
    return found


def _from_median(weeks: Sequence[WeekLevel]) -> list[float]:
    """Return the relative distances of weeks from their median."""
    level = _median_level(weeks)
    return [math.log(one.level / level) for one in weeks]


def _median_level(weeks: Sequence[WeekLevel]) -> float:
    return median(one.level for one in weeks)
