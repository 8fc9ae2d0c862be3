"""Lists where two statements differ, in few enough lines for a failed test."""

from collections.abc import Iterator
from typing import Any

SHOWN = 5


def differences(one: Any, other: Any) -> list[str]:
    """Return the first `SHOWN` paths that differ, with both values."""
    if one == other:
        return []
    found = []
    for place in _differing(one, other, "figures"):
        found.append(place)
        if len(found) == SHOWN:
            break
    return found


def _differing(one: Any, other: Any, place: str) -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for key in one:
            yield from _differing(one[key], other[key], f"{place}.{key}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from _differing(left, right, f"{place}[{number}]")
    elif one != other:
        yield f"{place}: {one!r:.200} and {other!r:.200}"
