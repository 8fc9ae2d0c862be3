"""Generates random histories of servers together with their true calendar.

`written` is everything a server ever wrote, in the order it wrote it. What the portal
was given is a part of it. `expected` works out each cell from instants alone, in
another way than the product does: it looks for time that no delivered file accounts
for.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from random import Random
from uuid import UUID
from zoneinfo import ZoneInfo

from billing.coverage.calendar import CellState, FileFact
from billing.coverage.periods import Period

DAY = timedelta(days=1)
HALF_HOUR = timedelta(minutes=30)
EVER = datetime(1990, 1, 1, tzinfo=UTC)
NEVER = datetime(2100, 1, 1, tzinfo=UTC)

# A period of each place in which its clocks do what clocks do there.
PLACES = [
    ("Europe/Berlin", Period(2026, 5)),
    ("America/Santiago", Period(2027, 9)),  # 5 September begins at 01:00
    ("America/Santiago", Period(2032, 9)),
    ("America/Havana", Period(2028, 11)),  # 5 November has two midnights
    ("Australia/Sydney", Period(2026, 10)),
    ("Pacific/Kiritimati", Period(2027, 1)),
    ("Pacific/Pago_Pago", Period(2028, 3)),  # holds 29 February
]


def day_begins_at(day: date, zone: str) -> datetime:
    """The first instant of the day: the earlier midnight, or the end of the gap."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def sha(*parts: object) -> bytes:
    return hashlib.sha256(repr(parts).encode()).digest()


@dataclass
class HistoryWriter:
    """The usage subsystem of one server: numbers, names predecessors, never skips."""

    server: str
    zone: str
    series: UUID
    is_linked: bool = True
    sequence: int = 0
    previous: bytes | None = None

    def write(
        self, opened_at: datetime, closed_at: datetime, closed_by: str
    ) -> FileFact:
        self.sequence += 1
        zone = ZoneInfo(self.zone)
        opened, closed = opened_at.astimezone(zone), closed_at.astimezone(zone)
        fact = FileFact(
            server=self.server,
            series=self.series,
            sequence=self.sequence,
            sha256=sha(self.server, self.series, self.sequence),
            previous=self.previous,
            day=opened.date(),
            opened_at=opened_at,
            closed_at=closed_at,
            opened_offset=minutes(opened),
            closed_offset=minutes(closed),
            closed_by=closed_by,
            zone=self.zone,
            received_at=closed_at + timedelta(hours=1),
        )
        self.previous = fact.sha256
        return fact

    def reinstall(self, series: UUID, *, is_linked: bool) -> None:
        self.series, self.sequence = series, 0
        if not is_linked:
            self.previous = None

    def run(
        self, start: datetime, stop: datetime, closed_by: str
    ) -> Iterable[FileFact]:
        """Write a file a day from `start` until `stop`."""
        day = start.astimezone(ZoneInfo(self.zone)).date()
        opened_at = start
        while (midnight := day_begins_at(day + DAY, self.zone)) < stop:
            yield self.write(opened_at, midnight, "midnight")
            opened_at, day = midnight, day + DAY
        yield self.write(opened_at, stop, closed_by)


