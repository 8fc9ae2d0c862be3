"""A second implementation of docs/calendar.md, written from the page.

It decides day by day and file by file, and shares only values (facts, periods) with
the product.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from billing.coverage.facts import (
    ExcuseFact,
    ExcuseKind,
    FileFact,
    HeldFact,
    Mode,
    ServerFact,
    TenantFacts,
)
from billing.coverage.periods import Period

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
GRACE = timedelta(days=3)
COVERED = {"received", "silent", "excused"}
Chain = list[FileFact]
Cells = dict[tuple[str, date], str]


class NumberGap(NamedTuple):
    """Missing numbers; `first` is None before the first file of all."""

    file: FileFact  # the first that is here after them
    low: int
    high: int
    first: date | None
    last: date
    is_full: bool  # excusing the numbers excuses the days

    def touches(self, day: date) -> bool:
        return (self.first is None or self.first <= day) and day <= self.last

    def left(self, lost: Iterable[ExcuseFact]) -> set[int]:
        """The numbers that no excuse names; random histories have few."""
        numbers = set(range(self.low, self.high + 1))
        for one in lost:
            if one.series == self.file.series:
                numbers -= set(range(one.first_sequence, one.last_sequence + 1))
        return numbers


# What one file says


def local(at: datetime, minutes: int) -> date:
    return (at + timedelta(minutes=minutes)).date()


def is_of_its_day(file: FileFact) -> bool:
    return local(file.opened_at, file.opened_offset) == file.day


def open_from(file: FileFact) -> date:
    """The first day that is open after a file."""
    if file.closed_by == "midnight":
        return file.day + DAY
    if not is_of_its_day(file):
        return file.day
    return max(file.day, local(file.closed_at, file.closed_offset))


def open_to(file: FileFact) -> date:
    """The last day that is open before a file."""
    if not is_of_its_day(file):
        return file.day
    zone, before = ZoneInfo(file.zone), file.opened_at - SECOND
    seen = timedelta(minutes=file.opened_offset)
    if file.opened_at.astimezone(zone).utcoffset() != seen:
        return local(before, file.opened_offset)
    return min(file.day, before.astimezone(zone).date())


def is_first_of_all(file: FileFact) -> bool:
    return file.sequence == 1 and file.previous is None


# Chains


def chains(files: Iterable[FileFact]) -> list[Chain]:
    runs: dict[object, Chain] = {}
    for file in sorted(set(files), key=lambda one: one.sequence):
        runs.setdefault(file.series, []).append(file)
    oldest_first = sorted(
        runs.values(), key=lambda run: (run[0].opened_at, run[0].series)
    )
    found: list[Chain] = []
    followed: set[bytes] = set()
    joined: dict[object, Chain] = {}  # by the series that it follows
    for run in oldest_first:
        for other in oldest_first:
            is_named = run[0].sequence == 1 and run[0].previous == other[-1].sha256
            if is_named and other is not run and other[-1].sha256 not in followed:
                followed.add(other[-1].sha256)
                joined[other[0].series] = run
    followers = {run[0].series for run in joined.values()}
    for run in oldest_first:
        if run[0].series in followers:
            continue
        chain = list(run)
        while chain[-1].series in joined:
            chain += joined[chain[-1].series]
        found.append(chain)
    return found


def is_next(later: FileFact, earlier: FileFact) -> bool:
    if later.series != earlier.series:
        return True
    names_it = later.previous is None or later.previous == earlier.sha256
    return later.sequence == earlier.sequence + 1 and names_it


def gaps_of(found: Sequence[Chain]) -> list[NumberGap]:
    gaps = []
    for place, chain in enumerate(found):
        head, last = chain[0], open_to(chain[0])
        if head.sequence > 1 and place == 0:
            gaps.append(NumberGap(head, 1, head.sequence - 1, None, last, True))
        elif head.sequence > 1:
            first = open_from(found[place - 1][-1])
            span = (min(first, last), last, False)
            if first == last + DAY:  # closed and opened at one midnight
                span = (last, head.day, True)
            gaps.append(NumberGap(head, 1, head.sequence - 1, *span))
        for earlier, later in pairwise(chain):
            if not is_next(later, earlier):
                begin, end = sorted([open_from(earlier), open_to(later)])
                low = min(earlier.sequence + 1, later.sequence - 1)
                high = later.sequence - 1
                gaps.append(NumberGap(later, low, high, begin, end, True))
    return gaps


def is_silent(day: date, found: Sequence[Chain]) -> bool:
    return any(
        day < open_from(chain[-1])
        and (
            (chain is found[0] and is_first_of_all(chain[0]) and day < chain[0].day)
            or any(
                is_passed(day, earlier, later, found, chain)
                for earlier, later in zip(chain, [*chain[1:], None], strict=True)
            )
        )
        for chain in found
    )


def is_passed(
    day: date,
    earlier: FileFact,
    later: FileFact | None,
    found: Sequence[Chain],
    chain: Chain,
) -> bool:
    if day <= earlier.day:
        return False
    if day < open_from(earlier):
        return True
    if later is None or not is_next(later, earlier) or day >= later.day:
        return False
    return all(
        other[0].day <= day < open_from(other[-1])
        for other in found
        if other is not chain
        and any(
            (earlier.day, earlier.opened_at)
            < (end.day, end.opened_at)
            < (later.day, later.opened_at)
            for end in (other[0], other[-1])
        )
    )


# Days of a server


class ChainsOfServer(NamedTuple):
    """The chains of one server with their gaps, and whether numbers of these are left.

    Excuses of days, and the server's last owed day.
    """

    chains: Sequence[Chain]
    gaps: Sequence[tuple[NumberGap, bool]]
    excuses: Sequence[ExcuseFact]
    retired: date | None

    @classmethod
    def of(
        cls,
        files: Iterable[FileFact],
        excuses: Sequence[ExcuseFact],
        server: ServerFact | None,
    ) -> "ChainsOfServer":
        found = chains(files)
        lost = [one for one in excuses if one.kind is ExcuseKind.LOST]
        gaps = [(gap, bool(gap.left(lost))) for gap in gaps_of(found)]
        return cls(found, gaps, excuses, last_owed_day(server, found))


def state(day: date, own: ChainsOfServer) -> str:
    found, retired = own.chains, own.retired
    has_files = any(file.day == day for chain in found for file in chain)
    lost = [one for one in own.excuses if one.kind is ExcuseKind.LOST]
    gaps = [gap for gap, _ in own.gaps if gap.touches(day)]
    left = [gap for gap, is_left in own.gaps if is_left and gap.touches(day)]
    is_open = any(gap.is_full for gap in left) or has_loose_end(day, found, retired)
    if not is_open:
        if any(gap.is_full for gap in gaps):
            return "excused"
        if has_files:
            return "received"
        if is_silent(day, found):
            return "silent"
    if any(day in one.days for one in lost):
        return "excused"
    down = [one for one in own.excuses if one.kind is ExcuseKind.DOWN]
    is_down = any(day in one.days for one in down)
    if is_down and not has_files and not left:
        return "excused"
    return "partial" if has_files else "missing"


def has_loose_end(day: date, found: Sequence[Chain], retired: date | None) -> bool:
    for place, chain in enumerate(found):
        head, tail = chain[0], chain[-1]
        # Before a first number above 1 of all, the missing numbers decide.
        decided = place == 0 and (head.sequence > 1 or is_first_of_all(head))
        if head.day == open_to(head) == day and not decided:
            return True
        is_end = chain is found[-1] and day == retired and tail.closed_by == "shutdown"
        if tail.day == open_from(tail) == day and not is_end:
            return True
    return False


def last_owed_day(server: ServerFact | None, found: Sequence[Chain]) -> date | None:
    retired = server.retired_on if server else None
    if retired and any(chain[-1].day > retired for chain in found):
        return None
    return retired


def one_of_each_number(
    accepted: Iterable[FileFact], waiting: Sequence[FileFact]
) -> list[FileFact]:
    everything = {*accepted, *waiting}
    named = {file.previous for file in everything}
    best: dict[object, FileFact] = {}
    for file in sorted(everything, key=lambda one: one.sha256, reverse=True):
        place = (file.series, file.sequence)
        rank = (file.sha256 in named, file in waiting)
        held = best.get(place)
        if held is None or rank >= (held.sha256 in named, held in waiting):
            best[place] = file
    return list(best.values())


@cache
def day_ends(day: date, zone: str) -> datetime:
    """The midnight that ends a day: the later of two, the end of a gap."""
    place = ZoneInfo(zone)
    at = datetime.combine(day + DAY, time(), UTC) - timedelta(hours=15)
    shown = [at + timedelta(minutes=15 * n) for n in range(4 * 30)]
    is_over = [one.astimezone(place).date() > day for one in shown]
    return shown[max(n for n, over in enumerate(is_over) if not over) + 1]


def cells_of(
    period: Period, facts: TenantFacts, *, at: datetime, deadline_at: datetime | None
) -> Cells:
    found: Cells = {}
    known = {one.name: one for one in facts.servers}
    sent = {one.server for one in facts.files} | {one.server for one in facts.held}
    for name in {*known, *sent}:
        own = replace(
            facts,
            files=tuple(one for one in facts.files if one.server == name),
            held=tuple(one for one in facts.held if one.server == name),
            excuses=tuple(
                one
                for one in facts.excuses
                if one.server == name
                and (
                    one.approved_at or deadline_at is None or one.asked_at < deadline_at
                )
            ),
        )
        found |= server_cells(period, own, name, known.get(name), at)
    return found


def server_cells(
    period: Period,
    facts: TenantFacts,
    name: str,
    server: ServerFact | None,
    at: datetime,
) -> Cells:
    approved = [one for one in facts.excuses if one.approved_at]
    waiting = [one.file for one in facts.held if one.file]
    now = ChainsOfServer.of(facts.files, approved, server)
    everything = one_of_each_number(facts.files, waiting)
    then = ChainsOfServer.of(everything, facts.excuses, server)
    first, last = server.first_owed_on if server else None, now.retired
    if first is not None:
        first = min([first, *(chain[0].day for chain in now.chains)])
    zone = server.zone if server else last_zone(facts.files, waiting, facts.zone)
    found: Cells = {}
    for day in period.days():
        if facts.first_on is not None and day < facts.first_on:
            continue
        is_in_use = (first is None or first <= day) and (last is None or day <= last)
        has_files = any(file.day == day for file in facts.files)
        is_owed = is_in_use and facts.collects(day) is not Mode.NONE
        if not is_owed and not has_files:
            continue
        own = state(day, now)
        if own not in COVERED and day_ends(day, zone) > at:
            own = "pending"
        elif own not in COVERED and (
            any(one.file is None and one.day == day for one in facts.held)
            or state(day, then) in COVERED
        ):
            own = "with us"
        found[name, day] = own
    return found


def last_zone(
    accepted: Sequence[FileFact], waiting: Sequence[FileFact], other: str
) -> str:
    files = accepted or waiting
    if not files:
        return other
    return max(files, key=lambda one: (one.closed_at, one.sequence)).zone


def missing_numbers(
    period: Period, facts: TenantFacts, cells: Cells, name: str
) -> list[tuple[object, int, int, date, date]]:
    """The missing numbers of a server by series, in runs, with the days they touch.

    `cells` is the calendar, `facts` has the excuses that it is made from.
    """
    open_days = {
        day
        for (server, day), own in cells.items()
        if server == name and own in {"missing", "partial"}
    }
    now = chains(one for one in facts.files if one.server == name)
    excuses = [one for one in facts.excuses if one.server == name]
    lost = [one for one in excuses if one.kind is ExcuseKind.LOST]
    waiting = {
        (one.file.series, one.file.sequence)
        for one in facts.held
        if one.file and one.server == name
    }
    first = {one.name: one.first_owed_on for one in facts.servers}.get(name)
    if first is not None:
        first = min([first, *(chain[0].day for chain in now)])
    owed_from = max(
        (day for day in (first, facts.first_on) if day is not None),
        default=period.starts_on,
    )
    found = []
    for gap in gaps_of(now):
        begin = min(gap.first or owed_from, gap.last)
        left = [
            number
            for number in sorted(gap.left(lost))
            if (gap.file.series, number) not in waiting
        ]
        starts = [n for n in left if n - 1 not in left]
        ends = [n for n in left if n + 1 not in left]
        if any(begin <= day <= gap.last for day in open_days):
            found += [
                (gap.file.series, low, high, begin, gap.last)
                for low, high in zip(starts, ends, strict=True)
            ]
    return sorted(found, key=repr)


# Lateness


def known_before(
    facts: TenantFacts, at: datetime, deadline_at: datetime
) -> TenantFacts:
    files = tuple(one for one in facts.files if one.received_at < at)
    held = tuple(one for one in facts.held if one.received_at < at)
    refused = [one.what for one in facts.refused]
    sent = {one.server for one in files} | {one.server for one in held}
    sent |= {
        one.server
        for one in refused
        if isinstance(one, HeldFact) and one.received_at < at
    }
    servers = tuple(
        one
        for one in facts.servers
        if one.name in sent or one.known_since is None or one.known_since < at
    )
    excuses = tuple(one for one in facts.excuses if one.asked_at < deadline_at)
    return replace(facts, servers=servers, files=files, held=held, excuses=excuses)


def waiting_then(
    facts: TenantFacts, at: datetime, deadline_at: datetime
) -> TenantFacts:
    """The facts before an instant, with what was refused less than three days before.

    As if that still waited.
    """
    known = known_before(facts, at, deadline_at)
    for one in facts.refused:
        if one.refused_at + GRACE <= at:
            continue
        if isinstance(one.what, ExcuseFact):
            if one.what.asked_at < deadline_at:
                known = replace(known, excuses=(*known.excuses, one.what))
        elif one.what.received_at < at:
            known = replace(known, held=(*known.held, one.what))
    return known


def late_since(
    period: Period, facts: TenantFacts, *, deadline_at: datetime
) -> dict[tuple[str, date], datetime]:
    """The server-days that make late, with the instant from which each counts."""
    now = cells_of(period, facts, at=deadline_at, deadline_at=deadline_at)
    then = cells_of(
        period,
        known_before(facts, deadline_at, deadline_at),
        at=deadline_at,
        deadline_at=deadline_at,
    )
    found = {}
    graced: dict[datetime, Cells] = {}
    for (server, day), own in then.items():
        if own not in {"missing", "partial"}:
            continue
        counts = counts_from(period, facts, (server, day), deadline_at, graced)
        if counts is None or facts.collects(day) is not Mode.MANUAL:
            continue
        files = [one for one in facts.files if (one.server, one.day) == (server, day)]
        is_proved = now.get((server, day), "silent") in {"received", "silent"}
        are_in_time = all(one.received_at < counts for one in files)
        # A day that is not owed any more makes nobody late.
        if (server, day) in now and not (is_proved and are_in_time):
            found[server, day] = counts
    return found


def counts_from(
    period: Period,
    facts: TenantFacts,
    cell: tuple[str, date],
    deadline_at: datetime,
    graced: dict[datetime, Cells],
) -> datetime | None:
    """The instant from which a day counts; `graced` keeps calendars by instant."""
    own = [one for one in facts.refused if one.what.server == cell[0]]
    ends = {one.refused_at + GRACE for one in own}
    for at in sorted({deadline_at, *(end for end in ends if end > deadline_at)}):
        if at not in graced:
            known = waiting_then(facts, at, deadline_at)
            graced[at] = cells_of(period, known, at=at, deadline_at=deadline_at)
        found = graced[at].get(cell)
        if found != "with us":
            return at if found in {"missing", "partial"} else None
    return None


def standing_of(
    period: Period, facts: TenantFacts, *, deadline_at: datetime, at: datetime
) -> str:
    cells = cells_of(period, facts, at=at, deadline_at=deadline_at)
    states = set(cells.values())
    collects = any(
        facts.collects(day) is not Mode.NONE
        for day in period.days()
        if facts.first_on is None or day >= facts.first_on
    )
    if not cells and not collects:
        return "nothing owed"
    if at < day_ends(period.ends_on, facts.zone) or "pending" in states:
        return "open"
    since = late_since(period, facts, deadline_at=deadline_at)
    is_late = at >= deadline_at and any(at >= one for one in since.values())
    if cells and states <= COVERED:
        return "completed late" if is_late else "complete"
    return "late" if is_late else "incomplete"
