"""The heat map: the peak of a line in each hour of each day.

A cell shows its value by thickness as well as opacity, so the chart is readable in
greyscale.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from billing.statements.charts.axes import (
    LEFT,
    DaySlot,
    day_slots,
    number,
    slot_width,
)

TOP, ROW_HEIGHT = 8.0, 16.0

# Hours with a label and a grid line.
_WRITTEN = (0, 6, 12, 18, 24)

# The thickness of the levels, in units, and how opaque they are.
_LEVELS = (
    *((1.6, "0.28"), (4.2, "0.4"), (6.4, "0.54")),
    *((9.0, "0.68"), (11.5, "0.84"), (14.0, "1")),
)

# Width of a cell as a fraction of its slot.
_CELL = 0.78

# Slots of the key, which shows each level with its lowest value.
_KEY_SLOT, _KEY_MIDDLE = 36, 9.0


@dataclass(frozen=True, slots=True)
class HourPeak:
    """The peak of an hour, named by the hour of the wall clock in which it begins.

    Where a clock is set back, two hours of a day have one name.
    """

    day: date
    hour: int
    value: int


@dataclass(frozen=True, slots=True)
class HeatCell:
    """A cell with a value above 0."""

    x: str
    y: str
    height: str
    day: date
    hour: int
    value: int


@dataclass(frozen=True, slots=True)
class HeatLevel:
    """Cells with at least `minimum`, below that of the next level; and its key."""

    level: int
    minimum: int
    opacity: str
    cells: tuple[HeatCell, ...]
    key_x: str
    key_y: str
    key_middle: str
    thickness: str


@dataclass(frozen=True, slots=True)
class HourLine:
    """A line across the chart at an hour."""

    hour: int
    y: str
    text_y: str


@dataclass(frozen=True, slots=True)
class HeatFrame:
    """The frame of the first cell with the highest value."""

    x: str
    y: str
    width: str
    height: str


@dataclass(frozen=True, slots=True)
class HeatMap:
    """The chart of a period, hour by day."""

    slots: tuple[DaySlot, ...]
    slot_width: str
    cell_width: str
    levels: tuple[HeatLevel, ...]
    hour_lines: tuple[HourLine, ...]
    frame: HeatFrame | None


def level_bounds(highest: int) -> list[int]:
    """Return the lowest value of each level: six for large values, fewer for small."""
    count = len(_LEVELS)
    return sorted({1 + highest * place // count for place in range(count)})


def highest_peaks(peaks: Iterable[HourPeak]) -> dict[tuple[date, int], int]:
    """Return the peak of each hour that has one; of two with one name, the higher."""
    found: dict[tuple[date, int], int] = {}
    for one in peaks:
        place = (one.day, one.hour)
        found[place] = max(found.get(place, 0), one.value)
    return found


def heat_map(days: Sequence[date], peaks: Iterable[HourPeak]) -> HeatMap:
    """Lay out the hours of some days, as `highest_peaks` has them."""
    highest_of = highest_peaks(peaks)
    width = slot_width(len(days))
    highest = max(highest_of.values(), default=0)
    columns = {day: LEFT + place * width for place, day in enumerate(days)}
    return HeatMap(
        slots=tuple(day_slots(days)),
        slot_width=number(width),
        cell_width=number(_CELL * width),
        levels=tuple(_levels(highest_of, columns, width)) if highest else (),
        hour_lines=tuple(
            HourLine(hour, number(y), number(y + 4))
            for hour in _WRITTEN
            for y in (TOP + hour * ROW_HEIGHT,)
        ),
        frame=_frame(highest_of, columns, width, highest) if highest else None,
    )


def _levels(
    values: dict[tuple[date, int], int], columns: dict[date, float], width: float
) -> Iterable[HeatLevel]:
    bounds = level_bounds(max(values.values()))
    # The highest level is the thickest, however few there are.
    shapes = _LEVELS[-len(bounds) :]
    cells: dict[int, list[HeatCell]] = defaultdict(list)
    for (day, hour), value in sorted(values.items()):
        if not value:
            continue
        place = sum(bound <= value for bound in bounds) - 1
        thickness = shapes[place][0]
        x = columns[day] + (1 - _CELL) / 2 * width
        y = TOP + hour * ROW_HEIGHT + (ROW_HEIGHT - thickness) / 2
        cell = HeatCell(number(x), number(y), number(thickness), day, hour, value)
        cells[place].append(cell)
    for place, (bound, (thickness, opacity)) in enumerate(
        zip(bounds, shapes, strict=True)
    ):
        yield HeatLevel(
            level=1 + len(_LEVELS) - len(bounds) + place,
            minimum=bound,
            opacity=opacity,
            cells=tuple(cells[place]),
            key_x=number(_KEY_SLOT * place + 3.4),
            key_y=number(_KEY_MIDDLE - thickness / 2),
            key_middle=number(_KEY_SLOT * (place + 0.5)),
            thickness=number(thickness),
        )


def _frame(
    values: dict[tuple[date, int], int],
    columns: dict[date, float],
    width: float,
    highest: int,
) -> HeatFrame:
    day, hour = min(place for place, value in values.items() if value == highest)
    return HeatFrame(
        x=number(columns[day] + 1),
        y=number(TOP + hour * ROW_HEIGHT - 1),
        width=number(width - 2),
        height=number(ROW_HEIGHT + 2),
    )
