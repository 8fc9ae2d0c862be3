"""Periods, and the instants at which they end and lateness begins."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.coverage.periods import (
    LAST_PLACE_ON_EARTH,
    Period,
    day_ends_at,
    deadline_at,
    ends_at,
    first_open_day,
    has_ended,
    zone_named,
)
from tests import zone_files

pytestmark = pytest.mark.plain

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
MONTHS = range(1, 13)
ZONES = sorted(set(zone_files.pinned_names()) - {"Factory"})
periods = st.builds(Period, st.integers(1900, 2200), st.integers(1, 12))


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def test_a_period_is_named_by_the_month_it_ends_in() -> None:
    period = Period.parse("2026-05")
    assert (period.starts_on, period.ends_on) == (date(2026, 4, 28), date(2026, 5, 27))
    assert period.target_on == date(2026, 6, 3)
    assert str(period) == "2026-05"
    assert period == Period(2026, 5)
    assert len(list(period.days())) == 30


@pytest.mark.parametrize(
    "name",
    [
        "", "2026-5", "2026-13", "2026-00", "26-05", "2026/05", "2026-05 ", " 2026-05",
        "2026-05\n", "1899-12", "2201-01", "0000-01", "2026-05-01",
        "\u0662\u0660\u0662\u0666-\u0660\u0665",
        "9" * 5000,
    ],
)  # fmt: skip
def test_what_is_not_a_period_is_refused_in_words(name: str) -> None:
    with pytest.raises(ValueError, match="billing period") as refused:
        Period.parse(name)
    assert len(str(refused.value)) < 120


@pytest.mark.parametrize(("year", "month"), [(2026, 0), (2026, 13), (1, 1), (9998, 1)])
def test_a_period_that_cannot_be_told_in_dates_does_not_exist(
    year: int, month: int
) -> None:
    with pytest.raises(ValueError, match="no billing period"):
        Period(year, month)


def test_the_last_second_of_a_period_and_the_first_of_the_next_are_apart() -> None:
    assert Period.containing(date(2026, 5, 27)) == Period(2026, 5)
    assert Period.containing(date(2026, 5, 28)) == Period(2026, 6)
    end = ends_at(Period(2026, 5), ZoneInfo("Europe/Berlin"))
    assert end == utc(2026, 5, 27, 22)
    assert not has_ended(Period(2026, 5), ZoneInfo("Europe/Berlin"), at=end - SECOND)
    assert has_ended(Period(2026, 5), ZoneInfo("Europe/Berlin"), at=end)


def test_29_february_belongs_to_march_of_its_year() -> None:
    assert Period.containing(date(2028, 2, 29)) == Period(2028, 3)
    assert date(2028, 2, 29) in list(Period(2028, 3).days())
    assert len(list(Period(2028, 3).days())) == 29
    assert len(list(Period(2027, 3).days())) == 28
    assert Period(2100, 3).starts_on == date(2100, 2, 28)


def test_the_period_over_the_year_end() -> None:
    period = Period.parse("2027-01")
    assert (period.starts_on, period.ends_on) == (date(2026, 12, 28), date(2027, 1, 27))
    assert period.previous() == Period(2026, 12)
    assert Period(2026, 12).next() == period
    assert Period(2026, 12).target_on == date(2027, 1, 3)
    assert deadline_at(Period(2026, 12), ZoneInfo("UTC")) == utc(2027, 1, 5)


@given(period=periods)
def test_periods_touch_without_gap_or_overlap_from_1900_to_2200(period: Period) -> None:
    days = list(period.days())
    assert 28 <= len(days) <= 31
    assert {Period.containing(day) for day in days} == {period}
    assert all(day in period for day in days)
    assert period.next().starts_on == period.ends_on + DAY
    assert period.starts_on - DAY not in period
    assert period.next().previous() == period == period.previous().next()
    assert period.previous() < period < period.next()
    assert Period.parse(str(period)) == period
    assert period.ends_on < period.target_on < period.next().ends_on


@pytest.mark.parametrize("year", [2024, 2028, 2033])
def test_every_day_is_in_exactly_one_period(year: int) -> None:
    day = date(year, 1, 1)
    while day.year == year:
        around = Period(day.year, day.month)
        candidates = [around.previous(), around, around.next()]
        assert [p for p in candidates if day in p] == [Period.containing(day)]
        day += DAY


def seconds(instants: list[datetime]) -> list[int]:
    return [int(instant.timestamp()) for instant in instants]


@pytest.mark.slow
def test_in_every_zone_deadlines_to_2033_are_those_of_the_pinned_data() -> None:
    """Compared with another reader of the same files, which shares no code."""
    periods = [Period(year, month) for year in range(2024, 2034) for month in MONTHS]
    fourths = [period.target_on + DAY for period in periods]
    ends = [period.ends_on for period in periods]
    found = set()
    for name in ZONES:
        zone = zone_named(name)
        clock = zone_files.Clock.read(zone_files.pinned_bytes(name))
        assert zone_files.has_order(clock)
        deadlines = seconds([deadline_at(period, zone) for period in periods])
        assert deadlines == clock.ends_of(fourths).tolist(), name
        ended = seconds([ends_at(period, zone) for period in periods])
        assert ended == clock.ends_of(ends).tolist(), name
        found.add(tuple(deadlines))
    assert len(found) > 50


@pytest.mark.parametrize(
    ("zone", "day", "expected"),
    [
        ("America/Santiago", date(2027, 9, 4), utc(2027, 9, 5, 4)),
        ("America/Havana", date(2028, 11, 4), utc(2028, 11, 5, 5)),
        ("Pacific/Apia", date(2011, 12, 29), utc(2011, 12, 30, 10)),
        ("America/Toronto", date(1919, 3, 30), utc(1919, 3, 31, 4, 30)),
        ("Europe/Berlin", date(2033, 10, 30), utc(2033, 10, 30, 23)),
    ],
)
def test_the_other_reader_knows_odd_midnights(
    zone: str, day: date, expected: datetime
) -> None:
    clock = zone_files.Clock.read(zone_files.pinned_bytes(zone))
    assert clock.ends_of([day]).tolist() == seconds([expected])


def distinct_zones() -> list[str]:
    """One zone for each set of rules in the years looked at."""
    known: dict[tuple[object, ...], str] = {}
    moments = [utc(2024, 1, 1) + timedelta(days=5 * n) for n in range(731)]
    for name in ZONES:
        zone = ZoneInfo(name)
        known.setdefault(tuple(m.astimezone(zone).utcoffset() for m in moments), name)
    return list(known.values())


@pytest.mark.slow
def test_in_every_zone_every_day_ends_once_where_the_next_begins() -> None:
    for name in distinct_zones():
        zone = ZoneInfo(name)
        day, end = date(2023, 12, 31), day_ends_at(date(2023, 12, 30), zone)
        while day < date(2034, 1, 1):
            begin, end = end, day_ends_at(day, zone)
            assert timedelta(hours=22) <= end - begin <= timedelta(hours=26)
            assert end.astimezone(zone).date() == day + DAY
            assert Period.containing(begin.astimezone(zone).date()) == (
                Period.containing(day)
            )
            day += DAY


@pytest.mark.parametrize(
    ("zone", "period", "expected"),
    [
        # The clocks jump from 4 September 24:00 to 5 September 01:00.
        ("America/Santiago", "2027-08", utc(2027, 9, 5, 4)),
        ("America/Santiago", "2032-08", utc(2032, 9, 5, 4)),
        # 5 November 00:00 comes at UTC-4, and an hour later again at UTC-5.
        ("America/Havana", "2028-10", utc(2028, 11, 5, 5)),
        # Clocks go forward at 02:00 on 4 October: its end is at UTC+11.
        ("Australia/Sydney", "2026-09", utc(2026, 10, 4, 13)),
        ("Pacific/Kiritimati", "2026-05", utc(2026, 6, 4, 10)),
        ("Pacific/Pago_Pago", "2026-05", utc(2026, 6, 5, 11)),
        ("Europe/Berlin", "2026-05", utc(2026, 6, 4, 22)),
        ("America/Indiana/Indianapolis", "2026-05", utc(2026, 6, 5, 4)),
        ("UTC", "2026-12", utc(2027, 1, 5)),
        ("UTC", "2028-01", utc(2028, 2, 5)),
    ],
)
def test_the_first_late_instant(zone: str, period: str, expected: datetime) -> None:
    found = deadline_at(Period.parse(period), ZoneInfo(zone))
    assert found == expected
    assert found.tzinfo is UTC


def test_a_skipped_midnight_is_the_first_instant_after_the_gap() -> None:
    zone = ZoneInfo("America/Santiago")
    for year in (2027, 2032):
        wall = deadline_at(Period(year, 8), zone).astimezone(zone)
        assert (wall.day, wall.hour, wall.minute) == (5, 1, 0)
        before = (deadline_at(Period(year, 8), zone) - SECOND).astimezone(zone)
        assert (before.day, before.hour, before.second) == (4, 23, 59)


def test_a_day_that_a_zone_left_out_ends_with_the_one_after_the_gap() -> None:
    # Apia had no 30 December 2011: clocks went from the 29th to the 31st.
    apia = ZoneInfo("Pacific/Apia")
    assert day_ends_at(date(2011, 12, 29), apia) == utc(2011, 12, 30, 10)
    assert day_ends_at(date(2011, 12, 30), apia) == utc(2011, 12, 30, 10)


def test_a_gap_that_opens_before_midnight_and_closes_after_it() -> None:
    # Toronto went from 30 March 1919, 23:30 to 31 March, 00:30.
    toronto = ZoneInfo("America/Toronto")
    assert day_ends_at(date(1919, 3, 30), toronto) == utc(1919, 3, 31, 4, 30)


def test_late_from_moves_the_deadline_and_knows_its_bounds() -> None:
    zone = ZoneInfo("Europe/Berlin")
    assert deadline_at(Period(2026, 5), zone, late_from=4) == utc(2026, 6, 3, 22)
    assert deadline_at(Period(2026, 5), zone, late_from=27) == utc(2026, 6, 26, 22)
    for out_of_bounds in (-1, 0, 3, 28, 31):
        with pytest.raises(ValueError, match="late from must be a day from 4 to 27"):
            deadline_at(Period(2026, 5), zone, late_from=out_of_bounds)


@given(period=periods, zone=st.sampled_from(ZONES), late_from=st.integers(4, 26))
def test_deadlines_only_move_forward(period: Period, zone: str, late_from: int) -> None:
    place = ZoneInfo(zone)
    found = deadline_at(period, place, late_from=late_from)
    assert found < deadline_at(period, place, late_from=late_from + 1)
    assert found < deadline_at(period.next(), place, late_from=late_from)
    assert found > ends_at(period, place)


@pytest.mark.parametrize(
    "name", ["", "Mars/Olympus", "America", "../etc/passwd", "a\0b"]
)
def test_an_unknown_zone_is_the_last_place_on_earth(name: str) -> None:
    assert zone_named(name) is LAST_PLACE_ON_EARTH
    assert day_ends_at(date(2026, 5, 27), zone_named(name)) == utc(2026, 5, 28, 12)


def test_a_known_zone_is_found() -> None:
    assert str(zone_named("Asia/Kolkata")) == "Asia/Kolkata"


def test_the_first_open_day_is_today_and_yesterday_while_clocks_repeat_it() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert first_open_day(berlin, at=utc(2026, 5, 27, 21, 59)) == date(2026, 5, 27)
    assert first_open_day(berlin, at=utc(2026, 5, 27, 22)) == date(2026, 5, 28)
    # Of Havana's two midnights on 5 November 2028 the second ends the 4th.
    havana = ZoneInfo("America/Havana")
    assert first_open_day(havana, at=utc(2028, 11, 5, 4, 30)) == date(2028, 11, 4)
    assert first_open_day(havana, at=utc(2028, 11, 5, 5)) == date(2028, 11, 5)
