"""The last periods: peaks of Agents and Business Users of each, as bars."""

from collections.abc import Sequence
from dataclasses import dataclass

from billing.coverage.periods import Period
from billing.statements.charts.axes import LEFT, GridLine, number, slot_width
from billing.statements.charts.bars import BarPair, PeakLabel, Peaks, paired_bars

TOP, BASE = 18.0, 146.0

# Periods of a chart, whether there are figures of all of them or not.
PERIODS = 12


@dataclass(frozen=True, slots=True)
class PeriodPeaks:
    """The peaks of a period; `is_issued` if they cannot change any more."""

    period: Period
    peaks: Peaks
    is_issued: bool


@dataclass(frozen=True, slots=True)
class PeriodBars:
    """A period with its bars; `middle` is where its name is written."""

    period: Period
    middle: str
    bars: BarPair
    is_issued: bool


@dataclass(frozen=True, slots=True)
class PeriodPeaksChart:
    """The chart of the periods up to one, oldest first."""

    periods: tuple[PeriodBars, ...]
    grid_lines: tuple[GridLine, ...]
    labels: tuple[PeakLabel, ...]


def period_peaks(periods: Sequence[PeriodPeaks]) -> PeriodPeaksChart:
    """Lay out periods in their order."""
    width = slot_width(PERIODS)
    bars = paired_bars([one.peaks for one in periods], slot=width, top=TOP, base=BASE)
    return PeriodPeaksChart(
        periods=tuple(
            PeriodBars(
                period=one.period,
                middle=number(LEFT + (place + 0.5) * width),
                bars=pair,
                is_issued=one.is_issued,
            )
            for place, (pair, one) in enumerate(zip(bars.pairs, periods, strict=True))
        ),
        grid_lines=bars.grid_lines,
        labels=bars.labels,
    )
