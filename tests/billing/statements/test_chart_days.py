"""Which days of a chart have figures, and in which rows their hours are."""

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from billing.statements.chart_presenters import (
    daily_chart,
    days_with_figures,
    hours_chart,
)
from billing.statements.charts.daily_peaks import DailyPeaksChart, DayMark
from billing.statements.charts.heat_map import HeatMap
from billing.statements.compute.figures import instant
from billing.statements.compute.local_days import local_day

pytestmark = pytest.mark.plain

FIRST = date(2026, 5, 4)


def line(name: str, peak: int) -> dict[str, Any]:
    users = {"named_users": peak, "used_seconds": peak * 60}
    return {"id": name, "peak": peak, "peak_at": None, "logins": peak, **users}


def day_of(
    number: int, *, owed: int, covered: int, peak: int = 0, zone: str = "UTC"
) -> dict[str, Any]:
    bounds = local_day(date(2026, 5, number), ZoneInfo(zone))
    return {
        "day": f"2026-05-{number:02}",
        "owed": owed,
        "covered": covered,
        "lines": [line("agent", peak), line("business", 0)],
        "hours": [
            {"starts_at": instant(at), "lines": [line("agent", 0)]}
            for at in bounds.hours
        ],
    }


def document(*days: dict[str, Any], states: dict[str, str]) -> dict[str, Any]:
    listed = [{"server": "A", "day": day, "state": states[day]} for day in states]
    return {
        "period": {"zone": "UTC"},
        "completeness": {"days": listed},
        "days": list(days),
    }


def test_a_day_has_figures_if_something_of_it_is_known() -> None:
    days = document(
        day_of(4, owed=2, covered=2, peak=3),
        day_of(5, owed=2, covered=2),
        day_of(6, owed=2, covered=0),
        day_of(7, owed=2, covered=2),
        day_of(8, owed=2, covered=0, peak=1),
        day_of(9, owed=0, covered=0),
        day_of(10, owed=1, covered=0),
        states={"2026-05-06": "missing", "2026-05-07": "lost", "2026-05-08": "partial"},
    )
    # Of the 7th one of two server-days is lost; the other one was silent.
    assert days_with_figures(days) == {f"2026-05-0{number}" for number in (4, 5, 7, 8)}
    days["completeness"]["days"].append({"day": "2026-05-07", "state": "lost"})
    assert days_with_figures(days) == {f"2026-05-0{number}" for number in (4, 5, 8)}
    chart = daily_chart(days).chart
    assert isinstance(chart, DailyPeaksChart)
    known = [one.slot.day.day for one in chart.days if one.bars.agents is not None]
    assert known == [4, 5, 8]
    marks = {one.slot.day.day: one.mark for one in chart.days if one.mark}
    assert marks == {
        6: DayMark.MISSING,
        7: DayMark.MISSING,
        8: DayMark.MISSING,
        10: DayMark.PENDING,
    }
    assert daily_chart(days).sentence == "Highest peaks: 3 Agents on Mon 4 May."


@pytest.mark.parametrize(
    ("zone", "day", "rows"),
    [
        # The clock is set back at midnight: the last hour shows 00:00 again.
        ("Atlantic/Azores", date(2026, 10, 24), {0: 1, 23: 25}),
        ("Europe/Berlin", date(2026, 10, 25), {2: 4, 3: 5, 23: 25}),
        ("Europe/Berlin", date(2026, 3, 29), {1: 2, 3: 3}),
    ],
)
def test_hours_are_in_the_row_of_the_wall_clock(
    zone: str, day: date, rows: dict[int, int]
) -> None:
    """Each hour of the day has a peak one higher than the hour before."""
    bounds = local_day(day, ZoneInfo(zone))
    hours = [
        {"starts_at": instant(at), "lines": [line("agent", number)]}
        for number, at in enumerate(bounds.hours, start=1)
    ]
    of_day = {**day_of(4, owed=1, covered=1), "day": str(day), "hours": hours}
    found = document(of_day, states={}) | {"period": {"zone": zone}}
    shown = hours_chart(found, "agent")
    assert isinstance(shown.shown.chart, HeatMap)
    drawn = {
        cell.hour: cell.value
        for level in shown.shown.chart.levels
        for cell in level.cells
    }
    assert {hour: drawn[hour] for hour in rows} == rows
    assert len(shown.notes) == (len(bounds.hours) != 24)
    assert shown.rows[23].peaks == [drawn[23]]
