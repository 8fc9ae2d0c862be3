"""The daily peaks: those of Agents and Business Users of each day, as bars."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from billing.statements.charts.axes import (
    DaySlot,
    GridLine,
    day_slots,
    number,
    slot_width,
)
from billing.statements.charts.bars import BarPair, PeakLabel, Peaks, paired_bars

TOP, BASE = 18.0, 206.0


class DayMark(StrEnum):
    """A mark below a day whose peaks may still rise."""

    MISSING = "missing"
    PENDING = "pending"


@dataclass(frozen=True, slots=True)
class DayPeaks:
    """The peaks of a day; `mark` is None if nothing more is expected of it."""

    day: date
    peaks: Peaks
    mark: DayMark | None


@dataclass(frozen=True, slots=True)
class DayBars:
    """A day with its bars."""

    slot: DaySlot
    bars: BarPair
    mark: DayMark | None


@dataclass(frozen=True, slots=True)
class DailyPeaksChart:
    """The chart of a period, day by day."""

    days: tuple[DayBars, ...]
    grid_lines: tuple[GridLine, ...]
    labels: tuple[PeakLabel, ...]
    slot_width: str


def daily_peaks(days: Sequence[DayPeaks]) -> DailyPeaksChart:
    """Lay out the days in their order."""
    width = slot_width(len(days))
    bars = paired_bars([one.peaks for one in days], slot=width, top=TOP, base=BASE)
    slots = day_slots([one.day for one in days])
    return DailyPeaksChart(
        days=tuple(
            DayBars(slot, pair, one.mark)
            for slot, pair, one in zip(slots, bars.pairs, days, strict=True)
        ),
        grid_lines=bars.grid_lines,
        labels=bars.labels,
        slot_width=number(width),
    )
