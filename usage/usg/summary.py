"""Computes small exact figures of one opened day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from usage.usg.characters import SPACES, folded, nfc
from usage.usg.columns import Flag, OpenedDay

# A plain number: with an IntFlag, NumPy would make eight bytes of every byte.
_BEGAN_EARLIER = int(Flag.FROM_BEFORE | Flag.CONTINUES)

# Rows looked up at once: NumPy widens the numbers of users for it, and the widened
# column of a large day would weigh more than the file.
_ROWS_AT_ONCE = 1 << 16


@dataclass(frozen=True, slots=True)
class Totals:
    """`rows` of the file; `logins` that began in it; distinct `users` seen in it.

    A row is a login unless it was logged in already when the file opened (its login is
    in an earlier file) or goes on from an earlier row (its licences changed). So the
    logins of consecutive files add up, whatever was cut at midnight or by a restart.
    Users are distinct after `fold`; they do not add up over files. `used_seconds` is
    the sum over rows: a user on twice at once counts twice. `first_at` and `last_at`
    are the earliest start and the latest end (UTC), None in a file without rows.
    """

    rows: int
    logins: int
    users: int
    first_at: datetime | None
    last_at: datetime | None
    used_seconds: int


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """Disjoint half-open intervals, a row each, ordered by user and start.

    `user` points into `names` (folded, sorted); `start` and `end` are seconds after the
    opening of the file.
    """

    names: tuple[str, ...]
    user: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]

    @property
    def seconds(self) -> int:
        return int((self.end - self.start).sum())


def fold(names: Sequence[str]) -> list[str]:
    """Names as they are compared: NFC, trimmed, case-folded, all by Unicode 14.0.

    All at once, joined by a line feed, which no name may hold and which neither step
    joins with its neighbours.
    """
    joined = folded(nfc("\n".join(names)))
    return [name.strip(SPACES) for name in joined.split("\n")] if names else []


def summarise(day: OpenedDay) -> Totals:
    rows = day.sessions
    if not rows:
        return Totals(0, 0, 0, None, None, 0)
    began_earlier = day.flags & _BEGAN_EARLIER
    used = day.logout.sum(dtype=np.int64) - day.login.sum(dtype=np.int64)
    return Totals(
        rows=rows,
        logins=rows - int(np.count_nonzero(began_earlier)),
        users=_distinct_users(day),
        first_at=day.opened_at + timedelta(seconds=int(day.login.min())),
        last_at=day.opened_at + timedelta(seconds=int(day.logout.max())),
        used_seconds=int(used),
    )


def _distinct_users(day: OpenedDay) -> int:
    """Only names that a row points to: being listed is not being logged in."""
    seen = np.zeros(len(day.users), dtype=np.bool_)
    for start in range(0, day.sessions, _ROWS_AT_ONCE):
        seen[day.user[start : start + _ROWS_AT_ONCE]] = True
    return len(set(compress(fold(day.users), seen.tolist())))


def merge(day: OpenedDay) -> Spans:
    """Unite each user's rows: on twice at once, or handed over, counts once.

    Rows that touch are one interval; rows without length vanish.
    """
    folded = fold(day.users)
    names = tuple(sorted(set(folded)))
    rank = {name: index for index, name in enumerate(names)}
    ranks = np.fromiter((rank[name] for name in folded), np.int64, len(folded))
    kept = day.login < day.logout
    user = ranks[day.user[kept]]
    start, end = day.login[kept].astype(np.int64), day.logout[kept].astype(np.int64)
    order = np.lexsort((start, user))
    return _united(names, user[order], start[order], end[order])


def _united(names: tuple[str, ...], user: Any, start: Any, end: Any) -> Spans:
    # With each user shifted beyond the span of the one before, a single running
    # maximum serves all users.
    width = int(end.max(initial=0)) + 1
    reach = np.maximum.accumulate(user * width + end)
    first = np.ones(len(user), dtype=np.bool_)
    first[1:] = (user * width + start)[1:] > reach[:-1]
    heads = np.flatnonzero(first)
    tails = np.append(heads[1:], len(user)) - 1 if len(heads) else heads
    return Spans(names, user[heads], start[heads], reach[tails] - user[heads] * width)
