"""Summarises a tenant's period in numbers that hold until a fact changes.

The calendar changes by itself only in that days end. So it is computed as if all days
were over, and for each server-day that is not covered the summary has the instant at
which its day ends: before that it is pending. So the counts and the standing can be
computed from the summary for any instant.

It is computed in two steps: a summary of each server (`summarise_server`), then merged
for the tenant (`merge`). Servers do not depend on each other.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import chain

from billing.coverage.calendar import Calendar, calendar
from billing.coverage.cells import UNCOVERED, Cell, CellState
from billing.coverage.facts import (
    ExcuseFact,
    FileFact,
    HeldFact,
    Mode,
    RefusedFact,
    TenantFacts,
)
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

# All letters, the worst first.
_WORST_FIRST = "".join([*STRIP, NOT_OWED])


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSummary:
    """What one server contributes to the `Summary` of its tenant, under the same names.

    `late` and `graced` are sorted by day.
    """

    owed: int
    covered: int
    missing_from: tuple[datetime, ...]
    fault_from: tuple[datetime, ...]
    with_us_from: tuple[datetime, ...]
    late: tuple[str, ...]
    graced: tuple[str, ...]
    graced_until: tuple[datetime, ...]
    strip: str
    last_received_at: datetime | None


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
    parts = {
        name: summarise_server(period, own, deadline_at=deadline_at)
        for name, own in _by_server(facts).items()
    }
    return merge(period, parts, zone=facts.zone, collects=collects_in(period, facts))


def summarise_server(
    period: Period, facts: TenantFacts, *, deadline_at: datetime
) -> ServerSummary:
    """Compute the summary of one server, from its facts alone."""
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
    return ServerSummary(
        owed=after.owed,
        covered=after.covered,
        missing_from=missing,
        fault_from=faults,
        with_us_from=with_us,
        late=tuple(name for name in late if name not in graced),
        graced=tuple(graced),
        graced_until=tuple(at.astimezone(UTC) for at in graced.values()),
        strip=_strip(after),
        last_received_at=max(
            (one.received_at for one in facts.files if one.day in period), default=None
        ),
    )


def merge(
    period: Period, parts: Mapping[str, ServerSummary], *, zone: str, collects: bool
) -> Summary:
    """Merge the summaries of all servers of a tenant, given by server name.

    `zone` is the period's, `collects` whether the licence collects usage on any day.
    """
    own = [parts[name] for name in sorted(parts)]
    owed = sum(one.owed for one in own)
    missing, faults, with_us = (
        tuple(sorted(chain.from_iterable(getattr(one, name) for one in own)))
        for name in ("missing_from", "fault_from", "with_us_from")
    )
    received = (one.last_received_at for one in own)
    ended_at = ends_at(period, zone_named(zone)).astimezone(UTC)
    return Summary(
        owed=owed,
        covered=sum(one.covered for one in own),
        missing_from=missing,
        fault_from=faults,
        with_us_from=with_us,
        lacks_servers=collects and not owed,
        open_until=max([ended_at, *missing, *faults, *with_us]),
        late=tuple(chain.from_iterable(one.late for one in own)),
        graced=tuple(chain.from_iterable(one.graced for one in own)),
        graced_until=tuple(chain.from_iterable(one.graced_until for one in own)),
        strip=_worst_of_each_day(period, [one.strip for one in own]),
        last_received_at=max((at for at in received if at), default=None),
    )


def collects_in(period: Period, facts: TenantFacts) -> bool:
    """Return whether the licence collects usage on a day that the tenant may owe."""
    return any(
        facts.collects(day) is not Mode.NONE
        for day in period.days()
        if facts.first_on is None or day >= facts.first_on
    )


def _by_server(facts: TenantFacts) -> dict[str, TenantFacts]:
    """Split facts by server; a server may be known only from what it sent."""
    files: dict[str, list[FileFact]] = defaultdict(list)
    held: dict[str, list[HeldFact]] = defaultdict(list)
    excuses: dict[str, list[ExcuseFact]] = defaultdict(list)
    refused: dict[str, list[RefusedFact]] = defaultdict(list)
    for file in facts.files:
        files[file.server].append(file)
    for one in facts.held:
        held[one.server].append(one)
    for excuse in facts.excuses:
        excuses[excuse.server].append(excuse)
    for refusal in facts.refused:
        refused[refusal.what.server].append(refusal)
    servers = {one.name: (one,) for one in facts.servers}
    return {
        name: replace(
            facts,
            servers=servers.get(name, ()),
            files=tuple(files[name]),
            held=tuple(held[name]),
            excuses=tuple(excuses[name]),
            refused=tuple(refused[name]),
        )
        for name in {*servers, *files, *held}
    }


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


def late_since(found: Summary, *, deadline_at: datetime) -> datetime | None:
    """Return the instant from which the period is late; None if it never is."""
    if found.late:
        return deadline_at
    return max(deadline_at, min(found.graced_until)) if found.graced else None


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
    """Return the strip of one server: a letter for each day."""
    letters = {state: letter for letter, state in STRIP.items()}
    days = {day: letters[cell.state] for (_, day), cell in found.cells.items()}
    return "".join(days.get(day, NOT_OWED) for day in found.period.days())


def _worst_of_each_day(period: Period, strips: list[str]) -> str:
    bare = NOT_OWED * sum(1 for _ in period.days())
    days = zip(bare, *strips, strict=True)
    return "".join(min(letters, key=_WORST_FIRST.index) for letters in days)
