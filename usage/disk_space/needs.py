"""Computes what the usage directory of a server needs, and what is unusual there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from statistics import median, quantiles

from usage.disk_space.days import DaySize, on_whole_days
from usage.disk_space.estimate import (
    DAYS_OF_A_MONTH,
    DAYS_OF_A_QUARTER,
    VENDOR_LARGEST,
)
from usage.disk_space.forecast import Forecast, SizeRange, exactly, forecast_of

_DAY = timedelta(days=1)

# Days after the last file from which a server is silent: a monthly upload that is a
# month late.
SILENT_AFTER = 70

# Recent days, of which the page shows averages and odd days.
RECENT_DAYS = 28

# A server whose files are nearly all safe within a week is uploaded daily or weekly.
_SOON, _CONFIRMED_DAYS = 7, 5
_NEARLY_ALL = 10

# Growth is unusual from this factor of the newest two weeks to those of one to three
# months before; a day from this multiple of its usual size.
_UNUSUAL_GROWTH, _UNUSUAL_DAY = 1.5, 5.0
_NEWEST, _EARLIER, _FEWEST_EARLIER = range(-1, 1), range(-12, -3), 3


class Odd(StrEnum):
    """The kinds of warnings."""

    LARGE_DAY = "large-day"
    LARGE_SOON = "large-soon"
    GROWTH = "growth"
    UNUSUAL_DAY = "unusual-day"


@dataclass(frozen=True, slots=True)
class Warned:
    """A warning; `factor` of growth or of the usual size, `size` in bytes on `day`."""

    odd: Odd
    day: date | None = None
    size: int = 0
    factor: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerNeed:
    """What a server needs, in bytes.

    `recent` are the days of the four weeks up to the last one known. `kept_from` is the
    first day whose files are not all safe to delete or have not all arrived, `safe_on`
    the day by which the next upload is expected to be confirmed: `until_safe` is the
    space for the days between. `month` and `quarter` begin today. `is_daily` if its
    files are confirmed within a week of their day.
    """

    days: Sequence[DaySize]
    recent: Sequence[DaySize]
    forecast: Forecast
    kept_from: date
    safe_on: date
    is_daily: bool
    until_safe: SizeRange
    month: SizeRange
    quarter: SizeRange
    warned: Sequence[Warned]


def is_silent(days: Sequence[DaySize], today: date) -> bool:
    """Return whether the last file of a server is months old, or there is none."""
    written = [one.day for one in days if one.files]
    return not written or (today - written[-1]).days > SILENT_AFTER


def need_of(
    days: Sequence[DaySize], *, today: date, due_on: Callable[[date], date]
) -> ServerNeed | None:
    """Return what a server needs; None if the size of no day is known.

    `days` are before today, in order. `due_on` returns the day on which the files of a
    day are due.
    """
    forecast = forecast_of(on_whole_days(days))
    if forecast is None:
        return None
    kept_from = _kept_from(days)
    wait = _usual_wait(days, today)
    safe_on = today + wait * _DAY if wait else _next_due(days, today, due_on)
    recent = [one for one in days if (days[-1].day - one.day).days < RECENT_DAYS]

    def ahead(count: int) -> SizeRange:
        return forecast.between(today, today + (count - 1) * _DAY)

    return ServerNeed(
        days=days,
        recent=recent,
        forecast=forecast,
        kept_from=kept_from,
        safe_on=safe_on,
        is_daily=wait is not None,
        until_safe=_between(days, forecast, kept_from, safe_on),
        month=ahead(DAYS_OF_A_MONTH),
        quarter=ahead(DAYS_OF_A_QUARTER),
        warned=_warnings(recent, forecast, today),
    )


def _kept_from(days: Sequence[DaySize]) -> date:
    """Return the first day with files that are not safe, or the one after all.

    A day whose files have not all arrived counts: nobody may delete them.
    """
    day = days[0].day
    for one in days:
        if one.day != day or not (one.is_safe and one.is_whole):
            break
        day += _DAY
    return day


def _usual_wait(days: Sequence[DaySize], today: date) -> int | None:
    """Return after how many days nine of ten days were safe; None above a week.

    Days that are not safe after a week count with the time that they have waited.
    """
    confirmed = [
        max((one.safe_on - one.day).days, 1)
        for one in days
        if one.safe_on is not None and one.is_safe
    ]
    if len(confirmed) < _CONFIRMED_DAYS:
        return None
    waiting = [(today - one.day).days for one in days if not one.is_safe]
    waits = confirmed + [wait for wait in waiting if wait > _SOON]
    wait = round(quantiles(waits, n=_NEARLY_ALL, method="inclusive")[-1])
    return wait if wait <= _SOON else None


def _next_due(
    days: Sequence[DaySize], today: date, due_on: Callable[[date], date]
) -> date:
    """Return the next day on which files that are not safe are due.

    Files that are overdue are expected with them. Gaps between known days do not count,
    because their files may be lost.
    """
    last = days[-1].day
    unsafe = [one.day for one in days if not one.is_safe]
    to_come = [last + number * _DAY for number in range(1, (today - last).days + 1)]
    return min(due for day in unsafe + to_come if (due := due_on(day)) >= today)


def _between(
    days: Sequence[DaySize], forecast: Forecast, first: date, last: date
) -> SizeRange:
    """Return the bytes of some days: those known, and a forecast of the others.

    What is safe counts as deleted. What did not arrive is still at the server.
    """
    known = {one.day: one for one in days if one.day >= first}
    total = forecast.between(max(first, forecast.last_day + _DAY), last)
    for number in range((min(forecast.last_day, last) - first).days + 1):
        day = first + number * _DAY
        total = total.plus(exactly(_kept(known.get(day), day, forecast)))
    return total


def _kept(one: DaySize | None, day: date, forecast: Forecast) -> float:
    if one is None:
        return forecast.usual(day)
    if one.is_whole:
        return 0 if one.is_safe else one.size
    return max(one.size, forecast.usual(day))


def _warnings(
    recent: Sequence[DaySize], forecast: Forecast, today: date
) -> list[Warned]:
    """Return what is worth a warning, at most one of each kind."""
    found: list[Warned] = []
    largest = max(recent, key=lambda one: one.size)
    if largest.size > VENDOR_LARGEST:
        found.append(Warned(Odd.LARGE_DAY, largest.day, largest.size))
    elif soon := _large_soon(forecast, today):
        found.append(Warned(Odd.LARGE_SOON, *soon))
    growth = _growth(forecast.levels)
    if growth >= _UNUSUAL_GROWTH:
        return [*found, Warned(Odd.GROWTH, factor=growth)]
    odd = [
        (one.size / usual, one)
        for one in recent
        if (usual := max(forecast.usual(one.day), forecast.trend.level))
        and one.size >= _UNUSUAL_DAY * usual
    ]
    if odd:
        factor, one = max(odd, key=lambda pair: pair[0])
        found.append(Warned(Odd.UNUSUAL_DAY, one.day, one.size, factor))
    return found


def _large_soon(forecast: Forecast, today: date) -> tuple[date, int] | None:
    """Return the first day of the next quarter above the vendor's largest figure.

    Only growth leads there; a server that is there already has a large day instead.
    """
    if not forecast.trend.is_rising:
        return None
    days = (today + number * _DAY for number in range(DAYS_OF_A_QUARTER))
    sizes = ((day, round(forecast.usual(day))) for day in days)
    return next((one for one in sizes if one[1] > VENDOR_LARGEST), None)


def _growth(levels: Mapping[int, float]) -> float:
    """Return the factor from earlier weeks to the newest; 1 where too few are known."""
    newest = [levels[week] for week in _NEWEST if week in levels]
    earlier = [levels[week] for week in _EARLIER if week in levels]
    if not newest or len(earlier) < _FEWEST_EARLIER:
        return 1.0
    return median(newest) / median(earlier)
