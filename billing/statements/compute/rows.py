"""Rows of opened files with numbered users, and those of one day taken together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from billing.statements.compute.catalogue import Catalogue, Kind, base_key
from billing.statements.compute.lines import AGENT, TOTAL, add_on_line
from billing.statements.compute.local_days import LocalDay
from billing.statements.compute.packed_rows import LineGroup, Packed, groups_of
from usage.usg import ClosedBy, Flag, OpenedDay

BEGAN_EARLIER = int(Flag.FROM_BEFORE | Flag.CONTINUES)
_GOES_ON = int(Flag.GOES_ON)


@dataclass(frozen=True, slots=True, eq=False)
class RowsOfFile:
    """The rows of one file. `user` has a number for each person, the same in all files.

    `opened_at` is in UTC seconds, shifted to the assigned day; `login` and `logout` are
    seconds after it. `span` is the file's length.
    """

    opened_at: int
    span: int
    closed_by: str
    is_assigned: bool
    licence_sets: tuple[tuple[str, ...], ...]
    user: NDArray[np.uint32]
    licences: NDArray[np.uint16]
    login: NDArray[np.uint32]
    logout: NDArray[np.uint32]
    flags: NDArray[np.uint8]


def file_rows(
    opened: OpenedDay, *, numbers: NDArray[np.uint32], closed_by: str, shift: int | None
) -> RowsOfFile:
    """Return the rows of an opened file.

    `numbers` has the number of each of its users; `shift` is that of its assigned day
    in seconds, None without one.
    """
    login, logout = opened.login, opened.logout
    at_the_end = (login == opened.span) & (logout == opened.span)
    if opened.span and at_the_end.any():
        # Of no length at the closing of the file: in its last second, not after it.
        login, logout = (
            np.where(at_the_end, np.uint32(opened.span - 1), one)
            for one in (login, logout)
        )
    return RowsOfFile(
        opened_at=int(opened.opened_at.timestamp()) + (shift or 0),
        span=opened.span,
        closed_by=closed_by,
        is_assigned=shift is not None,
        licence_sets=opened.licence_sets,
        user=numbers[opened.user] if len(numbers) else np.zeros(0, np.uint32),
        licences=opened.licences,
        login=login,
        logout=logout,
        flags=opened.flags,
    )


@dataclass(frozen=True, slots=True)
class LineCounts:
    """Rows of a line that touch a day, logins that begin in it, seconds in it."""

    rows: int
    logins: int
    row_seconds: int


@dataclass(frozen=True, slots=True, eq=False)
class DayRows:
    """The agent and business rows of all files that touch a day, cut to it and sorted.

    They are packed with the bits of a group of lines; `counts` has those of each of
    these lines and of `TOTAL`. `begun` counts the rows that begin in the day.
    """

    packed: Packed
    group: LineGroup
    counts: Mapping[str, LineCounts]
    begun: int
    doubtful: dict[str, int]
    licence_keys: frozenset[str]


def lines_of(files: Sequence[RowsOfFile], catalogue: Catalogue) -> list[str]:
    """Return the lines that rows of files may be of, besides totals and business."""
    sets = {names for file in files for names in file.licence_sets}
    keys = {base_key(key) for names in sets for key in names}
    add_ons = (key for key in keys if catalogue.kinds.get(key) is Kind.ADD_ON)
    return [AGENT, *map(add_on_line, sorted(add_ons))]


def line_groups(files: Sequence[RowsOfFile], catalogue: Catalogue) -> list[LineGroup]:
    """Return the groups of lines that the rows of files are packed with."""
    most_user = max((int(one.user.max(initial=0)) for one in files), default=0)
    return groups_of(lines_of(files, catalogue), most_user=most_user)


def rows_of_day(
    files: Sequence[RowsOfFile],
    day: LocalDay,
    catalogue: Catalogue,
    group: LineGroup,
) -> DayRows:
    """Cut the counted rows of files to a day, and pack them with the bits of a group.

    A row that ends when the day begins, or begins when it ends, is left out.
    """
    packed: Packed = np.empty(sum(len(one.user) for one in files), np.int64)
    end = 0
    parts = []
    for file in files:
        found = _part(file, day, _LicenceSets.of(file.licence_sets, catalogue, group))
        rows = packed[end : end + len(found.user)]
        group.pack_into(rows, found.user, found.start, found.end, found.lines)
        end += len(found.user)
        parts.append(found.counts)
    packed = packed[:end]
    packed.sort()
    by_line = np.zeros((1 + group.bits, 3), np.int64)
    for part in parts:
        by_line += part.by_line
    return DayRows(
        packed=packed,
        group=group,
        counts={
            name: LineCounts(*one)
            for name, one in zip((TOTAL, *group.lines), by_line.tolist(), strict=True)
        },
        begun=sum(one.begun for one in parts),
        doubtful={name: sum(one.doubtful[name] for one in parts) for name in DOUBTFUL},
        licence_keys=frozenset().union(*(one.licence_keys for one in parts)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _PartCounts:
    """Counts of a file's rows in a day; `by_line` has rows, logins and seconds."""

    by_line: NDArray[np.int64]
    begun: int
    doubtful: dict[str, int]
    licence_keys: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """The counted rows of a file that touch a day, cut to it, in seconds of it."""

    user: NDArray[np.uint32]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    lines: NDArray[np.int64]
    counts: _PartCounts


