"""The opened day as NumPy columns, and the check of every value in them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntFlag
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from usage.usg.body import COLUMNS, Body
from usage.usg.limits import Limits
from usage.usg.problems import Code, Params, Problem

# Little-endian and unsigned, whatever the machine.
TYPES: Mapping[str, np.dtype[Any]] = MappingProxyType(
    {
        "user": np.dtype("<u4"),
        "licences": np.dtype("<u2"),
        "login": np.dtype("<u4"),
        "logout": np.dtype("<u4"),
        "flags": np.dtype("u1"),
    }
)


# Only what breaks stores, logs and exports: a genuine file is not refused because a
# person's name holds a rare space or a joiner.
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Flag(IntFlag):
    """Flags of a row about its two ends."""

    FROM_BEFORE = 1
    GOES_ON = 2
    CONTINUES = 4


ALL_FLAGS = Flag.FROM_BEFORE | Flag.GOES_ON | Flag.CONTINUES

# A plain number: with an IntFlag, NumPy would make eight bytes of every byte.
_AT_AN_END = int(Flag.FROM_BEFORE | Flag.GOES_ON)


@dataclass(frozen=True, slots=True, eq=False)
class OpenedDay:
    """One row a login (or part of one), as columns of `sessions` entries each.

    `login` and `logout` are seconds after `opened_at`, half-open; `user` points into
    `users`, `licences` into `licence_sets`. `span` is the file's length in seconds.
    The arrays are views on the decrypted bytes and cannot be written to.
    """

    opened_at: datetime
    span: int
    users: tuple[str, ...]
    licence_sets: tuple[tuple[str, ...], ...]
    user: NDArray[np.uint32]
    licences: NDArray[np.uint16]
    login: NDArray[np.uint32]
    logout: NDArray[np.uint32]
    flags: NDArray[np.uint8]

    @property
    def sessions(self) -> int:
        return len(self.user)


@dataclass(frozen=True, slots=True)
class Sessions:
    """Input of a writer: the same columns, from any sequences of numbers."""

    users: Sequence[str] = ()
    licence_sets: Sequence[Sequence[str]] = ()
    user: Sequence[int] | NDArray[Any] = ()
    licences: Sequence[int] | NDArray[Any] = ()
    login: Sequence[int] | NDArray[Any] = ()
    logout: Sequence[int] | NDArray[Any] = ()
    flags: Sequence[int] | NDArray[Any] = ()


# The seven names, their markers and those of the five columns take under a hundred.
_MAP_BYTES = 256


def largest_body(sessions: int, limits: Limits) -> int:
    """Bound the unpacked body of that many rows, in bytes."""
    row = sum(dtype.itemsize for dtype in TYPES.values())
    return min(limits.body_bytes, sessions * row + limits.text_bytes + _MAP_BYTES)


def to_body(sessions: Sessions) -> Body:
    """Raise OverflowError for a number that does not fit its column."""
    columns = {}
    for name, dtype in TYPES.items():
        given = np.asarray(getattr(sessions, name), dtype=np.int64)
        narrow = given.astype(dtype)
        if not np.array_equal(narrow, given):
            message = f"a value does not fit into the column {name}"
            raise OverflowError(message)
        columns[name] = memoryview(narrow.tobytes())
    sets = tuple(tuple(names) for names in sessions.licence_sets)
    return Body(columns, sets, tuple(sessions.users))


def check(
    body: Body, *, opened_at: datetime, span: int, sessions: int, limits: Limits
) -> tuple[OpenedDay | None, list[Problem]]:
    """Step 7: lengths, indices, times, flags and texts, each row of each column."""
    problems = _wrong_texts(body, limits)
    wrong_lengths = _wrong_lengths(body, sessions)
    if wrong_lengths:
        return None, [*problems, *wrong_lengths]
    columns: dict[str, Any] = {
        name: np.frombuffer(body.columns[name], dtype=TYPES[name]) for name in COLUMNS
    }
    day = OpenedDay(opened_at, span, body.users, body.licence_sets, **columns)
    problems.extend(_wrong_rows(day))
    return (None if problems else day), problems


def _wrong_lengths(body: Body, sessions: int) -> list[Problem]:
    problems = []
    for name in COLUMNS:
        found, expected = len(body.columns[name]), sessions * TYPES[name].itemsize
        if found != expected:
            params: Params = {"part": name, "bytes": found, "expected": expected}
            problems.append(Problem(Code.COLUMN_LENGTH, f"body.{name}", params))
    return problems


def _wrong_rows(day: OpenedDay) -> Iterable[Problem]:
    if not day.sessions:
        return
    if int(day.user.max()) >= len(day.users):
        yield _at(Code.USER_INDEX, "user", day.user >= len(day.users), day.user)
    if int(day.licences.max()) >= len(day.licence_sets):
        beyond = day.licences >= len(day.licence_sets)
        yield _at(Code.LICENCE_INDEX, "licences", beyond, day.licences)
    before = day.logout < day.login
    if before.any():
        yield _at(Code.LOGOUT_BEFORE_LOGIN, "logout", before, day.logout)
    if int(day.logout.max()) > day.span:
        beyond = day.logout > day.span
        yield _at(Code.LOGOUT_AFTER_CLOSE, "logout", beyond, day.logout)
    yield from _wrong_flags(day)


def _wrong_flags(day: OpenedDay) -> Iterable[Problem]:
    flags = day.flags
    if int(flags.max()) > ALL_FLAGS:
        yield _at(Code.FLAGS_UNKNOWN, "flags", flags > ALL_FLAGS, flags)
    # Few rows of a day touch its ends, so the two rules look at those rows only.
    rows = np.flatnonzero(flags & _AT_AN_END)
    before = (flags[rows] & Flag.FROM_BEFORE) != 0
    goes_on = (flags[rows] & Flag.GOES_ON) != 0
    wrong = (before & (day.login[rows] != 0)) | (
        goes_on & (day.logout[rows] != day.span)
    )
    if wrong.any():
        contradiction = np.zeros(day.sessions, dtype=np.bool_)
        contradiction[rows[wrong]] = True
        yield _at(Code.FLAGS_CONTRADICT, "flags", contradiction, flags)


def _at(
    code: Code, part: str, wrong: NDArray[np.bool_], column: NDArray[Any]
) -> Problem:
    """Name the first row only: a wrong column would otherwise fill the page."""
    row = int(wrong.argmax())
    params: Params = {"row": row, "value": int(column[row]), "rows": int(wrong.sum())}
    return Problem(code, f"body.{part}[{row}]", params)


def _wrong_texts(body: Body, limits: Limits) -> list[Problem]:
    names = [name for names in body.licence_sets for name in names]
    problems = [
        *_wrong_names(body.users, "users", limits.user_characters),
        *_wrong_names(names, "licence_sets", limits.licence_characters),
    ]
    if len(set(body.users)) != len(body.users):
        problems.append(Problem(Code.TEXT_REPEATED, "body.users", {"part": "users"}))
    if any(len(set(names)) != len(names) for names in body.licence_sets):
        params: Params = {"part": "licence_sets"}
        problems.append(Problem(Code.TEXT_REPEATED, "body.licence_sets", params))
    return problems


def _wrong_names(names: Sequence[str], part: str, most: int) -> Iterable[Problem]:
    """Look at all names as one text: a loop over them would cost more than the rest."""
    if not names:
        return
    longest = max(map(len, names))
    if longest > most:
        params: Params = {"part": part, "length": longest, "limit": most}
        yield Problem(Code.TEXT_TOO_LONG, f"body.{part}", params)
    joined = "".join(names)
    # Nearly always all of it is printable, which is far quicker to find out. No Python
    # counts a control character as printable, so the answer is the same on each.
    if not all(names) or not (joined.isprintable() or not _CONTROL.search(joined)):
        yield Problem(Code.TEXT_INVALID, f"body.{part}", {"part": part})
