"""Counts the usage in emulated files, to compare statements with it.

The rules are those of docs/statements.md, restated in plain loops over single rows: a
second implementation that shares no code with the portal's.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from usage.usg.columns import Flag, Sessions
from usage.usg.emulator.counting import TOTALS, CountedRow, Figures, count
from usage.usg.emulator.roles import ADD_ON, AGENT, BUSINESS, KINDS
from usage.usg.header import Header

_DAY, _MINUTE = timedelta(days=1), timedelta(minutes=1)
# A period is named by the month in which it ends, on the 27th.
_PERIOD_STARTS = 28
_BEGAN_EARLIER = Flag.FROM_BEFORE | Flag.CONTINUES
_CONCURRENT = "_CONCURRENT"

# Before and after every instant that a file can contain.
_EVER = (-(2**62), 2**62)


class Truth:
    """Collects files and their rows, of one emulation or of several in one zone.

    Only sound files are counted; damaged and missing ones are listed. `kinds` gives
    each licence key its kind; other keys do not count.
    """

    def __init__(self, kinds: Mapping[str, str] = KINDS) -> None:
        self._kinds = kinds
        self._files: list[dict[str, Any]] = []
        self._counted: dict[str, list[tuple[Header, Sessions]]] = defaultdict(list)

    def add(
        self, name: str, header: Header, sessions: Sessions, damage: str | None
    ) -> None:
        """Add a file; `sessions` its sound rows, `damage` a kind."""
        period = period_of(header.day)
        self._files.append(
            {
                "name": name,
                "server": header.server,
                "sequence": header.sequence,
                "day": str(header.day),
                "period": period,
                "damage": damage,
                "counted": damage is None,
            }
        )
        if damage is None:
            self._counted[period].append((header, sessions))

    def as_dict(self) -> dict[str, Any]:
        """Count the files, and return the truth as plain values for JSON."""
        return {
            "files": self._files,
            "periods": [self._period(name) for name in sorted(self._counted)],
        }

    def _period(self, name: str) -> dict[str, Any]:
        files = self._counted[name]
        rows = [
            row for header, sessions in files for row in self._rows(header, sessions)
        ]
        found = count(rows, *_EVER, self._lines)
        totals = found.pop(TOTALS)
        first = files[0][0]
        return {
            "period": name,
            "files": len(files),
            "rows": len(rows),
            **_as_json(totals),
            "lines": {line: _as_json(figures) for line, figures in found.items()},
            "days": self._days(rows, first.day, ZoneInfo(first.zone)),
        }

    def _days(
        self, rows: Sequence[CountedRow], day: date, zone: ZoneInfo
    ) -> dict[str, Any]:
        lines = [line for line in self._lines if line != TOTALS]
        days = list(_days_with(day))
        starts = [int(starts_at(day, zone).timestamp()) for day in days]
        return {
            str(day): {
                line: _as_json(figures)
                for line, figures in count(rows, start, end, lines).items()
            }
            for day, (start, end) in zip(days, pairwise(starts), strict=False)
        }

    @property
    def _lines(self) -> list[str]:
        add_ons = sorted(key for key, kind in self._kinds.items() if kind == ADD_ON)
        return [TOTALS, AGENT, BUSINESS, *(f"{ADD_ON}:{key}" for key in add_ons)]

    def _rows(self, header: Header, sessions: Sessions) -> Iterator[CountedRow]:
        """Yield the rows that count; the others have no line."""
        users = [
            unicodedata.normalize("NFC", name).strip().casefold()
            for name in sessions.users
        ]
        lines = [self._lines_of(names) for names in sessions.licence_sets]
        opened = int(header.opened_at.timestamp())
        closed = int(header.closed_at.timestamp())
        columns = ("user", "licences", "login", "logout", "flags")
        for user, held, login, logout, flags in zip(
            *(np.asarray(getattr(sessions, name)).tolist() for name in columns),
            strict=True,
        ):
            start, end = opened + login, opened + logout
            # An instant at the closing belongs to the last second of the file.
            if start == end == closed > opened:
                start = end = closed - 1
            is_login = not flags & _BEGAN_EARLIER
            if lines[held]:
                yield CountedRow(users[user], start, end, lines[held], is_login)

    def _lines_of(self, names: Sequence[str]) -> tuple[str, ...]:
        keys = [name.removesuffix(_CONCURRENT) for name in names]
        kinds = {self._kinds.get(key) for key in keys}
        add_ons = {f"{ADD_ON}:{key}" for key in keys if self._kinds.get(key) == ADD_ON}
        if AGENT in kinds or add_ons:
            return (TOTALS, AGENT, *sorted(add_ons))
        return (TOTALS, BUSINESS) if BUSINESS in kinds else ()


def period_of(day: date) -> str:
    """Return the name of a day's billing period: from the 28th, the next month."""
    if day.day >= _PERIOD_STARTS:
        day = day.replace(day=1) + 31 * _DAY
    return f"{day.year:04}-{day.month:02}"


def starts_at(day: date, zone: ZoneInfo) -> datetime:
    """Return the instant at which a local day begins.

    Of a midnight shown twice, the later; of a skipped one, the end of the gap.
    """
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    later = midnight.replace(fold=1).astimezone(UTC)
    if later.astimezone(zone).date() == day:
        return later
    start = midnight.astimezone(UTC)
    while (start - _MINUTE).astimezone(zone).date() == day:
        start -= _MINUTE
    return start


def _days_with(day: date) -> Iterator[date]:
    """Yield the days of the period that contains a day, and the day after them."""
    period = period_of(day)
    while period_of(day - _DAY) == period:
        day -= _DAY
    while period_of(day) == period:
        yield day
        day += _DAY
    yield day


def _as_json(figures: Figures) -> dict[str, Any]:
    return {
        "named_users": len(figures.users),
        "logins": figures.logins,
        "row_seconds": figures.row_seconds,
        "used_seconds": figures.used_seconds,
        "peak": figures.peak,
        "peak_at": None if figures.peak_at is None else _text_of(figures.peak_at),
    }


def _text_of(instant: int) -> str:
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
