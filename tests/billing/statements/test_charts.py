"""The geometry of the charts: scales, bars, cells, and what they leave out."""

from datetime import date, timedelta

import pytest

from billing.coverage.periods import Period
from billing.statements.charts.axes import day_slots, number, scale_up_to, step_of
from billing.statements.charts.bars import Peaks, paired_bars
from billing.statements.charts.daily_peaks import DayMark, DayPeaks, daily_peaks
from billing.statements.charts.heat_map import HourPeak, heat_map, level_bounds
from billing.statements.charts.period_peaks import PeriodPeaks, period_peaks

pytestmark = pytest.mark.plain

MAY = list(Period(2026, 5).days())
LARGEST = 1_000_000


@pytest.mark.parametrize(
    ("value", "step"),
    [(0, 1), (1, 1), (5, 1), (6, 2), (10, 2), (11, 5), (26, 10), (251, 100)],
)
def test_lines_are_at_round_values(value: int, step: int) -> None:
    assert step_of(value) == step


@pytest.mark.parametrize("value", [0, 1, 3, 7, 99, 212, 1_140, 57_001, LARGEST])
def test_a_scale_has_up_to_five_lines_and_reaches_the_value(value: int) -> None:
    scale = scale_up_to(value, top=18, base=206)
    lines = scale.grid_lines()
    assert 1 <= len(lines) <= 5
    assert lines[-1].value == scale.highest >= value
    assert float(lines[-1].y) == 18
    assert scale.y(0) == 206


def test_positions_have_one_decimal_and_a_point() -> None:
    assert [number(one) for one in (40.0, 0.25, 1_234.56, -0.5)] == [
        *("40", "0.2", "1234.6"),
        "-0.5",
    ]


def test_a_day_has_a_slot_with_weekends_mondays_and_months() -> None:
    slots = day_slots(MAY)
    assert [one.day for one in slots] == MAY
    assert float(slots[0].x) == 40
    width = float(slots[1].x) - 40
    assert float(slots[-1].x) + width == pytest.approx(1192, abs=0.2)
    assert [one.day.day for one in slots if one.is_weekend][:4] == [2, 3, 9, 10]
    assert [one.day.day for one in slots if one.is_monday] == [4, 11, 18, 25]
    assert [one.day for one in slots if one.is_first_of_month] == [
        *(date(2026, 4, 28), date(2026, 5, 1)),
    ]


def test_bars_are_as_high_as_their_values() -> None:
    peaks = [Peaks(40, 10), Peaks(None, None), Peaks(0, 5), Peaks(40, 20)]
    found = paired_bars(peaks, slot=30, top=0, base=100)
    heights = [
        (float(one.agents.height), float(one.business.height))
        for one in found.pairs
        if one.agents is not None and one.business is not None
    ]
    assert heights == [(100, 25), (0, 12.5), (100, 50)]
    assert found.pairs[1].agents is None
    first, last = found.pairs[0].agents, found.pairs[3].agents
    assert first is not None
    assert last is not None
    assert (float(first.y), float(last.y)) == (0, 0)
    # Of equal peaks the first is labelled, above its bar.
    assert [(one.value, float(one.y)) for one in found.labels] == [(40, -5), (20, 45)]
    assert float(first.x) < float(found.labels[0].x) < float(last.x)


def test_bars_of_a_slot_lie_within_it_and_do_not_overlap() -> None:
    for slot in (12.0, 37.2, 96.0, 1_152.0):
        [pair] = paired_bars([Peaks(3, 2)], slot=slot, top=0, base=100).pairs
        assert pair.agents is not None
        assert pair.business is not None
        left, middle = float(pair.agents.x), float(pair.business.x)
        width = float(pair.agents.width)
        assert left > 40
        assert left + width < middle
        assert middle + width < 40 + slot


def test_days_without_figures_have_no_bars_or_labels() -> None:
    nothing = [DayPeaks(day, Peaks(None, None), DayMark.PENDING) for day in MAY]
    found = daily_peaks(nothing)
    assert found.labels == ()
    assert all(one.bars.agents is None for one in found.days)
    assert {one.mark for one in found.days} == {DayMark.PENDING}
    assert [one.value for one in found.grid_lines] == [1]


def test_periods_keep_their_place_from_the_left() -> None:
    periods = [Period(2026, 3), Period(2026, 4)]
    found = period_peaks([PeriodPeaks(one, Peaks(1, 0), True) for one in periods])
    assert [float(one.middle) for one in found.periods] == [88, 184]


@pytest.mark.parametrize("highest", [1, 2, 5, 6, 7, 100, LARGEST])
def test_levels_begin_at_1_and_rise(highest: int) -> None:
    bounds = level_bounds(highest)
    assert bounds[0] == 1
    assert len(bounds) == min(6, highest)
    assert bounds == sorted(set(bounds))
    assert bounds[-1] <= highest


def test_a_cell_is_thicker_the_higher_its_value_and_the_first_peak_is_framed() -> None:
    days = [date(2026, 5, 4), date(2026, 5, 5)]
    values = {(0, 9): 10, (1, 9): 60, (1, 10): 60, (1, 11): 0}
    peaks = [HourPeak(days[day], hour, value) for (day, hour), value in values.items()]
    found = heat_map(days, peaks)
    cells = {
        (cell.day, cell.hour): (cell.value, float(cell.height), level.level)
        for level in found.levels
        for cell in level.cells
    }
    assert set(cells) == {(days[0], 9), (days[1], 9), (days[1], 10)}
    assert cells[days[0], 9][0] == 10
    assert cells[days[0], 9][1:] < cells[days[1], 9][1:] == (14, 6)
    assert found.frame is not None
    assert float(found.frame.y) == 8 + 9 * 16 - 1
    assert float(found.frame.x) > 40 + 576


def test_of_two_hours_with_one_name_the_higher_counts() -> None:
    day = date(2026, 10, 25)
    found = heat_map([day], [HourPeak(day, 2, 7), HourPeak(day, 2, 9)])
    [cell] = [cell for level in found.levels for cell in level.cells]
    assert cell.value == 9


def test_a_map_without_peaks_has_neither_levels_nor_frame() -> None:
    found = heat_map(MAY, [HourPeak(day, 8, 0) for day in MAY])
    assert (found.levels, found.frame) == ((), None)
    assert len(found.slots) == len(MAY)
    assert MAY[1] - MAY[0] == timedelta(days=1)
