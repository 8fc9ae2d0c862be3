"""Groups the days of a server by seven, known and forecast, as the page shows them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from usage.disk_space.days import DaySize, on_whole_days
from usage.disk_space.forecast import Forecast, SizeRange

_DAY, _WEEK = timedelta(days=1), 7


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageWeek:
    """Seven days, both ends included: what was written, or a forecast.

    `days` is the number of days of which every file is known. `files`, `restarts`
    (files beyond the first of their day), `size` and `logins` are sums of all accepted
    files. `a_day` is the average of the known days in bytes, or what is expected; None
    if none is known.
    """

    first: date
    last: date
    days: int = 0
    files: int = 0
    restarts: int = 0
    size: int = 0
    logins: int = 0
    a_day: SizeRange | None = None
    is_forecast: bool = False


def usage_weeks(
    days: Sequence[DaySize], forecast: Forecast, *, until: date
) -> list[UsageWeek]:
    """Return the weeks from the first known day to the one with `until`, in order."""
    first = -((forecast.last_day - days[0].day).days // _WEEK)
    known: dict[int, list[DaySize]] = {}
    for one in days:
        known.setdefault(_number(one.day, forecast.last_day), []).append(one)
    past = [
        _past(number, forecast.last_day, known.get(number, []))
        for number in range(first, 1)
    ]
    ahead = -(-(until - forecast.last_day).days // _WEEK)
    return past + [_ahead(number, forecast) for number in range(1, ahead + 1)]


def _number(day: date, last_day: date) -> int:
    """Return the number of a day's week: 0 for the last that is known."""
    return -((last_day - day).days // _WEEK)


def _past(number: int, last_day: date, days: Sequence[DaySize]) -> UsageWeek:
    last = last_day + number * _WEEK * _DAY
    whole = on_whole_days(days)
    a_day = sum(one.size for one in whole) / len(whole) if whole else 0
    return UsageWeek(
        first=last - (_WEEK - 1) * _DAY,
        last=last,
        days=len(whole),
        files=sum(one.files for one in days),
        restarts=sum(max(one.files - 1, 0) for one in days),
        size=sum(one.size for one in days),
        logins=sum(one.logins for one in days),
        a_day=SizeRange(a_day, a_day, a_day) if whole else None,
    )


def _ahead(number: int, forecast: Forecast) -> UsageWeek:
    last = forecast.last_day + number * _WEEK * _DAY
    first = last - (_WEEK - 1) * _DAY
    low, expected, high = forecast.between(first, last)
    return UsageWeek(
        first=first,
        last=last,
        size=round(expected),
        a_day=SizeRange(low / _WEEK, expected / _WEEK, high / _WEEK),
        is_forecast=True,
    )
