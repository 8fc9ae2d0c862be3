"""Rows of opened files with numbered users, and those of one day taken together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from billing.statements.compute.catalogue import Catalogue, Kind
from billing.statements.compute.local_days import LocalDay
from usage.usg import ClosedBy, Flag, OpenedDay

_BEGAN_EARLIER = int(Flag.FROM_BEFORE | Flag.CONTINUES)
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

    @property
    def ends_at(self) -> int:
        """The end of the seconds that the file has rows in."""
        return self.opened_at + max(self.span, 1)


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


@dataclass(frozen=True, slots=True, eq=False)
class DayRows:
    """The agent and business rows of all files that touch a day, cut to it.

    `start` and `end` are seconds of the day; `is_begun` says that the row begins in it,
    `is_login` that it is a login which does. `is_agent` and `holds` (by add-on) say to
    which lines a row belongs.
    """

    user: NDArray[np.uint32]
    start: NDArray[np.int32]
    end: NDArray[np.int32]
    is_begun: NDArray[np.bool_]
    is_login: NDArray[np.bool_]
    is_agent: NDArray[np.bool_]
    holds: dict[str, NDArray[np.bool_]]
    doubtful: dict[str, int]
    licence_keys: frozenset[str]


def rows_of_day(
    files: Sequence[RowsOfFile], day: LocalDay, catalogue: Catalogue
) -> DayRows:
    parts = [_part(one, day, catalogue) for one in files]
    add_ons = sorted({key for part in parts for key in part.holds})
    return DayRows(
        user=_joined([part.user for part in parts], np.uint32),
        start=_joined([part.start for part in parts], np.int32),
        end=_joined([part.end for part in parts], np.int32),
        is_begun=_joined([part.is_begun for part in parts], np.bool_),
        is_login=_joined([part.is_login for part in parts], np.bool_),
        is_agent=_joined([part.is_agent for part in parts], np.bool_),
        holds={
            key: _joined(
                [
                    part.holds.get(key, np.zeros(len(part.user), np.bool_))
                    for part in parts
                ],
                np.bool_,
            )
            for key in add_ons
        },
        doubtful={
            name: sum(part.doubtful[name] for part in parts) for name in DOUBTFUL
        },
        licence_keys=frozenset().union(*(part.licence_keys for part in parts)),
    )


def _part(file: RowsOfFile, day: LocalDay, catalogue: Catalogue) -> DayRows:
    start = file.login.astype(np.int64) + (file.opened_at - day.starts_at)
    end = file.logout.astype(np.int64) + (file.opened_at - day.starts_at)
    is_begun = (start >= 0) & (start < day.seconds)
    touches = is_begun | ((start < 0) & (end > 0) & (day.seconds > 0))
    if not touches.all():
        kept: Any = np.flatnonzero(touches)
    else:
        kept = slice(None)
    held = file.licences[kept]
    seen = np.flatnonzero(np.bincount(held, minlength=len(file.licence_sets)))
    keys = frozenset(key for one in seen for key in file.licence_sets[one])
    agent, counted, holds = _lines(file.licence_sets, catalogue)
    if len(counted) and not counted[seen].all():
        kept = np.arange(len(file.user))[kept][counted[held]]
        held = file.licences[kept]
    flags = file.flags[kept]
    begun = is_begun[kept]
    return DayRows(
        user=file.user[kept],
        start=np.maximum(start[kept], 0).astype(np.int32),
        end=np.minimum(end[kept], day.seconds).astype(np.int32),
        is_begun=begun,
        is_login=begun & ((flags & _BEGAN_EARLIER) == 0),
        is_agent=agent[held],
        holds={key: of_set[held] for key, of_set in holds.items()},
        doubtful=_doubtful(file, begun, flags),
        licence_keys=keys,
    )


def _lines(
    licence_sets: Sequence[Sequence[str]], catalogue: Catalogue
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], dict[str, NDArray[np.bool_]]]:
    """Say of each licence set whether it is an agent's, counted, and has an add-on."""
    kinds = [{catalogue.kind_of(key) for key in names} for names in licence_sets]
    agent = [bool(one & {Kind.AGENT, Kind.ADD_ON}) for one in kinds]
    counted = [one or Kind.BUSINESS in of for one, of in zip(agent, kinds, strict=True)]
    bases = [set(catalogue.kinds_of(names)) for names in licence_sets]
    held = sorted({key for one in bases for key, kind in one if kind == Kind.ADD_ON})
    holds = {
        key: np.array([(key, Kind.ADD_ON) in one for one in bases], np.bool_)
        for key in held
    }
    return np.array(agent, np.bool_), np.array(counted, np.bool_), holds


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


def _joined(parts: list[NDArray[Any]], dtype: Any) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.zeros(0, dtype)
