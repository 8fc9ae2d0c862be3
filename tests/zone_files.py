"""Reads compiled time zones (RFC 9636), without `zoneinfo`, and writes small ones.

An independent computation of midnights for comparison: in whole seconds since 1970, by
the bytes of the pinned package alone.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from importlib import resources
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

_EPOCH = date(1970, 1, 1)
_HOUR = 3_600
_DAY = 86_400
# Rules of the footer are applied in these years: more than anybody compares.
YEARS = range(1970, 2040)

_HEADER = struct.Struct(">4sc15x6L")


def pinned_names() -> list[str]:
    """Return the names that the pinned package lists, `Factory` too."""
    return (resources.files("tzdata") / "zones").read_text("ascii").split()


def pinned_bytes(name: str) -> bytes:
    folder = resources.files("tzdata") / "zoneinfo"
    return folder.joinpath(*name.split("/")).read_bytes()


def fixed_zone(offset: int, letters: str) -> bytes:
    """Return a compiled zone that is always the same seconds east of UTC."""
    block = struct.pack(">lBB", offset, 0, 0) + letters.encode() + b"\0"
    header = _HEADER.pack(b"TZif", b"2", 0, 0, 0, 0, 1, len(letters) + 1)
    hours, rest = divmod(abs(offset), _HOUR)
    sign = "-" if offset > 0 else ""  # POSIX counts west of Greenwich
    footer = f"\n<{letters}>{sign}{hours}:{rest // 60:02}\n"
    return (header + block) * 2 + footer.encode()


@dataclass(frozen=True)
class Clock:
    """The offsets of a zone: `offset[n]` seconds east from `start[n]` on."""

    start: NDArray[np.int64]
    offset: NDArray[np.int64]

    @classmethod
    def read(cls, data: bytes) -> "Clock":
        """Read a compiled zone of version 2 or later; ValueError for anything else."""
        magic, version, *counts = _HEADER.unpack_from(data)
        if magic != b"TZif" or version < b"2":
            message = "not a compiled time zone of version 2"
            raise ValueError(message)
        at = _HEADER.size + _block_size(counts, word=4)
        *_, is_utc, is_std, leaps, times, types, letters = _HEADER.unpack_from(data, at)
        counts = [is_utc, is_std, leaps, times, types, letters]
        at += _HEADER.size
        end = at + _block_size(counts, word=8)
        instants = list(struct.unpack_from(f">{times}q", data, at))
        kinds = list(struct.unpack_from(f">{times}B", data, at + 8 * times))
        infos = data[at + 9 * times : at + 9 * times + 6 * types]
        offsets = [offset for offset, _, _ in struct.iter_unpack(">lBB", infos)]
        changes = [(-(2**62), offsets[0])]
        changes += [
            (when, offsets[kind]) for when, kind in zip(instants, kinds, strict=True)
        ]
        footer = data[end:].strip(b"\n").decode()
        last = instants[-1] if instants else -(2**62)
        changes += [one for one in _by_rule(footer) if one[0] > last]
        return cls(*(np.array(column) for column in zip(*changes, strict=True)))

    def ends_of(self, days: list[date]) -> NDArray[np.int64]:
        """Return the midnight that ends each day: the later of two that are shown.

        Of one that is skipped the first instant after the gap.
        """
        wall = np.array([((day - _EPOCH).days + 1) * _DAY for day in days])[:, None]
        until = np.append(self.start[1:], 2**62)
        shown = wall - self.offset
        is_shown = (shown >= self.start) & (shown < until)
        before = np.insert(self.offset[:-1], 0, self.offset[0])
        is_skipped = (self.start + before <= wall) & (wall < self.start + self.offset)
        never = np.int64(-(2**62))
        found = np.where(is_shown, shown, never).max(axis=1)
        jump = np.where(is_skipped, self.start, never).max(axis=1)
        ends: NDArray[np.int64] = np.where(found == never, jump, found)
        return ends


def _block_size(counts: list[int], *, word: int) -> int:
    is_utc, is_std, leaps, times, types, letters = counts
    return (
        times * (word + 1) + types * 6 + letters + leaps * (word + 4) + is_std + is_utc
    )


_NAME = r"(?:<[^>]+>|[A-Za-z]+)"
_CLOCK = r"[+-]?\d+(?::\d+){0,2}"
_RULE = re.compile(
    rf"{_NAME}({_CLOCK})(?:{_NAME}({_CLOCK})?,([^,/]+)(?:/({_CLOCK}))?"
    rf",([^,/]+)(?:/({_CLOCK}))?)?"
)


def _by_rule(footer: str) -> Iterator[tuple[int, int]]:
    """Yield the changes that the rule at the end of a file makes, in order."""
    found = _RULE.fullmatch(footer)
    if found is None:
        return
    standard = -_seconds(found[1])
    if found[3] is None:
        yield -(2**62) + 1, standard
        return
    summer = -_seconds(found[2]) if found[2] else standard + _HOUR
    changes = []
    for year in YEARS:
        for day, clock, before, after in (
            (found[3], found[4], standard, summer),
            (found[5], found[6], summer, standard),
        ):
            local = _day_of(day, year) * _DAY + _seconds(clock or "2")
            changes.append((local - before, after))
    yield from sorted(changes)


def _seconds(clock: str) -> int:
    sign = -1 if clock.startswith("-") else 1
    parts = [int(part) for part in clock.lstrip("+-").split(":")]
    hours, minutes, seconds = (*parts, 0, 0)[:3]
    return sign * (hours * _HOUR + minutes * 60 + seconds)


def _day_of(rule: str, year: int) -> int:
    """Return the day that a rule names in a year, in days since 1970."""
    first = date(year, 1, 1)
    if rule.startswith("M"):
        month, week, weekday = map(int, rule[1:].split("."))
        day = date(year, month, 1)
        day += timedelta(days=(weekday - day.isoweekday()) % 7)
        days = [day + timedelta(weeks=n) for n in range(5)]
        found = [one for one in days if one.month == month][:week][-1]
    elif rule.startswith("J"):  # 29 February is never counted
        number = int(rule[1:])
        is_later = first.replace(month=12, day=31).toordinal() - first.toordinal()
        found = first + timedelta(days=number - 1 + (is_later == 365 and number > 59))
    else:
        found = first + timedelta(days=int(rule))
    return (found - _EPOCH).days


def has_order(clock: Clock) -> bool:
    """Return whether the changes of a clock come one after the other."""
    return all(one < two for one, two in pairwise(clock.start.tolist()))
