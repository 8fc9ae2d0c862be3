"""Converts sessions to and from JSON lines, for people and scripts: one row a line.

{"user": "ada", "licences": ["I3_ACCESS_CLIENT"],
 "login": "2026-05-07T06:00:00Z", "logout": "2026-05-07T07:00:00Z", "flags": 0}
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import msgspec

from usage.usg.columns import OpenedDay, Sessions


class SessionRow(msgspec.Struct, forbid_unknown_fields=True):
    """One row; instants carry their zone, flags are the bits of `Flag`."""

    user: str
    licences: list[str]
    login: datetime
    logout: datetime
    flags: int = 0


class _WrittenRow(msgspec.Struct, forbid_unknown_fields=True):
    """The same as a person wrote it: instants as text, to be read by our own rule."""

    user: str
    licences: list[str]
    login: str
    logout: str
    flags: int = 0


_ROW = msgspec.json.Decoder(_WrittenRow)
# RFC 3339 with what it leaves to taste: "T" or a space, case, a colon in the offset.
_INSTANT = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]"
    r"(?P<time>(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])(?:\.(?P<part>[0-9]+))?"
    r"(?P<offset>[Zz]|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])"
)


def rows_of(day: OpenedDay) -> Iterator[SessionRow]:
    columns = (day.user, day.licences, day.login, day.logout, day.flags)
    for user, held, login, logout, flags in zip(
        *(column.tolist() for column in columns), strict=True
    ):
        yield SessionRow(
            user=day.users[user],
            licences=list(day.licence_sets[held]),
            login=day.opened_at + timedelta(seconds=login),
            logout=day.opened_at + timedelta(seconds=logout),
            flags=flags,
        )


def lines_of(day: OpenedDay) -> Iterator[str]:
    for row in rows_of(day):
        yield msgspec.json.encode(row).decode() + "\n"


def sessions_from(lines: Iterable[bytes], opened_at: datetime) -> Sessions:
    """Gather rows into columns; raise ValueError for a line that is not one."""
    rows = [_ROW.decode(line) for line in lines if line.strip()]
    users: dict[str, int] = {}
    sets: dict[tuple[str, ...], int] = {}
    return Sessions(
        user=[users.setdefault(row.user, len(users)) for row in rows],
        licences=[sets.setdefault(tuple(row.licences), len(sets)) for row in rows],
        login=[_seconds(row.login, opened_at) for row in rows],
        logout=[_seconds(row.logout, opened_at) for row in rows],
        flags=[row.flags for row in rows],
        users=list(users),
        licence_sets=list(sets),
    )


def _seconds(text: str, opened_at: datetime) -> int:
    """Seconds after the opening; a part of a second is cut off, towards the opening."""
    found = _INSTANT.fullmatch(text)
    if found is None:
        message = "an instant is not as in 2026-05-07T06:00:00Z, with its zone"
        raise ValueError(message)
    whole = datetime.fromisoformat(
        f"{found['day']}T{found['time']}{found['offset'].upper()}"
    )
    seconds = (whole - opened_at) // timedelta(seconds=1)
    cut = bool((found["part"] or "").strip("0"))
    return seconds + 1 if seconds < 0 and cut else seconds
