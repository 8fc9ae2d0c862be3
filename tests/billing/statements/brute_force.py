"""Computes the figures of a statement from sets of users, in plain loops.

Follows docs/statements.md rule by rule, and is written to be verified by reading.
Instants are whole seconds since 1970 in UTC.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

from tests.billing.statements.counted_rows import (
    TOTALS,
    Usage,
    counted_rows,
    doubtful,
    lines_of,
    unclassified,
)
from tests.billing.statements.months import Month
from tests.billing.statements.quarter_hours import full_hours, midnight

ONE_DAY = timedelta(days=1)
HALF_HOUR = 1800


@dataclass(frozen=True)
class Stretch:
    """Time without a change, and the users counted in each line during it."""

    start: int
    end: int
    users: Mapping[str, frozenset[str]]


def figures_of(month: Month) -> dict[str, Any]:
    rows = counted_rows(month)
    lines = lines_of(month)
    stretches = stretches_of(rows, lines)
    days = [
        figures_of_day(day, month.zone, lines, rows, stretches)
        for day in days_of_period(month)
    ]
    outside = [
        {
            "side": "before" if day < month.first_day else "after",
            **figures_of_day(day, month.zone, lines, rows, stretches),
        }
        for day in days_outside(month, rows)
    ]
    return {
        "totals": figures_of_totals(lines, rows, stretches),
        "lines": [
            {"id": line, **figures_of_line(line, lines, rows, stretches)}
            for line in lines
        ],
        "days": days,
        "outside": outside,
        "doubtful": doubtful(rows),
        "unclassified": unclassified(month),
    }


def text(instant: int) -> str:
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def days_of_period(month: Month) -> list[date]:
    length = (month.last_day - month.first_day).days + 1
    return [month.first_day + ONE_DAY * number for number in range(length)]


def days_outside(month: Month, rows: Sequence[Usage]) -> list[date]:
    """Local days outside of the period that a row touches."""
    if not rows:
        return []
    day = datetime.fromtimestamp(min(row.start for row in rows), UTC).date() - ONE_DAY
    last = datetime.fromtimestamp(max(row.end for row in rows), UTC).date() + ONE_DAY
    found = []
    while day <= last:
        is_outside = not month.first_day <= day <= month.last_day
        if is_outside and touching(rows, *day_span(day, month.zone)):
            found.append(day)
        day += ONE_DAY
    return found


def day_span(day: date, zone: str) -> tuple[int, int]:
    return midnight(day, zone), midnight(day + ONE_DAY, zone)


def users_by_line(
    rows: Iterable[Usage], lines: Iterable[str]
) -> dict[str, frozenset[str]]:
    """Distinct users of the rows; for `business`, those without an agent row."""
    users: dict[str, set[str]] = {line: set() for line in [TOTALS, *lines]}
    for row in rows:
        for line in row.lines:
            users[line].add(row.user)
    users["business"] -= users["agent"]
    return {line: frozenset(found) for line, found in users.items()}


def stretches_of(rows: Sequence[Usage], lines: Sequence[str]) -> list[Stretch]:
    """All time from the first to the last event, without gaps."""
    events = sorted({row.start for row in rows} | {row.end for row in rows})
    return [
        Stretch(
            start,
            end,
            users_by_line(
                (row for row in rows if row.start <= start and row.end >= end), lines
            ),
        )
        for start, end in pairwise(events)
    ]


def touching(rows: Iterable[Usage], begin: int, end: int) -> list[Usage]:
    return [
        row
        for row in rows
        if (row.start < row.end and row.start < end and row.end > begin)
        or (row.start == row.end and begin <= row.start < end)
    ]


def within(stretches: Iterable[Stretch], begin: int, end: int) -> list[Stretch]:
    return [
        Stretch(max(part.start, begin), min(part.end, end), part.users)
        for part in stretches
        if part.start < end and part.end > begin
    ]


def seconds_and_logins(
    line: str, rows: Iterable[Usage], parts: Iterable[Stretch], begin: int, end: int
) -> dict[str, int]:
    held = [row for row in rows if line in row.lines]
    return {
        "logins": sum(
            1 for row in held if begin <= row.start < end and not row.flags & (1 | 4)
        ),
        "used_seconds": sum(
            len(part.users[line]) * (part.end - part.start) for part in parts
        ),
        "row_seconds": sum(
            max(0, min(row.end, end) - max(row.start, begin)) for row in held
        ),
    }


def peak_of(line: str, parts: Sequence[Stretch]) -> dict[str, Any]:
    """The peak and its seconds, over stretches that follow each other without gaps."""
    peak = max((len(part.users[line]) for part in parts), default=0)
    if peak == 0:
        return {"peak": 0, "peak_at": None, "peak_seconds": 0, "peak_runs": 0}
    first_at, seconds, runs = None, 0, 0
    was_at_peak = False
    for part in parts:
        is_at_peak = len(part.users[line]) == peak
        if is_at_peak:
            first_at = part.start if first_at is None else first_at
            seconds += part.end - part.start
            runs += 0 if was_at_peak else 1
        was_at_peak = is_at_peak
    assert first_at is not None
    return {
        "peak": peak,
        "peak_at": text(first_at),
        "peak_seconds": seconds,
        "peak_runs": runs,
    }


def held_of(line: str, parts: Sequence[Stretch]) -> dict[str, Any]:
    """Return the highest level held for half an hour, and when it first begins.

    The first such half hour begins with a stretch.
    """
    best, best_from = 0, None
    for number, first in enumerate(parts):
        until = first.start + HALF_HOUR
        if until > parts[-1].end:
            break
        lowest = len(first.users[line])
        for part in parts[number:]:
            if part.start >= until:
                break
            lowest = min(lowest, len(part.users[line]))
        if lowest > best:
            best, best_from = lowest, text(first.start)
    return {"held_30min": best, "held_30min_from": best_from}


def figures_of_line(
    line: str,
    lines: Sequence[str],
    rows: Sequence[Usage],
    stretches: Sequence[Stretch],
) -> dict[str, Any]:
    """Figures of the period: all rows that count, also those outside of its days."""
    begin = min((row.start for row in rows), default=0)
    end = max((row.end for row in rows), default=0) + 1
    return {
        "named_users": len(users_by_line(rows, lines)[line]),
        **peak_of(line, stretches),
        **held_of(line, stretches),
        **seconds_and_logins(line, rows, stretches, begin, end),
    }


def figures_of_totals(
    lines: Sequence[str], rows: Sequence[Usage], stretches: Sequence[Stretch]
) -> dict[str, Any]:
    figures = figures_of_line(TOTALS, lines, rows, stretches)
    del figures["held_30min"], figures["held_30min_from"]
    return {**figures, "rows": len(rows)}


def figures_of_day(
    day: date,
    zone: str,
    lines: Sequence[str],
    rows: Sequence[Usage],
    stretches: Sequence[Stretch],
) -> dict[str, Any]:
    begin, end = day_span(day, zone)
    touched = touching(rows, begin, end)
    parts = within(stretches, begin, end)
    users = users_by_line(touched, lines)
    of_lines = []
    for line in lines:
        peak = peak_of(line, parts)
        of_lines.append(
            {
                "id": line,
                "peak": peak["peak"],
                "peak_at": peak["peak_at"],
                "named_users": len(users[line]),
                **seconds_and_logins(line, touched, parts, begin, end),
            }
        )
    hours = [begin, *full_hours(begin, end, zone), end]
    return {
        "day": day.isoformat(),
        "starts_at": text(begin),
        "ends_at": text(end),
        "lines": of_lines,
        "hours": [
            figures_of_hour(start, stop, lines, touched, parts)
            for start, stop in pairwise(hours)
        ],
    }


def figures_of_hour(
    begin: int,
    end: int,
    lines: Sequence[str],
    rows: Sequence[Usage],
    stretches: Sequence[Stretch],
) -> dict[str, Any]:
    parts = within(stretches, begin, end)
    users = users_by_line(touching(rows, begin, end), lines)
    return {
        "starts_at": text(begin),
        "lines": [
            {
                "id": line,
                "peak": max((len(part.users[line]) for part in parts), default=0),
                "users": len(users[line]),
            }
            for line in lines
        ],
    }
