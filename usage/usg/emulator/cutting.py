"""Cuts logins into the rows of files, by the history of a server."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from usage.usg.columns import Flag, Sessions
from usage.usg.emulator.history import FileSpan
from usage.usg.emulator.logins import LoginTable, name_of
from usage.usg.header import ClosedBy


@dataclass(frozen=True, slots=True, eq=False)
class _LoginParts:
    """Parts of logins with one licence set each."""

    person: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    licences: NDArray[np.int64]
    continues: NDArray[np.bool_]


def rows_of(
    span: FileSpan,
    watched: Sequence[FileSpan],
    logins: LoginTable,
    licence_sets: Sequence[Sequence[str]],
) -> Sessions:
    """Cut the logins to one file.

    `watched` are the server's files of this day and the one before: nobody can log in
    while the server is away, and a shutdown ends all logins.
    """
    opened, closed = _seconds(span)
    parts = _split(_possible(logins, watched))
    # A part of no length belongs to the file in which it begins.
    lasts = (parts.end > opened) | (parts.start >= opened)
    kept = _chosen(parts, (parts.start < closed) & lasts)
    flags = (
        Flag.FROM_BEFORE * (kept.start < opened)
        + Flag.GOES_ON * (kept.end > closed)
        + Flag.CONTINUES * (kept.continues & (kept.start >= opened))
    )
    people, user = np.unique(kept.person, return_inverse=True)
    held, licences = np.unique(kept.licences, return_inverse=True)
    return Sessions(
        users=[name_of(int(person)) for person in people],
        licence_sets=[licence_sets[int(index)] for index in held],
        user=user,
        licences=licences,
        login=np.maximum(kept.start, opened) - opened,
        logout=np.minimum(kept.end, closed) - opened,
        flags=flags,
    )


def _seconds(span: FileSpan) -> tuple[int, int]:
    return int(span.opened_at.timestamp()), int(span.closed_at.timestamp())


def _possible(logins: LoginTable, watched: Sequence[FileSpan]) -> LoginTable:
    """Keep the logins that begin within a file, and end them at a shutdown."""
    begun = np.zeros(len(logins.start), dtype=np.bool_)
    end = logins.end.copy()
    for span in watched:
        opened, closed = _seconds(span)
        inside = (logins.start >= opened) & (logins.start < closed)
        begun |= inside
        if span.closed_by is ClosedBy.SHUTDOWN:
            end[(logins.start < closed) & (end > closed)] = closed
    return LoginTable(
        logins.person[begun],
        logins.start[begun],
        np.minimum(logins.change, end)[begun],
        end[begun],
        logins.licences[begun],
        logins.changed[begun],
    )


def _split(logins: LoginTable) -> _LoginParts:
    """Split logins in two where their licences change."""
    changing = (logins.start < logins.change) & (logins.change < logins.end)
    return _LoginParts(
        np.concatenate([logins.person, logins.person[changing]]),
        np.concatenate([logins.start, logins.change[changing]]),
        np.concatenate(
            [np.where(changing, logins.change, logins.end), logins.end[changing]]
        ),
        np.concatenate([logins.licences, logins.changed[changing]]),
        np.arange(len(logins.start) + np.count_nonzero(changing)) >= len(logins.start),
    )


def _chosen(parts: _LoginParts, kept: NDArray[np.bool_]) -> _LoginParts:
    """Keep some parts, ordered by start, as a server writes them."""
    order = np.lexsort((parts.person, parts.start))
    order = order[kept[order]]
    return _LoginParts(*(getattr(parts, name)[order] for name in _LoginParts.__slots__))
