"""Cuts time into the local days and hours of a zone, in whole UTC seconds."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache

from billing.coverage.periods import ONE_DAY, Period, day_ends_at

HOUR = 3600


@dataclass(frozen=True, slots=True)
class LocalDay:
    """A day from `starts_at` to before `ends_at`; `hours` are the starts of its hours.

    All in UTC seconds since 1970. A day that a zone skips has no seconds.
    """

    day: date
    starts_at: int
    ends_at: int
    hours: tuple[int, ...]

    @property
    def seconds(self) -> int:
        return self.ends_at - self.starts_at


@lru_cache(maxsize=1024)
def local_day(day: date, zone: tzinfo) -> LocalDay:
    """Return a day with its hours: each ends at a full hour or a change of the clock.

    Raises OverflowError for days at the limits of `date`.
    """
    starts_at = _seconds(day_ends_at(day - ONE_DAY, zone))
    ends_at = max(starts_at, _seconds(day_ends_at(day, zone)))
    return LocalDay(day, starts_at, ends_at, tuple(_hours(starts_at, ends_at, zone)))


def day_of(instant: int, zone: tzinfo) -> date:
    """Return the local day that contains an instant, in UTC seconds since 1970."""
    shown = datetime.fromtimestamp(instant, UTC).astimezone(zone).date()
    # Before a midnight that is shown twice, the clock shows the next day for a while.
    before = shown - ONE_DAY
    return before if instant < local_day(before, zone).ends_at else shown


def days_between(first: int, last: int, zone: tzinfo) -> Iterator[date]:
    """Yield the local days from that of `first` to that of `last`, in UTC seconds."""
    day, end = day_of(first, zone), day_of(last, zone)
    while day <= end:
        yield day
        day += ONE_DAY


def days_of_period(period: Period, zone: tzinfo) -> list[LocalDay]:
    return [local_day(day, zone) for day in period.days()]


def _hours(starts_at: int, ends_at: int, zone: tzinfo) -> Iterator[int]:
    at = starts_at
    while at < ends_at:
        yield at
        wall = datetime.fromtimestamp(at, UTC).astimezone(zone)
        full = at + HOUR - (wall.minute * 60 + wall.second)
        at = _change_before(at, full, zone) or full


def _change_before(at: int, end: int, zone: tzinfo) -> int | None:
    """Return the first second after `at`, before `end`, with another offset."""
    offset = _offset(at, zone)
    if _offset(end - 1, zone) == offset:
        return None
    low, high = at, end - 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(middle, zone) == offset else (low, middle)
    return high


def _offset(at: int, zone: tzinfo) -> timedelta | None:
    return datetime.fromtimestamp(at, UTC).astimezone(zone).utcoffset()


def _seconds(instant: datetime) -> int:
    return int(instant.timestamp())
