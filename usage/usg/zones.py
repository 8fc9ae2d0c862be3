"""Looks up time zones by the names that usage files state."""

from functools import cache, lru_cache
from importlib import resources
from zoneinfo import ZoneInfo


@cache
def _names() -> frozenset[str]:
    """Return the names in the pinned `tzdata` package, whatever the machine has."""
    listed = resources.files("tzdata").joinpath("zones").read_text("ascii")
    return frozenset(listed.split())


@lru_cache(maxsize=1024)
def find_zone(name: str) -> ZoneInfo | None:
    """Return a zone by its exact name, from the pinned data; None if there is none."""
    return ZoneInfo(name) if name in _names() else None
