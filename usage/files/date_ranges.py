"""Date ranges (the periods of billing) by which lists of files can be filtered.

Billing stands above usage, and registers here, once, the function that finds them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DateRange:
    """One run of days, both included; `name` is for addresses, `title` for pages.

    `due_on` is the day on which the files of these days are due.
    """

    name: str
    title: str
    first_day: date
    last_day: date
    due_on: date


# Reads in the unit of work of a tenant.
FindRanges = Callable[[datetime], list[DateRange]]

# Runs no query: each day is in exactly one range.
RangeOfDay = Callable[[date], DateRange]

_finders: list[FindRanges] = []
_of_day: list[RangeOfDay] = []


def register(find: FindRanges, of_day: RangeOfDay) -> None:
    """Register what finds date ranges; called once from `AppConfig.ready`."""
    _finders.append(find)
    _of_day.append(of_day)


def range_of(day: date) -> DateRange:
    """Return the date range that a day belongs to, for any tenant."""
    (of_day,) = _of_day
    return of_day(day)


def date_ranges(at: datetime) -> list[DateRange]:
    """Return the tenant's date ranges, newest first."""
    return [span for find in _finders for span in find(at)]
