"""Runs of days that lists of files can be narrowed to: what a period is, billing says.

Billing stands above usage and registers here, once, how a tenant's spans are found.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DateRange:
    """One run of days, both included; `name` stands in addresses, `title` on pages."""

    name: str
    title: str
    first_day: date
    last_day: date


# Reads in the unit of work of a tenant.
FindRanges = Callable[[datetime], list[DateRange]]

_finders: list[FindRanges] = []


def register(find: FindRanges) -> None:
    """Say how spans are found; called once from `AppConfig.ready`."""
    _finders.append(find)


def date_ranges(at: datetime) -> list[DateRange]:
    """Return the tenant's spans, newest first."""
    return [span for find in _finders for span in find(at)]
