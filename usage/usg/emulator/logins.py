"""Emulates people and their logins, and cuts these into the rows of a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from usage.usg.columns import Flag, Sessions
from usage.usg.emulator.history import FileSpan, ServerHistory
from usage.usg.header import ClosedBy

_FIRST = ("ada", "ben", "chloé", "dana", "emil", "fatima", "george", "hana", "jörg")
_LAST = ("abel", "brandt", "costa", "díaz", "eng", "fischer", "garcía", "jensen")

# From most to least common; a business user, agents, and agents with add-ons.
LICENCE_SETS: tuple[tuple[str, ...], ...] = (
    ("I3_ACCESS_ACD_MEDIA_1", "I3_ACCESS_CLIENT"),
    ("I3_ACCESS_CLIENT",),
    ("I3_ACCESS_ACD_MEDIA_3_PLUS", "I3_ACCESS_CLIENT"),
    ("I3_ACCESS_ACD_MEDIA_3_PLUS", "I3_ACCESS_CLIENT", "I3_ACCESS_RECORDER"),
    ("I3_ACCESS_ACD_MEDIA_2", "I3_ACCESS_CLIENT", "I3_ACCESS_IPA_USER"),
)
# Shares of people at work, logins that change licences, and shifts over midnight.
_WEEKDAY, _WEEKEND = 0.8, 0.25
_CHANGING = 0.03
_NIGHT = 0.04
_SATURDAY = 5
# Local times in seconds of the day.
_MORNING, _EVENING = 7 * 3600, 18 * 3600
_NIGHT_BEGINS, _NIGHT_SHIFT = 21 * 3600, 8 * 3600
# An ordinary login lasts a quarter of an hour on average, and half a day at most.
_MEAN_LOGIN, _LONGEST_LOGIN = 15 * 60, 12 * 3600


@dataclass(frozen=True, slots=True)
class People:
    """People who log in: their numbers, logins each on a day, licences held."""

    people: Sequence[int]
    logins_each: float = 4.0
    licence_sets: Sequence[Sequence[str]] = LICENCE_SETS


@dataclass(frozen=True, slots=True, eq=False)
class LoginTable:
    """Whole logins, in UTC seconds since 1970; `change` is `end` for most."""

    person: NDArray[np.int64]
    start: NDArray[np.int64]
    change: NDArray[np.int64]
    end: NDArray[np.int64]
    licences: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class _LoginParts:
    """Parts of logins with one licence set each."""

    person: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    licences: NDArray[np.int64]
    continues: NDArray[np.bool_]


def name_of(person: int) -> str:
    first, last = _FIRST[person % len(_FIRST)], _LAST[person % len(_LAST)]
    return f"{first}.{last}.{person:05}"


def begun_on(day: date, history: ServerHistory, crowd: People) -> LoginTable:
    """Make the logins that begin on one local day, at one server."""
    dice = history.draw(day, "logins")
    present = _WEEKDAY if day.weekday() < _SATURDAY else _WEEKEND
    times = dice.poisson(crowd.logins_each * present, len(crowd.people))
    person = np.repeat(np.asarray(crowd.people, dtype=np.int64), times)
    count = len(person)
    start = dice.integers(_MORNING, _EVENING, count)
    lasting = np.minimum(dice.exponential(_MEAN_LOGIN, count), _LONGEST_LOGIN)
    lasting = lasting.astype(np.int64) + 1
    night = dice.random(count) < _NIGHT
    start[night] = dice.integers(_NIGHT_BEGINS, 24 * 3600, count)[night]
    lasting[night] += _NIGHT_SHIFT
    start += int(history.midnight(day).timestamp())
    change = np.where(dice.random(count) < _CHANGING, lasting // 2, lasting)
    # Most people hold the first set, few the last.
    spread = np.minimum(dice.geometric(0.5, count), len(crowd.licence_sets)) - 1
    return LoginTable(person, start, start + change, start + lasting, spread)


def around(day: date, history: ServerHistory, crowd: People) -> LoginTable:
    """Gather what may touch a day's files: no login lasts beyond the day after it."""
    before = begun_on(day - timedelta(days=1), history, crowd)
    today = begun_on(day, history, crowd)
    return LoginTable(
        *(
            np.concatenate([getattr(before, name), getattr(today, name)])
            for name in LoginTable.__slots__
        )
    )


def rows_of(
    span: FileSpan, watched: Sequence[FileSpan], logins: LoginTable, crowd: People
) -> Sessions:
    """Cut the logins to one file.

    `watched` are the server's files of this day and the one before: who tries to log in
    while the server is away cannot, and a shutdown logs out whoever is on.
    """
    opened, closed = _seconds(span)
    parts = _split(_possible(logins, watched), len(crowd.licence_sets))
    kept = _chosen(parts, (parts.start < closed) & (parts.end > opened))
    flags = (
        Flag.FROM_BEFORE * (kept.start < opened)
        + Flag.GOES_ON * (kept.end > closed)
        + Flag.CONTINUES * (kept.continues & (kept.start >= opened))
    )
    people, user = np.unique(kept.person, return_inverse=True)
    held, licences = np.unique(kept.licences, return_inverse=True)
    return Sessions(
        users=[name_of(int(person)) for person in people],
        licence_sets=[crowd.licence_sets[int(index)] for index in held],
        user=user,
        licences=licences,
        login=np.maximum(kept.start, opened) - opened,
        logout=np.minimum(kept.end, closed) - opened,
        flags=flags,
    )


def _seconds(span: FileSpan) -> tuple[int, int]:
    return int(span.opened_at.timestamp()), int(span.closed_at.timestamp())


def _possible(logins: LoginTable, watched: Sequence[FileSpan]) -> LoginTable:
    begun = np.zeros(len(logins.start), dtype=np.bool_)
    end = logins.end.copy()
    for span in watched:
        opened, closed = _seconds(span)
        inside = (logins.start >= opened) & (logins.start < closed)
        begun |= inside
        if span.closed_by is ClosedBy.SHUTDOWN:
            end[(logins.start < closed) & (end > closed)] = closed
    change = np.minimum(logins.change, end)
    return LoginTable(
        *(
            column[begun]
            for column in (logins.person, logins.start, change, end, logins.licences)
        )
    )


def _split(logins: LoginTable, sets: int) -> _LoginParts:
    """Make two parts of a login whose licences change in its course."""
    changing = (logins.start < logins.change) & (logins.change < logins.end)
    return _LoginParts(
        np.concatenate([logins.person, logins.person[changing]]),
        np.concatenate([logins.start, logins.change[changing]]),
        np.concatenate(
            [np.where(changing, logins.change, logins.end), logins.end[changing]]
        ),
        np.concatenate([logins.licences, (logins.licences[changing] + 1) % sets]),
        np.arange(len(logins.start) + np.count_nonzero(changing)) >= len(logins.start),
    )


def _chosen(parts: _LoginParts, kept: NDArray[np.bool_]) -> _LoginParts:
    """Keep some parts, in the order of their start, as a server writes them."""
    order = np.lexsort((parts.person, parts.start))
    order = order[kept[order]]
    return _LoginParts(*(getattr(parts, name)[order] for name in _LoginParts.__slots__))
