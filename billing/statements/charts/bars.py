"""Pairs of bars, for Agents and Business Users, side by side in equal slots."""

from collections.abc import Sequence
from dataclasses import dataclass

from billing.statements.charts.axes import LEFT, GridLine, number, scale_up_to

# A bar, and the space between both, as parts of a slot.
_BAR, _BETWEEN = 0.3, 0.06

# Maximum width of a bar, for charts with few slots.
_WIDEST = 36.0

# Distance from the top of a bar to its label.
_LABEL_GAP = 5.0


@dataclass(frozen=True, slots=True)
class Peaks:
    """The peaks of Agents and of Business Users; None where there are no figures."""

    agents: int | None
    business: int | None


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a value."""

    x: str
    y: str
    width: str
    height: str
    value: int


@dataclass(frozen=True, slots=True)
class BarPair:
    """The bars of a slot; None where there are no figures."""

    agents: Bar | None
    business: Bar | None


@dataclass(frozen=True, slots=True)
class PeakLabel:
    """The highest value of a line, written over its first bar with it."""

    x: str
    y: str
    value: int


@dataclass(frozen=True, slots=True)
class PairedBars:
    """Bars with their scale, in the order of the slots."""

    pairs: tuple[BarPair, ...]
    grid_lines: tuple[GridLine, ...]
    labels: tuple[PeakLabel, ...]


def paired_bars(
    peaks: Sequence[Peaks], *, slot: float, top: float, base: float
) -> PairedBars:
    """Lay out a bar for each peak; the scale is that of the highest one."""
    values = [value for one in peaks for value in (one.agents, one.business) if value]
    scale = scale_up_to(max(values, default=0), top=top, base=base)
    width = min(_BAR * slot, _WIDEST)
    first = (slot - 2 * width - _BETWEEN * slot) / 2

    def bar(value: int | None, x: float) -> Bar | None:
        if value is None:
            return None
        y, height = scale.y(value), scale.height(value)
        return Bar(number(x), number(y), number(width), number(height), value)

    pairs = []
    for place, one in enumerate(peaks):
        x = LEFT + place * slot + first
        second = x + width + _BETWEEN * slot
        pairs.append(BarPair(bar(one.agents, x), bar(one.business, second)))
    labels = (
        _label([one.agents for one in pairs], width),
        _label([one.business for one in pairs], width),
    )
    found = tuple(one for one in labels if one is not None)
    return PairedBars(tuple(pairs), tuple(scale.grid_lines()), found)


def _label(bars: Sequence[Bar | None], width: float) -> PeakLabel | None:
    known = [bar for bar in bars if bar is not None and bar.value]
    if not known:
        return None
    # Of equal bars the first: `max` keeps it.
    highest = max(known, key=lambda bar: bar.value)
    x, y = float(highest.x) + width / 2, float(highest.y) - _LABEL_GAP
    return PeakLabel(number(x), number(y), highest.value)
