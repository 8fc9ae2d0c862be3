"""Counts rows within a span of time, with the result of counting every second.

Rows are opened and closed one by one in the order of time. Between two changes, sets
hold the users that count.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from usage.usg.emulator.roles import AGENT, BUSINESS

TOTALS = "totals"


class CountedRow(NamedTuple):
    """A row that counts, in UTC seconds since 1970, and the lines it belongs to."""

    user: str
    start: int
    end: int
    lines: tuple[str, ...]
    is_login: bool


@dataclass(slots=True)
class Figures:
    """The figures of one line in one span; `peak_at` is None if the peak is 0."""

    users: set[str] = field(default_factory=set)
    logins: int = 0
    row_seconds: int = 0
    used_seconds: int = 0
    peak: int = 0
    peak_at: int | None = None


def count(
    rows: Sequence[CountedRow], first: int, end: int, lines: Iterable[str]
) -> dict[str, Figures]:
    """Count the seconds from `first` to before `end`; UTC, since 1970.

    Lines of rows that are not in `lines` are left out.
    """
    touching = [row for row in rows if _touches(row, first, end)]
    found = {line: Figures() for line in lines}
    for row in touching:
        for line in row.lines:
            if line in found:
                figures = found[line]
                figures.users.add(row.user)
                figures.logins += row.is_login and row.start >= first
                figures.row_seconds += min(row.end, end) - max(row.start, first)
    found[BUSINESS].users -= found[AGENT].users
    for instant, seconds, on in _states(touching, first, end):
        for line, figures in found.items():
            users = len(on[line])
            figures.used_seconds += users * seconds
            if users > figures.peak:
                figures.peak, figures.peak_at = users, instant
    return found


def _touches(row: CountedRow, first: int, end: int) -> bool:
    if row.start == row.end:
        return first <= row.start < end
    return row.start < end and row.end > first


def _states(
    rows: Iterable[CountedRow], first: int, end: int
) -> Iterator[tuple[int, int, defaultdict[str, set[str]]]]:
    """Yield the start and length in seconds of each state, and its users by line."""
    events: defaultdict[int, list[tuple[int, CountedRow]]] = defaultdict(list)
    for row in rows:
        if row.start < row.end:
            events[max(row.start, first)].append((1, row))
            events[min(row.end, end)].append((-1, row))
    depth: Counter[tuple[str, str]] = Counter()
    on: defaultdict[str, set[str]] = defaultdict(set)
    for instant, following in pairwise(sorted(events)):
        for change, row in events[instant]:
            for line in row.lines:
                depth[line, row.user] += change
                _note(on[line], row.user, is_on=depth[line, row.user] > 0)
            is_agent = depth[AGENT, row.user] > 0
            is_business = depth[BUSINESS, row.user] > 0
            _note(on[BUSINESS], row.user, is_on=is_business and not is_agent)
        yield instant, following - instant, on


def _note(users: set[str], user: str, *, is_on: bool) -> None:
    if is_on:
        users.add(user)
    else:
        users.discard(user)
