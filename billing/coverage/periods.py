"""Computes billing periods and their instants from dates, without a clock."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo

from usage.usg.zones import find_zone

# The vendor's document lets a period run from the 28th through the 27th.
FIRST_DAY = 28
LAST_DAY = 27
# Files are requested before the 4th, so the 3rd is the last day of the target.
TARGET_DAY = 3
# The document says both "before the 4th" and "by June 4th". Late begins after
# both readings have passed.
LATE_FROM = 5
# Late may not begin before the target has passed, and must have begun before the
# next period ends.
EARLIEST_LATE_FROM = 4
LATEST_LATE_FROM = 27

# Periods that people may name. Outside of these a date is a mistake, and date
# arithmetic around a period stays far from the limits of `date`.
FIRST_YEAR = 1900
LAST_YEAR = 2200
# Years in which a period and both of its neighbours can still be expressed as dates.
OUTERMOST = (date.min.year + 2, date.max.year - 2)

MONTHS = 12
ONE_DAY = timedelta(days=1)
ONE_SECOND = timedelta(seconds=1)

# The time between the midnights of the two zones furthest apart, with summer time.
BETWEEN_ZONES = timedelta(hours=27)

# No place on earth is further behind UTC: a day that is over there is over
# everywhere. Used for a zone that our data does not know.
LAST_PLACE_ON_EARTH = timezone(timedelta(hours=-12), "UTC-12")

_NAME = re.compile(r"([0-9]{4})-([0-9]{2})")


@dataclass(frozen=True, order=True, slots=True)
class Period:
    """The 28th through the 27th, named by the year and month it ends in.

    Raises ValueError for a month outside of 1 to 12, or for a year so far out that
    its neighbours could not be expressed as dates.
    """

    year: int
    month: int

    def __post_init__(self) -> None:
        if not (
            1 <= self.month <= MONTHS and OUTERMOST[0] <= self.year <= OUTERMOST[1]
        ):
            message = f"no billing period {self.year}-{self.month}"
            raise ValueError(message)

    @classmethod
    def parse(cls, name: str) -> "Period":
        """Read `2026-05`; ValueError for anything else, or outside 1900 to 2200."""
        match = _NAME.fullmatch(name)
        if match is None:
            message = f"a billing period is written like 2026-05, not {name[:40]!r}"
            raise ValueError(message)
        year, month = int(match[1]), int(match[2])
        if not (FIRST_YEAR <= year <= LAST_YEAR and 1 <= month <= MONTHS):
            message = f"no billing period {name}: {FIRST_YEAR}-01 to {LAST_YEAR}-12"
            raise ValueError(message)
        return cls(year, month)

    @classmethod
    def containing(cls, day: date) -> "Period":
        """Name the one period that `day` belongs to."""
        period = cls(day.year, day.month)
        return period.next() if day.day >= FIRST_DAY else period

    def __str__(self) -> str:
        return f"{self.year:04}-{self.month:02}"

    def __contains__(self, day: date) -> bool:
        return self.starts_on <= day <= self.ends_on

    def previous(self) -> "Period":
        if self.month == 1:
            return Period(self.year - 1, MONTHS)
        return Period(self.year, self.month - 1)

    def next(self) -> "Period":
        if self.month == MONTHS:
            return Period(self.year + 1, 1)
        return Period(self.year, self.month + 1)

    @property
    def starts_on(self) -> date:
        before = self.previous()
        return date(before.year, before.month, FIRST_DAY)

    @property
    def ends_on(self) -> date:
        return date(self.year, self.month, LAST_DAY)

    @property
    def target_on(self) -> date:
        """The last day by which files are requested: "before the 4th" is this day."""
        after = self.next()
        return date(after.year, after.month, TARGET_DAY)

    def days(self) -> Iterator[date]:
        """Every day of the period, in order: 28 to 31 of them."""
        day = self.starts_on
        while day <= self.ends_on:
            yield day
            day += ONE_DAY


def zone_named(name: str) -> tzinfo:
    """Look up an IANA zone; return the last place on earth for an unknown one.

    So a day in an unknown zone is taken to be over only when it is over everywhere.
    """
    return find_zone(name) or LAST_PLACE_ON_EARTH


def day_ends_at(day: date, zone: tzinfo) -> datetime:
    """Find the midnight that ends `day` in `zone`, as an aware instant in UTC.

    A midnight that the clocks skip is the first instant after the gap; one that
    they show twice is the later.
    """
    midnight = datetime.combine(day + ONE_DAY, time(fold=1), zone)
    instant = midnight.astimezone(UTC)
    if _reads_at_least(instant, midnight, zone):
        return instant
    # In a gap, fold 1 computes with the offset after the jump and lands before it;
    # fold 0 lands behind it. The jump itself lies between, on a whole second.
    before, after = instant, midnight.replace(fold=0).astimezone(UTC)
    while after - before > ONE_SECOND:
        middle = before + timedelta(seconds=(after - before) // ONE_SECOND // 2)
        if _reads_at_least(middle, midnight, zone):
            after = middle
        else:
            before = middle
    return after


def _reads_at_least(instant: datetime, wall: datetime, zone: tzinfo) -> bool:
    shown = instant.astimezone(zone).replace(tzinfo=None)
    return shown >= wall.replace(tzinfo=None)


def deadline_at(
    period: Period, zone: tzinfo, *, late_from: int = LATE_FROM
) -> datetime:
    """Find the first late instant, aware and in UTC.

    `late_from` is the day of the month (4 to 27) from whose start in `zone` a tenant
    is late; ValueError outside of that. On time is what came strictly before.
    """
    if not EARLIEST_LATE_FROM <= late_from <= LATEST_LATE_FROM:
        message = (
            f"late from must be a day from {EARLIEST_LATE_FROM} to "
            f"{LATEST_LATE_FROM}, not {late_from}"
        )
        raise ValueError(message)
    after = period.next()
    return day_ends_at(date(after.year, after.month, late_from) - ONE_DAY, zone)


def ends_at(period: Period, zone: tzinfo) -> datetime:
    """Find the instant at which the period is over in `zone`, in UTC."""
    return day_ends_at(period.ends_on, zone)


def has_ended(period: Period, zone: tzinfo, *, at: datetime) -> bool:
    return at >= ends_at(period, zone)


def first_open_day(zone: tzinfo, *, at: datetime) -> date:
    """Name the earliest day that is not over in `zone` at the instant `at`."""
    today = at.astimezone(zone).date()
    # Clocks set back over midnight bring yesterday back for a while.
    yesterday = today - ONE_DAY
    return today if at >= day_ends_at(yesterday, zone) else yesterday