def minutes(moment: datetime) -> int:
    offset = moment.utcoffset()
    assert offset is not None
    return int(offset.total_seconds() // 60)


def daily(
    server: str = "IC01",
    *,
    first: date,
    last: date,
    zone: str = "Europe/Berlin",
    series: int = 1,
) -> list[FileFact]:
    """A server that runs through: one file a day, number 1 on the first."""
    writer = HistoryWriter(server, zone, UUID(int=series))
    begin, end = day_begins_at(first, zone), day_begins_at(last + DAY, zone)
    return [
        *writer.run(begin, end, "midnight"),
    ]


def life(
    rng: Random, *, server: str, zone: str, first: date, last: date
) -> list[FileFact]:
    """Everything one server wrote: restarts, down times, crashes, reinstallations."""
    writer = HistoryWriter(server, zone, UUID(int=rng.getrandbits(100)))
    now = day_begins_at(first, zone) + HALF_HOUR * rng.choice([0, rng.randrange(900)])
    end = day_begins_at(last, zone)
    written: list[FileFact] = []
    while now < end:
        longest = rng.choice([4, 40, 40, 400, 1200])
        stop = min(now + HALF_HOUR * rng.randint(1, longest), end)
        pause = HALF_HOUR * rng.choice([1, 3, rng.randint(1, 48), rng.randint(1, 300)])
        event = rng.choice(["restart", "restart", "shutdown", "crash", "reinstall"])
        if event == "restart":
            pause = rng.choice([timedelta(0), timedelta(0), HALF_HOUR])
        closed_by = "shutdown" if event == "reinstall" else event
        files = list(writer.run(now, stop, closed_by))
        # A file whose closing is on a later day, and which staff have accepted.
        if event == "crash" and rng.random() < 0.5:
            closed = (stop + pause).astimezone(ZoneInfo(zone))
            files[-1] = replace(
                files[-1], closed_at=stop + pause, closed_offset=minutes(closed)
            )
        written += files
        now = stop + pause
        if event == "reinstall":
            series = UUID(int=rng.getrandbits(100))
            writer.reinstall(series, is_linked=rng.random() < 0.5)
    return written


def delivered(rng: Random, written: Sequence[FileFact]) -> list[FileFact]:
    """What reached the portal: some single files and some whole stretches are lost."""
    share = rng.choice([0.0, 0.0, 0.04, 0.3, 0.9])
    kept = [fact for fact in written if rng.random() >= share]
    if kept and rng.random() < 0.4:
        start = rng.randrange(len(kept))
        del kept[start : start + rng.randint(1, 12)]
    return kept


@dataclass(frozen=True)
class UnexplainedTime:
    """Time between two delivered files that nothing accounts for."""

    start: datetime
    end: datetime
    is_numbered: bool  # missing numbers prove that something was written in it


def claims_to_be_first(fact: FileFact) -> bool:
    """Say so; an unlinked reinstallation claims it too, and no file contradicts."""
    return fact.sequence == 1 and fact.previous is None


def unexplained_times(
    written: Sequence[FileFact], here: Sequence[FileFact]
) -> list[UnexplainedTime]:
    """Find the time in which, for all the portal can know, something was written.

    Looks at the truth for what a chain of numbers can tell: `here` in written order.
    """
    if not here:
        return [UnexplainedTime(EVER, NEVER, is_numbered=False)]
    place = {fact.sha256: n for n, fact in enumerate(written)}
    found = []
    if not claims_to_be_first(here[0]):
        is_numbered = here[0].sequence > 1
        found.append(UnexplainedTime(EVER, here[0].opened_at, is_numbered))
    for earlier, later in pairwise(here):
        is_one_series = earlier.series == later.series
        is_next = place[later.sha256] == place[earlier.sha256] + 1
        if is_next and (is_one_series or later.previous == earlier.sha256):
            continue
        # Numbers are missing within a series, or before the first that is here.
        is_numbered = is_one_series or later.sequence > 1
        found.append(UnexplainedTime(earlier.closed_at, later.opened_at, is_numbered))
    found.append(UnexplainedTime(here[-1].closed_at, NEVER, is_numbered=False))
    return found


def expected(
    day: date,
    *,
    zone: str,
    here: Sequence[FileFact],
    missing: Iterable[UnexplainedTime],
    down: frozenset[date] = frozenset(),
    lost: frozenset[date] = frozenset(),
) -> CellState:
    begins, ends = day_begins_at(day, zone), day_begins_at(day + DAY, zone)
    has_files = any(fact.day == day for fact in here)
    touching = [hole for hole in missing if hole.start < ends and hole.end > begins]
    if not touching:
        return CellState.RECEIVED if has_files else CellState.SILENT
    is_numbered = any(hole.is_numbered for hole in touching)
    if day in lost or (day in down and not has_files and not is_numbered):
        return CellState.EXCUSED
    return CellState.PARTIAL if has_files else CellState.MISSING
