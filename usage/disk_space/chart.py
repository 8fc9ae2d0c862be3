"""Lays out the chart of a server's weeks: plain geometry, in units of the drawing.

Positions are strings with a decimal point, so that localisation does not change them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from usage.disk_space.estimate import VENDOR_LARGEST, VENDOR_MOST
from usage.disk_space.weeks import UsageWeek

# The drawing is 1,200 wide; room for the text of a value on the left, and for months
# below.
_LEFT, _RIGHT = 72.0, 1192.0
TOP, BASE = 18.0, 206.0

# Maximum number of grid lines, and the smallest distance between two, in bytes: what a
# size is rounded to.
_MOST_LINES, _SMALLEST_STEP = 5, 1_000

# A bar as a part of its slot, and its maximum width.
_BAR, _WIDEST = 0.64, 36.0

# Slots that the name of a month takes.
_ROOM_OF_A_MONTH = 3

# How far the baseline of a text is below its line.
_TEXT_DROP = 4.0


@dataclass(frozen=True, slots=True)
class WeekBar:
    """The bar of a week, with the line of its range if it is a forecast.

    `size` is in bytes a day. `height` is None if no day of the week is known. `month_x`
    is where the name of a month begins, None unless the week is the first of it.
    """

    week: UsageWeek
    size: int
    x: str
    y: str
    height: str | None
    middle: str
    low_y: str
    high_y: str
    month_x: str | None


@dataclass(frozen=True, slots=True)
class SizeLine:
    """A line across the chart at a size in bytes, and where its text is written."""

    size: int
    y: str
    text_y: str


@dataclass(frozen=True, slots=True)
class WeeksChart:
    """Bars in their order, the width of each, the grid and the vendor's figures."""

    bars: tuple[WeekBar, ...]
    bar_width: str
    grid_lines: tuple[SizeLine, ...]
    vendor_lines: tuple[SizeLine, ...]


def weeks_chart(weeks: Sequence[UsageWeek]) -> WeeksChart:
    """Lay out some weeks, at least one."""
    highest = max((one.a_day.high for one in weeks if one.a_day), default=0)
    step = _step_of(highest)
    top = max(1, -(-int(highest) // step)) * step
    slot = (_RIGHT - _LEFT) / len(weeks)
    width = min(_BAR * slot, _WIDEST)

    def y(size: float) -> float:
        return BASE - size / top * (BASE - TOP)

    def line(size: int) -> SizeLine:
        return SizeLine(size, _number(y(size)), _number(y(size) + _TEXT_DROP))

    months = _first_of_months(weeks)
    bars = []
    for place, week in enumerate(weeks):
        middle = _LEFT + (place + 0.5) * slot
        a_day = week.a_day
        bars.append(
            WeekBar(
                week=week,
                size=round(a_day.expected) if a_day else 0,
                x=_number(middle - width / 2),
                y=_number(y(a_day.expected if a_day else 0)),
                height=_number(BASE - y(a_day.expected)) if a_day else None,
                middle=_number(middle),
                low_y=_number(y(a_day.low if a_day else 0)),
                high_y=_number(y(a_day.high if a_day else 0)),
                month_x=_number(middle - width / 2) if place in months else None,
            )
        )
    return WeeksChart(
        bars=tuple(bars),
        bar_width=_number(width),
        grid_lines=tuple(line(size) for size in range(step, top + 1, step)),
        vendor_lines=tuple(
            line(size) for size in (VENDOR_MOST, VENDOR_LARGEST) if size <= top
        ),
    )


def _first_of_months(weeks: Sequence[UsageWeek]) -> set[int]:
    """Return the places of weeks whose month is written below: the first of each.

    A month that has no room before the next one is left out.
    """
    months = [(week.last.year, week.last.month) for week in weeks]
    found = [
        place
        for place, month in enumerate(months)
        if place == 0 or month != months[place - 1]
    ]
    ends = [*found[1:], len(weeks)]
    return {
        place
        for place, end in zip(found, ends, strict=True)
        if end - place >= _ROOM_OF_A_MONTH or len(weeks) < _ROOM_OF_A_MONTH
    }


def _step_of(highest: float) -> int:
    """Return the distance of grid lines: 1, 2 or 5 times a power of ten, in bytes."""
    power = _SMALLEST_STEP
    while True:
        for factor in (1, 2, 5):
            if highest <= _MOST_LINES * factor * power:
                return factor * power
        power *= 10


def _number(value: float) -> str:
    """Write a position or length with at most one decimal."""
    return f"{value:.1f}".removesuffix(".0")
