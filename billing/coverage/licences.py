"""Maps a tenant's licence keys to its mode of collecting usage."""

from collections.abc import Collection, Iterable
from datetime import date

from billing.coverage.facts import Mode

AUTOMATED = "I3_FEATURE_USAGE_TRACKING_UPLOAD"
MANUAL = "I3_FEATURE_USAGE_TRACKING_LOCAL"
VIRTUAL_CLOUD = "I3_FEATURE_VIRTUAL_CLOUD"

# All keys that affect usage, in the order in which they are listed.
KEYS = (MANUAL, AUTOMATED, VIRTUAL_CLOUD)


def mode_of(keys: Collection[str]) -> Mode:
    """Return the mode: the key for manual upload prevents the automated one."""
    if MANUAL in keys:
        return Mode.MANUAL
    if AUTOMATED in keys or VIRTUAL_CLOUD in keys:
        return Mode.AUTOMATED
    return Mode.NONE


def mode_on(changes: Iterable[tuple[date, Collection[str]]], day: date) -> Mode:
    """Return the mode of a day, from changes given in any order; before all, none."""
    began = [change for change in changes if change[0] <= day]
    return mode_of(max(began, key=lambda change: change[0])[1]) if began else Mode.NONE
