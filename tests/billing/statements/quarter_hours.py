"""Finds local midnights and full hours by reading the clock each quarter of an hour.

Today's zones differ from UTC by whole quarters of an hour and change at such instants.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

QUARTER = 900
# Every zone shows the midnight of a day within 16 hours of the one in UTC.
FARTHEST = 16 * 3600


def clock_at(instant: int, zone: str) -> datetime:
    """What a clock on the wall shows."""
    clock = datetime.fromtimestamp(instant, ZoneInfo(zone)).replace(tzinfo=None)
    assert instant % QUARTER == 0
    assert (clock.minute % 15, clock.second) == (0, 0)
    return clock


@cache
def midnight(day: date, zone: str) -> int:
    """The beginning of the day: the later of two midnights, or the end of the gap."""
    wanted = datetime.combine(day, time())
    in_utc = int(wanted.replace(tzinfo=UTC).timestamp())
    quarters = range(in_utc - FARTHEST, in_utc + FARTHEST, QUARTER)
    shown = {instant: clock_at(instant, zone) for instant in quarters}
    midnights = [instant for instant, clock in shown.items() if clock == wanted]
    if midnights:
        return midnights[-1]
    return next(instant for instant, clock in shown.items() if clock > wanted)


@cache
def full_hours(begin: int, end: int, zone: str) -> list[int]:
    """Instants between `begin` and `end` with a full hour or a change of the clock."""
    found = []
    before = clock_at(begin, zone)
    for instant in range(begin + QUARTER, end, QUARTER):
        clock = clock_at(instant, zone)
        is_changed = clock - before != timedelta(seconds=QUARTER)
        if clock.minute == 0 or is_changed:
            found.append(instant)
        before = clock
    return found
