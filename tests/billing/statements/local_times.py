"""Finds local midnights and hours by arithmetic and bisection of a zone's offsets."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


def offset_at(instant: datetime, zone: str) -> timedelta:
    offset = instant.astimezone(ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return offset


def change_between(earlier: datetime, later: datetime, zone: str) -> datetime:
    """The first instant with the offset of `later`, by halving the time between."""
    wanted = offset_at(later, zone)
    while later - earlier > SECOND:
        middle = earlier + SECOND * ((later - earlier) // SECOND // 2)
        if offset_at(middle, zone) == wanted:
            later = middle
        else:
            earlier = middle
    return later


@cache
def day_starts_at(day: date, zone: str) -> datetime:
    """The later of the instants that show midnight; without any, the end of the gap."""
    shown = datetime.combine(day, time(), ZoneInfo(zone))
    first, second = (shown.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    if second < first:  # no clock shows this time; `second` is before the gap
        return change_between(second - SECOND, first, zone)
    return second


@cache
def hours_of_day(day: date, zone: str) -> tuple[tuple[datetime, datetime], ...]:
    """Begin and end of each hour of the local day."""
    now = day_starts_at(day, zone)
    end = day_starts_at(day + timedelta(days=1), zone)
    hours = []
    while now < end:
        clock = now.astimezone(ZoneInfo(zone))
        into_hour = timedelta(minutes=clock.minute, seconds=clock.second)
        stop = now + HOUR - into_hour
        if offset_at(stop - SECOND, zone) != offset_at(now, zone):
            stop = change_between(now, stop - SECOND, zone)
        hours.append((now, min(stop, end)))
        now = stop
    return tuple(hours)