@dataclass(frozen=True, slots=True, eq=False)
class _LicenceSets:
    """What rows of each licence set of a file count as.

    `lines` are the bits of the lines of a group; `is_of_line` says the same with a
    column for `TOTAL` and for each line.
    """

    names: tuple[tuple[str, ...], ...]
    is_counted: NDArray[np.bool_]
    lines: NDArray[np.int64]
    is_of_line: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        names: tuple[tuple[str, ...], ...],
        catalogue: Catalogue,
        group: LineGroup,
    ) -> "_LicenceSets":
        bits = {name: group.bit(name) for name in group.lines}
        is_counted, lines = [], []
        for keys in names:
            bases = [base_key(key) for key in keys]
            kinds = {catalogue.kinds.get(key) for key in bases}
            is_agent = Kind.AGENT in kinds or Kind.ADD_ON in kinds
            is_counted.append(is_agent or Kind.BUSINESS in kinds)
            found = bits.get(AGENT, 0) if is_agent else 0
            for key in bases:
                found |= bits.get(add_on_line(key), 0)
            lines.append(found)
        of_sets = np.array(lines, np.int64)
        columns = [
            np.ones(len(names), np.int64),
            *(of_sets >> place & 1 for place in range(group.bits)),
        ]
        return cls(
            names, np.array(is_counted, np.bool_), of_sets, np.column_stack(columns)
        )

    def count(
        self,
        held: NDArray[Any],
        seconds: NDArray[np.int64],
        is_login: NDArray[np.bool_],
    ) -> NDArray[np.int64]:
        """Return rows, logins and seconds of each line."""
        sets = len(self.names)
        # Sums of whole numbers below 2 to the 53rd are exact in floating point.
        by_set = [
            np.bincount(held, minlength=sets),
            np.bincount(held[is_login], minlength=sets),
            np.bincount(held, weights=seconds, minlength=sets).astype(np.int64),
        ]
        return self.is_of_line.T @ np.column_stack(by_set)


@dataclass(frozen=True, slots=True, eq=False)
class RowSpans:
    """Start and end of each row of a file, in seconds after the start of a day.

    They are not clipped to the day. `begins` are the rows that begin in it, `touches`
    those and the rows that reach into it.
    """

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    begins: NDArray[np.bool_]
    touches: NDArray[np.bool_]


def row_spans(file: RowsOfFile, day: LocalDay) -> RowSpans:
    start = file.login.astype(np.int64) + (file.opened_at - day.starts_at)
    end = file.logout.astype(np.int64) + (file.opened_at - day.starts_at)
    begins = (start >= 0) & (start < day.seconds)
    touches = begins | ((start < 0) & (end > 0) & (day.seconds > 0))
    return RowSpans(start, end, begins, touches)


def _part(file: RowsOfFile, day: LocalDay, sets: _LicenceSets) -> _Part:
    spans = row_spans(file, day)
    touches = spans.touches
    seen = np.bincount(file.licences[touches], minlength=len(sets.names)) > 0
    keys = frozenset(key for one in np.flatnonzero(seen) for key in sets.names[one])
    if not sets.is_counted[seen].all():
        touches = touches & sets.is_counted[file.licences]
    kept: Any = slice(None) if touches.all() else np.flatnonzero(touches)
    held, flags, begun = file.licences[kept], file.flags[kept], spans.begins[kept]
    start = np.maximum(spans.start[kept], 0)
    end = np.minimum(spans.end[kept], day.seconds)
    is_login = begun & ((flags & BEGAN_EARLIER) == 0)
    return _Part(
        user=file.user[kept],
        start=start,
        end=end,
        lines=sets.lines[held],
        counts=_PartCounts(
            by_line=sets.count(held, end - start, is_login),
            begun=int(np.count_nonzero(begun)),
            doubtful=_doubtful(file, begun, flags),
            licence_keys=keys,
        ),
    )


# What makes rows doubtful, by the names in a statement.
DOUBTFUL = ("no_logout", "cut_by_restart", "cut_by_crash", "assigned_day_rows")

_CUT = {
    ClosedBy.SHUTDOWN: "no_logout",
    ClosedBy.CLOCK: "no_logout",
    ClosedBy.RESTART: "cut_by_restart",
    ClosedBy.CRASH: "cut_by_crash",
}


def _doubtful(
    file: RowsOfFile, begun: NDArray[np.bool_], flags: NDArray[np.uint8]
) -> dict[str, int]:
    found = dict.fromkeys(DOUBTFUL, 0)
    name = _CUT.get(ClosedBy(file.closed_by))
    if name is not None:
        found[name] = int(np.count_nonzero(begun & ((flags & _GOES_ON) != 0)))
    if file.is_assigned:
        found["assigned_day_rows"] = int(np.count_nonzero(begun))
    return found
