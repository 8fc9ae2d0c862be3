"""The scale of a chart's values, and the lines and slots that charts share."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

# The left and right edge of the slots, in a drawing that is 1,200 wide.
LEFT, RIGHT = 40.0, 1192.0

# How far the baseline of a label is below its grid line.
LABEL_DROP = 4.0

# Maximum number of grid lines.
_MOST_LINES = 5

_SATURDAY = 5
_MONDAY = 0


@dataclass(frozen=True, slots=True)
class GridLine:
    """A line across the chart at a value, and where the text of the value lies."""

    value: int
    y: str
    text_y: str


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps values from 0 to `highest` to positions from `base` up to `top`."""

    highest: int
    top: float
    base: float

    def height(self, value: int) -> float:
        return value / self.highest * (self.base - self.top)

    def y(self, value: int) -> float:
        return self.base - self.height(value)

    def grid_lines(self) -> list[GridLine]:
        """Return the grid lines above the base, from the lowest."""
        step = step_of(self.highest)
        return [
            GridLine(value, number(self.y(value)), number(self.y(value) + LABEL_DROP))
            for value in range(step, self.highest + 1, step)
        ]


def scale_up_to(value: int, *, top: float, base: float) -> Scale:
    """Return a scale that ends at the first grid line at or above a value."""
    step = step_of(value)
    return Scale(max(1, -(-value // step)) * step, top, base)


def step_of(value: int) -> int:
    """Return the distance of lines up to a value: 1, 2 or 5 times a power of ten."""
    power = 1
    while True:
        for factor in (1, 2, 5):
            if value <= _MOST_LINES * factor * power:
                return factor * power
        power *= 10


@dataclass(frozen=True, slots=True)
class DaySlot:
    """The place of a day: `x` is its left side, `middle` where its number is written.

    `is_first_of_month` is where the name of a month is written: in the first slot too.
    """

    day: date
    x: str
    middle: str
    is_weekend: bool
    is_monday: bool
    is_first_of_month: bool


def day_slots(days: Sequence[date]) -> list[DaySlot]:
    width = slot_width(len(days))
    return [
        DaySlot(
            day=day,
            x=number(LEFT + place * width),
            middle=number(LEFT + (place + 0.5) * width),
            is_weekend=day.weekday() >= _SATURDAY,
            is_monday=day.weekday() == _MONDAY,
            is_first_of_month=place == 0 or day.day == 1,
        )
        for place, day in enumerate(days)
    ]


def slot_width(count: int) -> float:
    return (RIGHT - LEFT) / max(count, 1)


def number(value: float) -> str:
    """Write a position or length with at most one decimal."""
    return f"{value:.1f}".removesuffix(".0")
