"""Summarises a tenant's period in numbers that hold until a fact changes.

The calendar changes by itself only in that days end. So it is computed as if all days
were over, and for each server-day that is not covered the summary has the instant at
which its day ends: before that it is pending. So the counts and the standing can be
computed from the summary for any instant.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from billing.coverage.calendar import Calendar, calendar
from billing.coverage.cells import UNCOVERED, Cell, CellState
from billing.coverage.facts import Mode, TenantFacts
from billing.coverage.periods import Period, day_ends_at, ends_at, zone_named
from billing.coverage.standing import Standing, late_from

# How long after its end all days of a period are over, in all zones there are.
_OVER = timedelta(days=3)

# A day of a strip: what is worst on it, over all servers; nothing owed is a dash.
STRIP: Mapping[str, CellState] = {
    "m": CellState.MISSING,
    "p": CellState.PARTIAL,
    "w": CellState.WITH_US,
    "e": CellState.EXCUSED,
    "r": CellState.RECEIVED,
    "s": CellState.SILENT,
}
NOT_OWED = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Counts are of server-days; instants are aware, in UTC and sorted.

    A server-day is in one of three lists, by its instant: `missing_from` (missing
    or partial under a manual licence), `fault_from` (the same under another one),
    `with_us_from`. `open_until` is when the period and the last of these days are over.
    `late` has the server-days in evidence, as "2026-05-07 IC01"; nothing of it counts
    before the deadline. `graced` has more of them, for which we refused something;
    each counts from its instant in `graced_until` on, after the deadline. `strip` has
    a letter a day; `last_received_at` is of the period's files.
    """

    owed: int
    covered: int
    missing_from: tuple[datetime, ...]
    fault_from: tuple[datetime, ...]
    with_us_from: tuple[datetime, ...]
    lacks_servers: bool
    open_until: datetime
    late: tuple[str, ...]
    graced: tuple[str, ...]
    graced_until: tuple[datetime, ...]
    strip: str
    last_received_at: datetime | None

    @property
    def owes_nothing(self) -> bool:
        return not self.owed and not self.lacks_servers


@dataclass(frozen=True, slots=True)
class SummaryNumbers:
    """What is missing, at fault, with us and pending at an instant, in server-days."""

    missing: int
    faults: int
    with_us: int
    pending: int


def summarise(period: Period, facts: TenantFacts, *, deadline_at: datetime) -> Summary:
    """Compute the summary; `deadline_at` is the effective deadline, aware."""
    ended_at = ends_at(period, zone_named(facts.zone))
    after = calendar(period, facts, at=ended_at + _OVER, deadline_at=deadline_at)
    missing, faults, with_us = _uncovered(after)
    late = {
        f"{day} {server}": at
        for (server, day), at in late_from(
            period, facts, deadline_at=deadline_at
        ).items()
    }
    graced = {name: at for name, at in late.items() if at > deadline_at}
    return Summary(
        owed=after.owed,
        covered=after.covered,
        missing_from=missing,
        fault_from=faults,
        with_us_from=with_us,
        lacks_servers=after.lacks_servers,
        open_until=max([ended_at.astimezone(UTC), *missing, *faults, *with_us]),
        late=tuple(name for name in late if name not in graced),
        graced=tuple(graced),
        graced_until=tuple(at.astimezone(UTC) for at in graced.values()),
        strip=_strip(after),
        last_received_at=max(
            (one.received_at for one in facts.files if one.day in period), default=None
        ),
    )


def numbers_at(found: Summary, *, at: datetime) -> SummaryNumbers:
    """Count at an instant; a day that is not over is pending."""
    lists = (found.missing_from, found.fault_from, found.with_us_from)
    missing, faults, with_us = (sum(one <= at for one in each) for each in lists)
    over = missing + faults + with_us
    return SummaryNumbers(missing, faults, with_us, pending=sum(map(len, lists)) - over)


def late_at(found: Summary, *, deadline_at: datetime, at: datetime) -> frozenset[str]:
    """Return the server-days that make late at an instant."""
    graced = zip(found.graced, found.graced_until, strict=True)
    more = {name for name, until in graced if at >= until}
    return frozenset({*found.late, *more}) if at >= deadline_at else frozenset()


def standing_at(found: Summary, *, deadline_at: datetime, at: datetime) -> Standing:
    """Return what `billing.coverage.standing.standing` returns for the same facts."""
    is_late = bool(late_at(found, deadline_at=deadline_at, at=at))
    if found.owes_nothing:
        return Standing.NOTHING_OWED
    if at < found.open_until:
        return Standing.OPEN
    if found.covered == found.owed and not found.lacks_servers:
        return Standing.COMPLETED_LATE if is_late else Standing.COMPLETE
    return Standing.LATE if is_late else Standing.INCOMPLETE


def _uncovered(
    found: Calendar,
) -> tuple[tuple[datetime, ...], tuple[datetime, ...], tuple[datetime, ...]]:
    missing: list[datetime] = []
    faults: list[datetime] = []
    with_us: list[datetime] = []
    for (server, day), cell in found.cells.items():
        target = _list_for(cell, missing, faults, with_us)
        if target is not None:
            ended_at = day_ends_at(day, zone_named(found.zones[server]))
            target.append(ended_at.astimezone(UTC))
    return tuple(sorted(missing)), tuple(sorted(faults)), tuple(sorted(with_us))


def _list_for(
    cell: Cell,
    missing: list[datetime],
    faults: list[datetime],
    with_us: list[datetime],
) -> list[datetime] | None:
    if cell.state is CellState.WITH_US:
        return with_us
    if cell.state in UNCOVERED:
        return missing if cell.mode is Mode.MANUAL else faults
    return None


def _strip(found: Calendar) -> str:
    days: dict[object, set[CellState]] = {}
    for (_, day), cell in found.cells.items():
        days.setdefault(day, set()).add(cell.state)
    return "".join(_worst(days.get(day, ())) for day in found.period.days())


def _worst(states: Iterable[CellState]) -> str:
    there = set(states)
    worst = (letter for letter, state in STRIP.items() if state in there)
    return next(worst, NOT_OWED)
