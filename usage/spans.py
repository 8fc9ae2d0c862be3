"""Runs of days that lists of files can be narrowed to: what a period is, billing says.

Billing stands above usage and registers here, once, how a tenant's spans are found.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One run of days, both included; `name` stands in addresses, `title` on pages."""

    name: str
    title: str
    first_day: date
    last_day: date


# Reads in the unit of work of a tenant.
Find = Callable[[datetime], list[Span]]

_finds: list[Find] = []


def register(find: Find) -> None:
    """Say how spans are found; called once from `AppConfig.ready`."""
    _finds.append(find)


def spans(at: datetime) -> list[Span]:
    """Return the tenant's spans, newest first."""
    return [span for find in _finds for span in find(at)]
