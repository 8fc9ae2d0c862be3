"""Builds months of a few rows in the clock time of a server, for figures by hand."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from tests.billing.statements.months import File, Month, UsageRow

FiguresOf = Callable[[Month], dict[str, Any]]

BERLIN = "Europe/Berlin"
KINDS = {
    "AGENT": "agent",
    "DESK": "business",
    "RECORDER": "add_on",
    "SUPERVISOR": "add_on",
    "FAX": "ignored",
}


def seconds_of(clock: str) -> int:
    """Seconds after the midnight, of `09:30` or `09:30:15`; `24:00` ends the day."""
    hours, minutes, seconds = [*map(int, clock.split(":")), 0][:3]
    return hours * 3600 + minutes * 60 + seconds


def row(user: str, login: str, logout: str, *licences: str, flags: int = 0) -> UsageRow:
    """A row of a file that begins at midnight, on a day without a clock change."""
    return UsageRow(user, licences, seconds_of(login), seconds_of(logout), flags)


def file_of(
    day: str,
    *rows: UsageRow,
    server: str = "IC01",
    zone: str = BERLIN,
    assigned_day: str | None = None,
    closed_by: str = "midnight",
    length: int | None = None,
) -> File:
    """A file of the whole day, or of `length` seconds from its midnight."""
    on = date.fromisoformat(day)
    midnight = datetime.combine(on, time(), ZoneInfo(zone))
    offset = midnight.utcoffset()
    assert offset is not None
    closed = datetime.combine(on + timedelta(days=1), time(), ZoneInfo(zone))
    if length is not None:
        closed = midnight.astimezone(UTC) + timedelta(seconds=length)
    return File(
        server=server,
        series=UUID(int=1),
        sequence=on.toordinal(),
        day=on,
        assigned_day=date.fromisoformat(assigned_day) if assigned_day else None,
        zone=zone,
        opened_at=midnight.astimezone(UTC),
        opened_offset=int(offset.total_seconds() // 60),
        closed_at=closed.astimezone(UTC),
        closed_by=closed_by,
        rows=rows,
    )


def month_of(
    *files: File,
    period: str = "2026-05",
    zone: str = BERLIN,
    first_owed_on: str | None = None,
    kinds: Mapping[str, str] = KINDS,
) -> Month:
    owed = date.fromisoformat(first_owed_on) if first_owed_on else None
    return Month(period, zone, owed, kinds, files)


def line_of(figures: Mapping[str, Any], line: str) -> Mapping[str, Any]:
    """A line of the period, of a day or of an hour."""
    [found] = [entry for entry in figures["lines"] if entry["id"] == line]
    return dict(found)


def day_of(figures: Mapping[str, Any], day: str) -> Mapping[str, Any]:
    [found] = [entry for entry in figures["days"] if entry["day"] == day]
    return dict(found)


def hour_of(day: Mapping[str, Any], starts_at: str) -> Mapping[str, Any]:
    [found] = [entry for entry in day["hours"] if entry["starts_at"] == starts_at]
    return dict(found)


def has(figures: Mapping[str, Any], **expected: Any) -> None:
    """Assert that some of the figures are as expected."""
    assert {name: figures[name] for name in expected} == expected
