"""Maps a tenant's licence keys to its mode of collecting usage."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from billing.coverage.facts import Mode

AUTOMATED = "I3_FEATURE_USAGE_TRACKING_UPLOAD"
MANUAL = "I3_FEATURE_USAGE_TRACKING_LOCAL"
VIRTUAL_CLOUD = "I3_FEATURE_VIRTUAL_CLOUD"

# All keys that affect usage. The first held key in this order decides.
KEYS = (MANUAL, AUTOMATED, VIRTUAL_CLOUD)

_MODES = {
    MANUAL: Mode.MANUAL,
    AUTOMATED: Mode.AUTOMATED,
    VIRTUAL_CLOUD: Mode.AUTOMATED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldLicences:
    """The licences that are held on one day.

    `mode_since` is the first day of the unbroken time in this mode, None if no licence
    was recorded by then. `deciding` is the key that sets the mode, empty without one.
    `overruled` lists held keys for automated upload that have no effect beside the key
    for manual upload. `key_since` has the first day of each held key, likewise without
    a break. `later` is the first recorded change after the day to another mode.
    """

    mode: Mode
    mode_since: date | None
    deciding: str
    overruled: tuple[str, ...]
    key_since: Mapping[str, date]
    later: tuple[date, Mode] | None


def deciding_key(keys: Collection[str]) -> str:
    """Return the key that sets the mode, empty if no key affects usage."""
    return next((key for key in KEYS if key in keys), "")


def mode_of(keys: Collection[str]) -> Mode:
    """Return the mode: the key for manual upload prevents the automated one."""
    return _MODES.get(deciding_key(keys), Mode.NONE)


def mode_on(changes: Iterable[tuple[date, Collection[str]]], day: date) -> Mode:
    """Return the mode of a day, from changes in any order; none before the first."""
    began = [change for change in changes if change[0] <= day]
    return mode_of(max(began, key=lambda change: change[0])[1]) if began else Mode.NONE


def held_on(changes: Iterable[tuple[date, Collection[str]]], day: date) -> HeldLicences:
    """Return the licences of a day, from changes in any order."""
    ordered = sorted(changes, key=lambda change: change[0])
    began = [change for change in ordered if change[0] <= day]
    ahead = ordered[len(began) :]
    keys = began[-1][1] if began else ()
    mode, deciding = mode_of(keys), deciding_key(keys)
    held = [key for key in KEYS if key in keys]
    later = ((from_on, mode_of(then)) for from_on, then in ahead)
    return HeldLicences(
        mode=mode,
        mode_since=_since([(one, mode_of(then) is mode) for one, then in began]),
        deciding=deciding,
        overruled=tuple(held[1:]) if mode is Mode.MANUAL else (),
        key_since={
            key: since
            for key in held
            if (since := _since([(one, key in then) for one, then in began]))
        },
        later=next((one for one in later if one[1] is not mode), None),
    )


def _since(states: list[tuple[date, bool]]) -> date | None:
    """Return the first day of the last unbroken run of True; None without one."""
    found = None
    for from_on, is_so in reversed(states):
        if not is_so:
            break
        found = from_on
    return found
