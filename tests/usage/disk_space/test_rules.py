"""The rules of the forecast: days that are known, growth, range, what is kept."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from uuid import UUID

import pytest

from usage.disk_space.chart import weeks_chart
from usage.disk_space.days import DaySize, SeriesDay, day_sizes
from usage.disk_space.estimate import estimate_of, of_day
from usage.disk_space.forecast import Forecast, forecast_of
from usage.disk_space.needs import Odd, ServerNeed, is_silent, need_of
from usage.disk_space.trends import Growth, WeekLevel, find_trend
from usage.disk_space.weeks import usage_weeks

pytestmark = pytest.mark.plain

DAY = timedelta(days=1)
# A Monday, and half a year later.
FIRST, TODAY = date(2026, 1, 5), date(2026, 7, 6)
DUE = date(2026, 8, 3)
ONE, OTHER = UUID(int=1), UUID(int=2)
MEGABYTE = 1_000_000


def files(day: date, first: int, **changed: object) -> SeriesDay:
    one = SeriesDay(
        series=ONE,
        day=day,
        first=first,
        last=first,
        files=1,
        size=1_000,
        logins=10,
        safe=0,
        safe_on=None,
    )
    return replace(one, **changed)  # type: ignore[arg-type]  # a test's own fields


def days_of(sizes: Sequence[int], *, until: date = TODAY) -> list[DaySize]:
    first = until - len(sizes) * DAY
    return [
        DaySize(day=first + place * DAY, files=1, size=size, logins=size // 10)
        for place, size in enumerate(sizes)
    ]


def known(sizes: Sequence[int]) -> Forecast:
    found = forecast_of(days_of(sizes))
    assert found is not None
    return found


def need(days: Sequence[DaySize], *, today: date = TODAY) -> ServerNeed:
    found = need_of(days, today=today, due_on=lambda _: DUE)
    assert found is not None
    return found


def month_of(found: Forecast) -> float:
    return found.between(TODAY, TODAY + 29 * DAY).expected


def odd_of(sizes: Sequence[int]) -> list[Odd]:
    return [one.odd for one in need(days_of(sizes)).warned]


# Days that are known.


def test_days_between_consecutive_files_are_known_to_be_empty() -> None:
    found = day_sizes([files(FIRST + 3 * DAY, 2), files(FIRST, 1)])
    assert [(one.day, one.size) for one in found] == [
        (FIRST, 1_000),
        (FIRST + DAY, 0),
        (FIRST + 2 * DAY, 0),
        (FIRST + 3 * DAY, 1_000),
    ]
    assert all(one.is_safe == (not one.files) for one in found)


def test_days_whose_files_are_missing_are_not_known() -> None:
    found = day_sizes([files(FIRST, 1), files(FIRST + 3 * DAY, 3)])
    assert [one.day for one in found] == [FIRST, FIRST + 3 * DAY]
    found = day_sizes([files(FIRST, 1), files(FIRST + 3 * DAY, 2, series=OTHER)])
    assert len(found) == 2


def test_a_day_that_lacks_one_of_its_files_is_not_whole() -> None:
    whole = day_sizes([files(FIRST, 1, last=3, files=3)])
    broken = day_sizes([files(FIRST, 1, last=3, files=2)])
    assert [whole[0].is_whole, broken[0].is_whole] == [True, False]
    assert forecast_of([one for one in broken if one.is_whole]) is None


def test_a_day_with_two_series_has_the_bytes_of_both() -> None:
    found = day_sizes(
        [
            files(FIRST, 7, safe=1, safe_on=FIRST + 2 * DAY),
            files(FIRST, 1, series=OTHER, safe=1, safe_on=FIRST + 9 * DAY),
        ]
    )
    assert found == [
        DaySize(
            day=FIRST,
            files=2,
            size=2_000,
            logins=20,
            safe=2,
            safe_on=FIRST + 9 * DAY,
        )
    ]


# Forecasts.


def test_a_constant_size_stays() -> None:
    found = known([1_000] * 182)
    assert found.between(TODAY, TODAY + 29 * DAY).expected == pytest.approx(30_000)
    assert found.trend.growth is Growth.NONE


def test_one_day_gives_a_wide_guess() -> None:
    found = known([1_000]).between(TODAY, TODAY + 9 * DAY)
    assert found.expected == pytest.approx(10_000)
    assert found.high > 1.5 * found.expected
    assert found.low < 0.7 * found.expected


def test_without_a_byte_there_is_no_forecast() -> None:
    assert forecast_of([]) is None
    assert forecast_of(days_of([0, 0])) is None
    assert need_of([], today=TODAY, due_on=lambda _: DUE) is None


def test_no_days_need_no_bytes() -> None:
    assert known([1_000] * 9).between(TODAY, TODAY - DAY).high == 0


def test_growth_by_an_amount_is_continued() -> None:
    found = known([1_000 + 10 * place for place in range(182)])
    later = sum(1_000 + 10 * place for place in range(182, 212))
    assert found.trend.growth is Growth.LINEAR
    assert month_of(found) == pytest.approx(later, rel=0.02)


def test_growth_by_a_share_is_continued() -> None:
    sizes = [round(10_000 * 1.006**place) for place in range(212)]
    found = known(sizes[:182])
    assert found.trend.growth is Growth.PERCENT
    assert month_of(found) == pytest.approx(sum(sizes[182:]), rel=0.02)


def test_a_trend_is_not_continued_for_longer_than_it_was_observed() -> None:
    found = known([1_000 + 100 * place for place in range(42)])
    at = [found.usual(TODAY + weeks * 7 * DAY) for weeks in (1, 5, 8, 12)]
    assert at[0] < at[1] < at[2] == at[3]


@pytest.mark.parametrize("weekly", [2, 10])
def test_growth_by_more_than_half_each_month_is_slowed(weekly: int) -> None:
    found = known([1_000 * weekly**week for week in range(6) for _ in range(7)])
    assert found.trend.is_too_fast
    later = found.between(TODAY, TODAY + 90 * DAY)
    assert later.high < 91 * 3 * 1_000 * weekly**5
    assert later.expected > 91 * 1_000 * weekly**5


def test_a_few_weeks_of_very_different_sizes_have_a_limited_range() -> None:
    sizes = (1_000, MEGABYTE, 2_000, 5 * MEGABYTE, 10_000)
    found = known([size for size in sizes for _ in range(7)])
    assert found.between(TODAY, TODAY + 90 * DAY).high < 91 * 5 * MEGABYTE


def test_the_upper_limit_counts_with_a_rise_that_is_not_believed_yet() -> None:
    found = known([1_000] * 175 + [50_000] * 7).between(TODAY, TODAY + 29 * DAY)
    assert found.expected < 35_000
    assert found.high >= 30 * 50_000


def test_a_fall_is_not_continued() -> None:
    found = known([20_000 - 50 * place for place in range(182)])
    assert found.trend.slope.usual < 0
    assert month_of(found) == pytest.approx(30 * (20_000 - 50 * 181), rel=0.05)
    assert found.between(TODAY, TODAY + 29 * DAY).low < month_of(found)


@pytest.mark.parametrize("a_day", [4, -4])
def test_a_change_that_may_be_the_season_is_not_continued(a_day: int) -> None:
    found = known([10_000 + a_day * place for place in range(182)])
    assert not found.trend.goes_on
    assert found.usual(TODAY + 7 * DAY) == pytest.approx(
        found.usual(TODAY + 70 * DAY), rel=0.001
    )


def test_after_a_change_of_level_only_what_follows_counts() -> None:
    found = known([1_000] * 120 + [2_000] * 62)
    assert found.trend.step == pytest.approx(2, rel=0.01)
    assert month_of(found) == pytest.approx(60_000, rel=0.02)


def test_a_second_change_of_level_counts_too() -> None:
    found = known([1_000] * 70 + [2_000] * 56 + [4_000] * 56)
    assert month_of(found) == pytest.approx(120_000, rel=0.02)


def test_a_rise_is_believed_after_two_weeks_and_a_fall_after_four() -> None:
    def level(sizes: Sequence[int]) -> float:
        return known(sizes).trend.level

    assert level([1_000] * 161 + [3_000] * 14) == pytest.approx(3_000)
    assert level([1_000] * 168 + [3_000] * 7) == pytest.approx(1_000)
    assert level([3_000] * 161 + [1_000] * 21) == pytest.approx(3_000)
    assert level([3_000] * 161 + [1_000] * 28) == pytest.approx(1_000)


def test_weekdays_have_their_own_sizes() -> None:
    week = [900, 800, 800, 800, 700, 100, 0]
    found = known(week * 26)
    assert month_of(found) == pytest.approx(sum((week * 5)[:30]), rel=0.01)
    assert found.usual(date(2026, 7, 12)) == 0


def test_missing_days_do_not_count_as_empty() -> None:
    week = [900, 800, 800, 800, 700, 100, 50]
    whole = days_of(week * 26)
    gaps = [one for place, one in enumerate(whole) if place % 5]
    found = forecast_of(gaps)
    assert found is not None
    assert month_of(found) == pytest.approx(month_of(known(week * 26)), rel=0.01)


def test_empty_days_count() -> None:
    """One day in ten is empty, on no weekday in particular."""
    sizes = [0 if place % 10 == 3 else 1_000 for place in range(182)]
    assert month_of(known(sizes)) == pytest.approx(27_000, rel=0.02)


def test_a_server_that_writes_on_few_days_is_averaged() -> None:
    sizes = [1_000 if place % 11 == 0 else 0 for place in range(182)]
    assert month_of(known(sizes)) == pytest.approx(30_000 / 11, rel=0.1)


def test_a_week_without_files_changes_little() -> None:
    sizes = [1_000] * 91 + [0] * 7 + [1_000] * 84
    assert month_of(known(sizes)) == pytest.approx(30_000 * 175 / 182, rel=0.01)


def test_a_huge_day_changes_little() -> None:
    sizes = [1_000] * 170 + [100_000] + [1_000] * 11
    assert month_of(known(sizes)) == pytest.approx(30_000, rel=0.03)


def test_a_size_that_is_a_hundred_times_larger_for_good_is_believed() -> None:
    found = known([1_000] * 162 + [100_000] * 20)
    assert month_of(found) == pytest.approx(3_000_000, rel=0.1)


def test_the_range_is_wider_for_noise_and_for_few_weeks() -> None:
    def width(sizes: Sequence[int]) -> float:
        found = known(sizes).between(TODAY, TODAY + 90 * DAY)
        return (found.high - found.low) / found.expected

    calm = [1_000] * 182
    noisy = [1_000 + 300 * ((place // 7) % 3 - 1) for place in range(182)]
    assert width(calm) < width(noisy)
    assert width(calm) < width(calm[:21]) < width(calm[:3])


def test_a_trend_needs_five_weeks() -> None:
    weeks = [WeekLevel(place, 100.0 * 2**place) for place in range(5)]
    assert find_trend(weeks[:4]).growth is Growth.NONE
    assert find_trend(weeks).growth is Growth.PERCENT


# What is kept, and until when.


def test_what_is_safe_to_delete_needs_no_space() -> None:
    days = days_of([1_000] * 100)
    safe = [
        replace(one, safe=1, safe_on=DUE) if one.day < TODAY - 10 * DAY else one
        for one in days
    ]
    found = need(safe)
    assert found.kept_from == TODAY - 10 * DAY
    assert found.safe_on == DUE
    waiting = (DUE - TODAY).days + 1
    assert found.until_safe.expected == pytest.approx(1_000 * (10 + waiting), rel=0.01)
    everything = need(days)
    assert everything.kept_from == days[0].day
    assert everything.until_safe.expected > found.until_safe.expected + 80_000


def test_one_old_file_that_is_not_safe_does_not_count_the_others() -> None:
    days = [
        replace(one, safe=1, safe_on=one.day + 30 * DAY) if place != 5 else one
        for place, one in enumerate(days_of([1_000] * 100))
    ]
    found = need(days)
    waiting = (DUE - TODAY).days + 1
    assert found.kept_from == days[5].day
    assert found.until_safe.expected == pytest.approx(1_000 * (1 + waiting), rel=0.01)


def test_files_that_have_not_arrived_are_still_at_the_server() -> None:
    days = days_of([1_000] * 60, until=TODAY - 20 * DAY)
    some = [one for place, one in enumerate(days) if not 30 <= place < 40]
    some[35] = replace(some[35], is_whole=False, size=10)
    found = need(some)
    count = (DUE - days[0].day).days + 1
    assert found.until_safe.expected == pytest.approx(1_000 * count, rel=0.01)


def test_files_that_are_missing_before_safe_ones_are_still_at_the_server() -> None:
    days = [
        replace(one, safe=1, safe_on=one.day + 30 * DAY)
        for one in days_of([1_000] * 100)
    ]
    waiting = 1_000 * ((DUE - TODAY).days + 1)
    found = need(days[:40] + days[50:])
    assert found.kept_from == days[40].day
    assert found.until_safe.expected == pytest.approx(10_000 + waiting, rel=0.01)
    days[20] = replace(days[20], is_whole=False)
    found = need(days)
    assert found.kept_from == days[20].day
    assert found.until_safe.expected == pytest.approx(1_000 + waiting, rel=0.01)


def test_files_that_wait_for_weeks_are_no_daily_uploads() -> None:
    """Only the first ten days were confirmed, each on the next day."""
    days = [
        replace(one, safe=1, safe_on=one.day + DAY) if place < 10 else one
        for place, one in enumerate(days_of([1_000] * 60))
    ]
    assert need(days[:10], today=days[10].day).is_daily
    found = need(days)
    assert not found.is_daily
    assert found.safe_on == DUE


def test_daily_uploads_are_safe_after_their_usual_wait() -> None:
    days = [
        replace(one, safe=1, safe_on=one.day + 2 * DAY)
        for one in days_of([1_000] * 30, until=TODAY - DAY)
    ]
    found = need(days)
    assert found.is_daily
    assert found.safe_on == TODAY + 2 * DAY
    assert found.until_safe.expected == pytest.approx(4_000, rel=0.01)
    assert not need(days[:4]).is_daily


def test_an_upload_that_is_overdue_is_expected_with_the_next() -> None:
    def due_on(day: date) -> date:
        return (day.replace(day=1) + 32 * DAY).replace(day=3)

    found = need_of(days_of([1_000] * 90), today=TODAY, due_on=due_on)
    assert found is not None
    assert found.safe_on == date(2026, 8, 3)
    found = need_of(days_of([1_000] * 20), today=date(2026, 7, 2), due_on=due_on)
    assert found is not None
    assert found.safe_on == date(2026, 7, 3)
    # A file of January that is not safe changes nothing for those of June.
    today = date(2026, 7, 2)
    days = [
        replace(one, safe=one.day.month in range(2, 6), safe_on=one.day + 30 * DAY)
        for one in days_of([1_000] * 170, until=today)
    ]
    found = need_of(days, today=today, due_on=due_on)
    assert found is not None
    assert found.kept_from == days[0].day
    assert found.safe_on == date(2026, 7, 3)


def test_a_server_is_silent_seventy_days_after_its_last_file() -> None:
    days = day_sizes([files(FIRST, 1), files(FIRST + 9 * DAY, 2)])
    assert not is_silent(days, FIRST + 79 * DAY)
    assert is_silent(days, FIRST + 80 * DAY)
    assert is_silent([], FIRST)


# Warnings.


def test_nothing_is_said_of_a_usual_server() -> None:
    assert odd_of([900, 800, 800, 800, 700, 100, 0] * 26) == []
    assert odd_of([1_000]) == []


def test_more_than_ten_megabytes_a_day_are_a_warning() -> None:
    assert odd_of([10 * MEGABYTE] * 100) == []
    assert odd_of([9 * MEGABYTE] * 99 + [10 * MEGABYTE + 1]) == [Odd.LARGE_DAY]


def test_growth_beyond_ten_megabytes_a_day_is_announced() -> None:
    sizes = [5 * MEGABYTE + 25_000 * place for place in range(182)]
    [found] = need(days_of(sizes)).warned
    assert found.odd is Odd.LARGE_SOON
    assert found.day is not None
    assert TODAY + 10 * DAY < found.day < TODAY + 30 * DAY


def test_without_growth_no_larger_days_are_announced() -> None:
    """Three weeks of smaller days are known, too few to believe the fall."""
    days = days_of([16 * MEGABYTE] * 154 + [9 * MEGABYTE] * 28)
    found = need(days[:161] + days[168:])
    assert found.forecast.usual(TODAY) > 10 * MEGABYTE
    assert found.warned == []


def test_half_as_much_again_is_unusual_growth() -> None:
    assert odd_of([1_000] * 160 + [1_450] * 22) == []
    assert odd_of([1_000] * 160 + [1_600] * 22) == [Odd.GROWTH]
    assert odd_of([1_000] * 20 + [2_000] * 8) == []


def test_a_day_of_five_times_the_usual_size_is_unusual() -> None:
    assert odd_of([1_000] * 100 + [4_900] + [1_000] * 9) == []
    [found] = need(days_of([1_000] * 100 + [9_000, 6_000] + [1_000] * 9)).warned
    assert (found.odd, found.size) == (Odd.UNUSUAL_DAY, 9_000)


# Weeks and their chart.


def test_weeks_reach_from_the_first_known_day_to_the_last_forecast() -> None:
    days = days_of([1_000] * 20)
    days[3] = replace(days[3], files=3)
    found = usage_weeks(days, known([1_000] * 20), until=TODAY + 90 * DAY)
    assert all(one.last + DAY == next_.first for one, next_ in pairwise(found))
    assert found[0].first <= days[0].day <= found[0].last
    assert found[-1].first <= TODAY + 90 * DAY <= found[-1].last
    assert [one.days for one in found[:4]] == [6, 7, 7, 0]
    assert found[0].restarts == 2
    assert sum(one.size for one in found if not one.is_forecast) == 20_000
    assert all(one.a_day for one in found)


def test_a_week_without_known_days_has_no_bar() -> None:
    days = [*days_of([1_000] * 7, until=TODAY - 14 * DAY), *days_of([1_000] * 7)]
    forecast = forecast_of(days)
    assert forecast is not None
    weeks = usage_weeks(days, forecast, until=TODAY)
    assert [one.a_day is None for one in weeks] == [False, True, False, False]
    bars = weeks_chart(weeks).bars
    assert [bar.height is None for bar in bars] == [False, True, False, False]


def test_a_day_that_lacks_a_file_does_not_lower_the_average_of_its_week() -> None:
    days = days_of([1_000] * 14)
    days[9] = replace(days[9], size=100, is_whole=False)
    found = usage_weeks(days, known([1_000] * 14), until=TODAY)[1]
    assert found.a_day is not None
    assert (found.days, found.size, found.a_day.expected) == (6, 6_100, 1_000)


def test_the_scale_ends_above_the_highest_range() -> None:
    days = days_of([4 * MEGABYTE] * 70)
    forecast = forecast_of(days)
    assert forecast is not None
    found = weeks_chart(usage_weeks(days, forecast, until=TODAY + 90 * DAY))
    assert found.grid_lines[-1].size == 5 * MEGABYTE
    assert [line.size for line in found.vendor_lines] == [3 * MEGABYTE]
    assert all(float(bar.high_y) >= 18 for bar in found.bars)
    assert sum(bar.month_x is not None for bar in found.bars) in {5, 6}


def test_a_chart_of_one_week_names_its_month() -> None:
    days = days_of([10] * 7)
    forecast = forecast_of(days)
    assert forecast is not None
    found = weeks_chart(usage_weeks(days, forecast, until=TODAY - DAY))
    assert [bar.month_x is None for bar in found.bars] == [False]
    assert found.grid_lines[0].size == 1_000


# The estimate.


def test_an_estimate_adds_up() -> None:
    assert estimate_of(1_000, 4).day == 900 + 6_000 + 26_000
    assert of_day(3 * MEGABYTE).between_uploads == 111 * MEGABYTE
    assert of_day(3 * MEGABYTE).quarter == 273 * MEGABYTE
