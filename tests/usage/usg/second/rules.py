"""Judges texts, rows and times; counts."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from struct import calcsize
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tests.usage.usg.second.body import COLUMNS, numbers
from tests.usage.usg.second.findings import cut, finding
from tests.usage.usg.second.header import instant

Finding = dict[str, Any]
Row = tuple[int, ...]
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_TRIMMED = """
0009-000D 001C-0020 0085 00A0 1680 2000-200A 2028 2029 202F 205F 3000
"""
_SPACES = "".join(
    chr(code)
    for first, _, last in (run.partition("-") for run in _TRIMMED.split())
    for code in range(int(first, 16), int(last or first, 16) + 1)
)


def span_of(header: Mapping[str, Any]) -> int:
    length = instant(header["closed_at"]) - instant(header["opened_at"])
    return max(0, length.days * 86_400 + length.seconds)


def _names(part: str, names: Sequence[str], most: int) -> Iterator[Finding]:
    where, longest = f"body.{part}", max(map(len, names), default=0)
    if longest > most:
        yield finding("text-too-long", where, part=part, length=longest, limit=most)
    if not all(names) or any(one < " " or one == "\x7f" for one in "".join(names)):
        yield finding("text-invalid", where, part=part)


def texts(entries: Mapping[str, Any], limits: Mapping[str, int]) -> Iterator[Finding]:
    users, sets = entries["users"], entries["licence_sets"]
    yield from _names("users", users, limits["user_characters"])
    of_sets = [name for names in sets for name in names]
    yield from _names("licence_sets", of_sets, limits["licence_characters"])
    if len(set(users)) < len(users):
        yield finding("text-repeated", "body.users", part="users")
    if any(len(set(names)) < len(names) for names in sets):
        yield finding("text-repeated", "body.licence_sets", part="licence_sets")


def columns(entries: Mapping[str, Any], sessions: int) -> Iterator[Finding]:
    for name, kind in COLUMNS.items():
        found, expected = len(entries[name]), sessions * calcsize(kind)
        if found != expected:
            yield finding(
                "column-length",
                f"body.{name}",
                part=name,
                bytes=found,
                expected=expected,
            )


def rows_of(entries: Mapping[str, Any]) -> list[Row]:
    return list(zip(*(numbers(entries[name], name) for name in COLUMNS), strict=True))


def wrong_rows(
    entries: Mapping[str, Any], rows: Sequence[Row], span: int
) -> Iterator[Finding]:
    users, sets = len(entries["users"]), len(entries["licence_sets"])

    def contradict(row: Row) -> bool:
        _, _, login, logout, flags = row
        return bool((flags & 1 and login != 0) or (flags & 2 and logout != span))

    checks: tuple[tuple[str, str, Callable[[Row], bool]], ...] = (
        ("user-index", "user", lambda row: row[0] >= users),
        ("licence-index", "licences", lambda row: row[1] >= sets),
        ("logout-before-login", "logout", lambda row: row[3] < row[2]),
        ("logout-after-close", "logout", lambda row: row[3] > span),
        ("flags-unknown", "flags", lambda row: row[4] > 7),
        ("flags-contradict", "flags", contradict),
    )
    for code, column, is_wrong in checks:
        wrong = [number for number, row in enumerate(rows) if is_wrong(row)]
        if wrong:
            value = rows[wrong[0]][list(COLUMNS).index(column)]
            where = f"body.{column}[{wrong[0]}]"
            yield finding(code, where, row=wrong[0], value=value, rows=len(wrong))


def named_rows(
    header: Mapping[str, Any], entries: Mapping[str, Any], rows: Sequence[Row]
) -> list[dict[str, Any]]:
    opened = instant(header["opened_at"])

    def at(seconds: int) -> str:
        moment = opened + timedelta(seconds=seconds)
        return moment.replace(tzinfo=None).isoformat() + "Z"

    return [
        {
            "user": entries["users"][user],
            "licences": entries["licence_sets"][held],
            "login": at(login),
            "logout": at(logout),
            "flags": flags,
        }
        for user, held, login, logout, flags in rows
    ]


def totals(rows: Sequence[Mapping[str, Any]], numbers_of: Sequence[Row]) -> Finding:
    composed = (unicodedata.normalize("NFC", row["user"]) for row in rows)
    return {
        "rows": len(rows),
        "logins": sum(not row["flags"] & 0b101 for row in rows),
        "users": len({name.casefold().strip(_SPACES) for name in composed}),
        "used_seconds": sum(row[3] - row[2] for row in numbers_of),
    }


def times(header: Mapping[str, Any], received_at: datetime) -> Iterator[Finding]:
    opened, closed = instant(header["opened_at"]), instant(header["closed_at"])
    if closed < opened:
        yield finding("closed-before-opened", "header.closed_at")
    latest = max(opened, closed)
    if latest - received_at > timedelta(days=1):
        later = latest.isoformat()
        yield finding("clock-ahead", "header.closed_at", closed=later)
    if received_at - opened > timedelta(days=3653):
        yield finding("clock-behind", "header.opened_at", opened=opened.isoformat())
    yield from _day(header, opened, closed)
    yield from _zone(header, opened, closed)
    if header["previous"] is None and header["sequence"] > 1:
        number = header["sequence"]
        yield finding("previous-missing", "header.previous", sequence=number)


def _day(
    header: Mapping[str, Any], opened: datetime, closed: datetime
) -> Iterator[Finding]:
    """Compare minutes and seconds as numbers: the year 10000 has midnights too."""
    day, minute = header["day"], timedelta(minutes=1)
    first = timedelta(days=date.fromisoformat(day).toordinal() - 719_163)
    last = first + timedelta(days=1)
    if not first <= opened - _EPOCH + header["opened_offset"] * minute < last:
        yield finding("day-differs", "header.day", day=day)
    offsets = {header["opened_offset"], header["closed_offset"]}
    ends = {closed - _EPOCH + offset * minute for offset in offsets}
    if all(end > last for end in ends):
        yield finding("day-overrun", "header.closed_at", day=day)
    elif header["closed_by"] == "midnight" and last not in ends:
        yield finding("midnight-differs", "header.closed_by", day=day)


def _zone(
    header: Mapping[str, Any], opened: datetime, closed: datetime
) -> Iterator[Finding]:
    name = header["zone"]
    zone = None
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*", name):
        try:
            zone = ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            zone = None
    if zone is None:
        yield finding("zone-unknown", "header.zone", zone=cut(name))
        return
    for field, moment in (("opened_offset", opened), ("closed_offset", closed)):
        allowed = _offsets(zone, moment)
        if allowed and header[field] not in allowed:
            yield finding(
                "offset-differs",
                f"header.{field}",
                seen=header[field],
                expected=max(allowed),
                zone=name,
            )


def _offsets(zone: ZoneInfo, moment: datetime) -> set[int]:
    found = set()
    for before in (0, 1):
        try:
            local = (moment - timedelta(seconds=before)).astimezone(zone)
        except OverflowError:
            return set()
        offset = local.utcoffset() or timedelta()
        minutes, seconds = divmod(offset.days * 86_400 + offset.seconds, 60)
        up = seconds > 30 or (seconds == 30 and minutes % 2 == 1)
        found.add(minutes + up)
    return found
