"""Generates random months of usage files that reach the hard cases of counting.

A month is small: few servers run for a few days each, mostly around the ends of the
period and around a change of the clocks. Sessions begin and end at a small stock of
instants, so that many events share a second.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from uuid import UUID
from zoneinfo import ZoneInfo

from tests.billing.statements.names_and_keys import (
    PEOPLE,
    PLACES,
    SERVER_ZONES,
    random_kinds,
    random_licences,
)

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
BREAKS = ["restart", "restart", "shutdown", "clock", "crash"]
# Lengths of sessions in seconds.
MIXED = [0, 1, 900, 1799, 1800, 3600, 20_000, 90_000, 250_000]
LONG = [40_000, 90_000, 250_000]
RESUMED, STILL_IN, CONTINUED = 1, 2, 4
# When a file is opened and closed, and by what.
Span = tuple[datetime, datetime, str]


@dataclass(frozen=True)
class UsageRow:
    """One row of a file; `login` and `logout` are seconds after `opened_at`."""

    user: str
    licences: tuple[str, ...]
    login: int
    logout: int
    flags: int


@dataclass(frozen=True)
class File:
    """An accepted file; the instants are in UTC, `opened_offset` is in minutes."""

    server: str
    series: UUID
    sequence: int
    day: date
    assigned_day: date | None
    zone: str
    opened_at: datetime
    opened_offset: int
    closed_at: datetime
    closed_by: str
    rows: tuple[UsageRow, ...]

    @property
    def span(self) -> int:
        return int((self.closed_at - self.opened_at).total_seconds())


@dataclass(frozen=True)
class Month:
    """A tenant's files and all else that its figures of one period depend on.

    `kinds` gives the kind of each licence key: agent, business, add_on or ignored.
    """

    period: str
    zone: str
    first_owed_on: date | None
    kinds: Mapping[str, str]
    files: tuple[File, ...]

    @property
    def first_day(self) -> date:
        year, month = map(int, self.period.split("-"))
        return (date(year, month, 1) - DAY).replace(day=28)

    @property
    def last_day(self) -> date:
        year, month = map(int, self.period.split("-"))
        return date(year, month, 27)


@dataclass(frozen=True)
class Piece:
    """A part of a session during which its licences do not change."""

    person: Sequence[str]
    licences: tuple[str, ...]
    start: datetime
    end: datetime
    is_continuation: bool


def opening_of(day: date, zone: str) -> datetime:
    """The instant at which a server opens the file of the day."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def offset_at(instant: datetime, zone: str) -> int:
    offset = instant.astimezone(ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return int(offset.total_seconds() // 60)


def days_of_interest(month: Month) -> list[date]:
    """The ends of the period, the days around its clock changes, and two others."""
    length = (month.last_day - month.first_day).days + 1
    days = [month.first_day + DAY * n for n in range(length)]
    noons = [offset_at(opening_of(day, month.zone), month.zone) for day in days]
    changes = [days[n - 1] for n in range(1, length) if noons[n] != noons[n - 1]]
    ends = [month.first_day - DAY, month.first_day, month.last_day]
    return [*ends * 2, *changes * 5, days[9], days[17]]


def spans_of_day(rng: Random, now: datetime, end: datetime) -> Iterator[Span]:
    """The files of a server from `now` to the end of its day."""
    if rng.random() < 0.15:  # opened and closed at once
        yield now, now, rng.choice(BREAKS)
    while end - now > timedelta(hours=2) and rng.random() < 0.3:
        closed = now + (end - now - timedelta(hours=1)) * rng.random()
        closed = closed.replace(microsecond=0)
        if rng.random() < 0.4:
            closed = max(now, closed.replace(minute=0, second=0))
        yield now, closed, rng.choice(BREAKS)
        now = closed + SECOND * rng.choice([0, 0, 1, 600])
        if rng.random() < 0.2:
            yield now, now, rng.choice(BREAKS)
    if now < end:
        yield now, end, "midnight"


def empty_files(rng: Random, server: str, zone: str, first: date) -> list[File]:
    """A server's files of a few days in a row, without rows."""
    spans: list[Span] = []
    now = opening_of(first, zone)
    if rng.random() < 0.4:
        now += SECOND * rng.randint(1, 80_000)
    for number in range(rng.randint(1, 4)):
        end = opening_of(first + DAY * (number + 1), zone)
        spans += spans_of_day(rng, now, end)
        now = end
    if rng.random() < 0.1:  # a crash noticed by a start some days later
        spans[-1] = (spans[-1][0], now + SECOND * rng.randint(0, 200_000), "crash")
    series = UUID(int=rng.getrandbits(120))
    return [
        File(
            server=server,
            series=series,
            sequence=number,
            day=opened.astimezone(ZoneInfo(zone)).date(),
            assigned_day=None,
            zone=zone,
            opened_at=opened,
            opened_offset=offset_at(opened, zone),
            closed_at=closed,
            closed_by=closed_by,
            rows=(),
        )
        for number, (opened, closed, closed_by) in enumerate(spans, rng.randint(1, 50))
    ]


def stock_of_instants(
    rng: Random, month: Month, runs: Sequence[Sequence[File]]
) -> list[datetime]:
    """Instants at which sessions begin and end: boundaries, and some others."""
    stock = []
    for run in runs:
        first, last = run[0].opened_at, run[-1].closed_at
        for file in run:
            stock += [file.opened_at, file.closed_at]
        day = first.astimezone(ZoneInfo(month.zone)).date()
        midnights = [opening_of(day + DAY * n, month.zone) for n in range(4)]
        quarters = [
            first + SECOND * 900 * rng.randint(0, int((last - first) / SECOND) // 900)
            for _ in range(8)
        ]
        stock += midnights + quarters
    return [at + SECOND * rng.choice([0, 0, 0, 0, 1, -1]) for at in stock * 2]


def session(
    rng: Random,
    stock: Sequence[datetime],
    lengths: Sequence[int],
    kinds: Mapping[str, str],
    person: int,
) -> list[Piece]:
    """One login: a piece, or several if the licences change in between."""
    start = rng.choice(stock)
    length = rng.choice(lengths)
    end = start + SECOND * length
    if length and lengths is MIXED and rng.random() < 0.6:
        end = max(start, rng.choice(stock))
    cuts = sorted(
        {start + (end - start) * rng.random() for _ in range(rng.choice([0, 0, 1, 2]))}
    )
    edges = [start, *(cut.replace(microsecond=0) for cut in cuts), end]
    return [
        Piece(
            PEOPLE[person],
            random_licences(rng, kinds),
            edges[n],
            edges[n + 1],
            is_continuation=n > 0,
        )
        for n in range(len(edges) - 1)
    ]


def row_of(rng: Random, file: File, piece: Piece) -> UsageRow | None:
    """The part of the piece in the file; one that only touches it, now and then."""
    opened, closed = file.opened_at, file.closed_at
    if piece.start > closed or piece.end < opened:
        return None
    login = int((max(piece.start, opened) - opened).total_seconds())
    logout = int((min(piece.end, closed) - opened).total_seconds())
    if login == logout and rng.random() < 0.5:
        return None
    flags = 0
    if piece.start < opened:
        flags += RESUMED
    if piece.end > closed or (piece.end == closed and rng.random() < 0.3):
        flags += STILL_IN
    if piece.is_continuation and (piece.start >= opened or rng.random() < 0.2):
        flags += CONTINUED
    return UsageRow(rng.choice(piece.person), piece.licences, login, logout, flags)


def distorted(rng: Random, file: File, share: float) -> File:
    """Sometimes a server with a wrong clock, and a day that staff have assigned."""
    if rng.random() >= share:
        return file
    wrong = DAY * rng.choice([0, 1, -1, 3, -400, 733])
    opened = file.opened_at + wrong
    changed = replace(
        file,
        day=file.day + wrong + DAY * rng.choice([0, 0, 1, -300]),
        opened_at=opened,
        closed_at=file.closed_at + wrong,
        opened_offset=offset_at(opened, file.zone) + rng.choice([0, 0, 0, 60, -300]),
        assigned_day=file.day + DAY * rng.choice([0, 0, 0, 1, -2]),
    )
    if not wrong and rng.random() < 0.3:  # accepted as it is, though its days differ
        near = file.day + DAY * rng.choice([1, -1])
        return replace(changed, day=near, assigned_day=None)
    return changed


def random_files(rng: Random, month: Month) -> list[File]:
    days = days_of_interest(month)
    runs = []
    for number in range(rng.choice([1, 2, 2, 3, 4])):
        zone = rng.choice([month.zone, rng.choice(SERVER_ZONES)])
        for _ in range(rng.choice([1, 1, 2, 3])):
            first = rng.choice(days) - DAY * rng.choice([0, 0, 1])
            runs.append(empty_files(rng, f"IC{number:02}", zone, first))
    stock = stock_of_instants(rng, month, runs)
    people = rng.sample(range(len(PEOPLE)), rng.randint(2, len(PEOPLE)))
    share = rng.choice([0.0, 0.1, 0.4])
    lengths = rng.choice([MIXED, MIXED, LONG])
    files = []
    for run in runs:
        near = [at for at in stock if run[0].opened_at <= at <= run[-1].closed_at]
        pieces = [
            piece
            for _ in range(rng.choice([0, 2, 8, 16, 30]))
            for piece in session(rng, near, lengths, month.kinds, rng.choice(people))
        ]
        for file in run:
            rows = [row for piece in pieces if (row := row_of(rng, file, piece))]
            files.append(distorted(rng, replace(file, rows=tuple(rows)), share))
    rng.shuffle(files)
    return files


def random_month(seed: int) -> Month:
    """The same month for the same seed."""
    rng = Random(seed)
    zone, period = rng.choice(PLACES)
    month = Month(period, zone, None, random_kinds(rng), ())
    owed = rng.choice([None, None, -300, 0, 1, 8])
    if owed is not None:
        month = replace(month, first_owed_on=month.first_day + DAY * owed)
    if rng.random() < 0.03:
        return month
    return replace(month, files=tuple(random_files(rng, month)))
