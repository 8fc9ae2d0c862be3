"""Date ranges (the periods of billing) by which lists of files can be filtered.

Billing stands above usage, and registers here, once, the function that finds them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DateRange:
    """One run of days, both included; `name` is for addresses, `title` for pages."""

    name: str
    title: str
    first_day: date
    last_day: date


# Reads in the unit of work of a tenant.
FindRanges = Callable[[datetime], list[DateRange]]

_finders: list[FindRanges] = []


def register(find: FindRanges) -> None:
    """Register what finds date ranges; called once from `AppConfig.ready`."""
    _finders.append(find)


def date_ranges(at: datetime) -> list[DateRange]:
    """Return the tenant's date ranges, newest first."""
    return [span for find in _finders for span in find(at)]
