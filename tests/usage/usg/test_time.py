"""Clocks, days and zones: genuine files are held, never refused, for them."""

import zoneinfo
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.samples.usg import cases
from usage.usg import ClosedBy, Code, Header, Severity, plausible
from usage.usg.emulator.history import ServerHabits, ServerHistory

pytestmark = pytest.mark.plain

QUIET = ServerHabits(restarts=0, crashes=0, clock_changes=0, days_off=0)


def codes_of(header: Header, received_at: datetime = cases.RECEIVED_AT) -> list[Code]:
    return [found.code for found in plausible.check(header, received_at)]


def day_in(zone: str, day: date) -> Header:
    """The file of a whole day, as a server in that zone would write it."""
    history = ServerHistory("IC01", zoneinfo.ZoneInfo(zone), 1, QUIET)
    [span] = history.spans(day, day)
    return replace(
        cases.HEADER,
        day=day,
        zone=zone,
        opened_at=span.opened_at,
        closed_at=span.closed_at,
        opened_offset=history.offset(span.opened_at),
        closed_offset=history.offset(span.closed_at),
    )


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("Australia/Sydney", date(2026, 10, 4), 23),
        ("Australia/Lord_Howe", date(2026, 10, 4), 23.5),
        ("America/Santiago", date(2027, 9, 4), 24),
        ("America/Santiago", date(2027, 9, 5), 23),
        ("America/Santiago", date(2026, 4, 4), 25),
        ("America/Havana", date(2028, 11, 4), 24),
        ("America/Havana", date(2028, 11, 5), 25),
        ("America/Havana", date(2028, 3, 12), 23),
        ("America/Havana", date(2028, 3, 11), 24),
        ("Asia/Kathmandu", date(2026, 2, 28), 24),
        ("UTC", date(2028, 2, 29), 24),
    ],
)
def test_a_day_of_any_length_is_plausible(zone: str, day: date, hours: float) -> None:
    header = day_in(zone, day)
    assert header.closed_at - header.opened_at == timedelta(hours=hours)
    assert codes_of(header, header.closed_at) == []


@pytest.mark.parametrize("zone", sorted(zoneinfo.available_timezones())[::40])
def test_a_year_of_days_is_plausible_in_any_zone(zone: str) -> None:
    for ordinal in range(date(2026, 1, 1).toordinal(), date(2026, 12, 31).toordinal()):
        header = day_in(zone, date.fromordinal(ordinal))
        assert codes_of(header, header.closed_at) == [], header


@pytest.mark.parametrize(
    ("early", "codes"),
    [
        (timedelta(seconds=1), []),
        (timedelta(minutes=5), []),
        (timedelta(days=1), []),
        (timedelta(days=1, seconds=1), [Code.CLOCK_AHEAD]),
    ],
)
def test_a_clock_may_be_ahead_by_a_day(early: timedelta, codes: list[Code]) -> None:
    assert codes_of(cases.HEADER, cases.HEADER.closed_at - early) == codes


@pytest.mark.parametrize("year", [1, 9999])
def test_the_ends_of_the_calendar_are_held_not_tripped_over(year: int) -> None:
    at = datetime(year, 1, 1, tzinfo=UTC)
    if year == 9999:
        at = datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC)
    for zone in ("Europe/Berlin", "America/New_York", "UTC"):
        header = replace(
            cases.HEADER, day=at.date(), opened_at=at, closed_at=at, zone=zone
        )
        codes = codes_of(header)
        assert (Code.CLOCK_BEHIND in codes) is (year == 1)
        assert (Code.CLOCK_AHEAD in codes) is (year == 9999)
        assert Code.OFFSET_DIFFERS not in codes or zone != "Europe/Berlin"


@pytest.mark.parametrize(
    "zone",
    ["America", "../etc/passwd", "/etc/localtime", "Mars/Base", "x/../UTC", "ÄÖ"],
)
def test_a_zone_that_is_not_known_is_held(zone: str) -> None:
    assert codes_of(replace(cases.HEADER, zone=zone)) == [Code.ZONE_UNKNOWN]


def test_offsets_that_differ_at_both_ends_are_named_separately() -> None:
    found = list(
        plausible.check(replace(cases.HEADER, zone="Asia/Tokyo"), cases.RECEIVED_AT)
    )
    assert [problem.where for problem in found] == [
        "header.opened_offset",
        "header.closed_offset",
    ]
    assert found[0].severity is Severity.WARN
    assert found[0].params == {"seen": 120, "expected": 540, "zone": "Asia/Tokyo"}


def test_the_last_second_of_the_day_belongs_to_it_and_the_next_does_not() -> None:
    last = cases.HEADER.closed_at - timedelta(seconds=1)
    late = replace(cases.HEADER, opened_at=last)
    assert codes_of(late) == []
    after = replace(
        cases.HEADER,
        opened_at=cases.HEADER.closed_at,
        closed_by=ClosedBy.SHUTDOWN,
    )
    assert codes_of(after) == [Code.DAY_DIFFERS]


def test_a_clock_set_back_leaves_a_span_of_nothing() -> None:
    back = replace(
        cases.HEADER,
        closed_at=cases.HEADER.opened_at - timedelta(hours=1),
        closed_by=ClosedBy.CLOCK,
    )
    assert back.span == 0
    assert codes_of(back) == [Code.CLOSED_BEFORE_OPENED]
