"""Local days and hours where clocks change, with boundaries worked out by hand."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.billing.statements.small_months import (
    FiguresOf,
    day_of,
    file_of,
    has,
    hour_of,
    line_of,
    month_of,
    row,
)

pytestmark = pytest.mark.plain


def starts(day: Mapping[str, Any], count: int) -> list[str]:
    """The clock times in UTC at which the first hours of the day begin."""
    return [hour["starts_at"][11:16] for hour in day["hours"][:count]]


def test_half_an_hour_is_skipped_on_lord_howe(figures_of: FiguresOf) -> None:
    zone = "Australia/Lord_Howe"
    file = file_of("2026-10-04", row("anna", "02:15", "02:20", "AGENT"), zone=zone)
    day = day_of(figures_of(month_of(file, period="2026-10", zone=zone)), "2026-10-04")
    has(day, starts_at="2026-10-03T13:30:00Z", ends_at="2026-10-04T13:00:00Z")
    assert starts(day, 5) == ["13:30", "14:30", "15:30", "16:00", "17:00"]
    assert len(day["hours"]) == 24
    short = hour_of(day, "2026-10-03T15:30:00Z")
    assert line_of(short, "agent") == {"id": "agent", "peak": 1, "users": 1}
    has(line_of(hour_of(day, "2026-10-03T16:00:00Z"), "agent"), users=0)


def test_half_an_hour_is_repeated_on_lord_howe(figures_of: FiguresOf) -> None:
    zone = "Australia/Lord_Howe"
    day = day_of(figures_of(month_of(period="2026-04", zone=zone)), "2026-04-05")
    has(day, starts_at="2026-04-04T13:00:00Z", ends_at="2026-04-05T13:30:00Z")
    assert starts(day, 5) == ["13:00", "14:00", "15:00", "15:30", "16:30"]
    assert len(day["hours"]) == 25


def test_a_skipped_midnight_is_the_end_of_the_gap(figures_of: FiguresOf) -> None:
    zone = "America/Santiago"
    figures = figures_of(month_of(period="2027-09", zone=zone))
    has(day_of(figures, "2027-09-04"), ends_at="2027-09-05T04:00:00Z")
    day = day_of(figures, "2027-09-05")
    has(day, starts_at="2027-09-05T04:00:00Z", ends_at="2027-09-06T03:00:00Z")
    assert len(day["hours"]) == 23


def test_the_later_of_two_midnights_begins_the_day(figures_of: FiguresOf) -> None:
    zone = "America/Havana"
    # The file of the 5th is opened at the first of its two midnights.
    file = file_of("2028-11-05", row("anna", "00:30", "01:30", "AGENT"), zone=zone)
    figures = figures_of(month_of(file, period="2028-11", zone=zone))
    first, second = day_of(figures, "2028-11-04"), day_of(figures, "2028-11-05")
    has(first, starts_at="2028-11-04T04:00:00Z", ends_at="2028-11-05T05:00:00Z")
    has(second, starts_at="2028-11-05T05:00:00Z", ends_at="2028-11-06T05:00:00Z")
    assert (len(first["hours"]), len(second["hours"])) == (25, 24)
    has(line_of(first, "agent"), used_seconds=1800, logins=1)
    has(line_of(second, "agent"), used_seconds=1800, logins=0)
    has(line_of(second, "agent"), peak_at="2028-11-05T05:00:00Z")


def test_hours_are_those_of_the_local_clock(figures_of: FiguresOf) -> None:
    day = day_of(
        figures_of(month_of(zone="Asia/Kathmandu")), "2026-05-04"
    )  # 5 hours 45 minutes ahead of UTC
    has(day, starts_at="2026-05-03T18:15:00Z", ends_at="2026-05-04T18:15:00Z")
    assert starts(day, 2) == ["18:15", "19:15"]


@pytest.mark.parametrize(
    ("period", "name", "hours"),
    [("2026-04", "2026-03-29", 23), ("2026-10", "2026-10-25", 25)],
)
def test_days_have_23_to_25_hours(
    figures_of: FiguresOf, period: str, name: str, hours: int
) -> None:
    day = day_of(figures_of(month_of(period=period)), name)
    assert len(day["hours"]) == hours
