"""Writes and strictly reads the clear header: one flat JSON object."""

import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import partial
from typing import Any

from usage.usg import flat_json
from usage.usg.characters import nfc
from usage.usg.problems import Code, Problem, shown

WRITER = "usage portal emulator 1"

# Wide enough for the customer numbers and host names in use, short enough to print.
TENANT_CHARACTERS = 64
SERVER_CHARACTERS = 128
# The longest name in the zone database has 32 characters.
ZONE_CHARACTERS = 64
WRITER_CHARACTERS = 128
# PostgreSQL's bigint; a series of a file a second would last 300 billion years.
LARGEST_SEQUENCE = 2**63 - 1
# No clock on Earth is further from UTC than this.
LARGEST_OFFSET = 18 * 60
# Above any limit of rows, and small enough for every integer type in use.
LARGEST_COUNT = 2**53


class ClosedBy(StrEnum):
    """Why the server closed the file."""

    MIDNIGHT = "midnight"
    RESTART = "restart"
    SHUTDOWN = "shutdown"
    CLOCK = "clock"
    CRASH = "crash"


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says about itself; instants in UTC, offsets in minutes from UTC.

    `previous` is the SHA-256 of the predecessor (32 bytes), None for the very first.
    `key` is the fingerprint of the sealing key, `signer` the raw public key; these two
    and `sessions` are filled in by the writer.
    """

    tenant: str
    server: str
    series: uuid.UUID
    sequence: int
    previous: bytes | None
    day: date
    zone: str
    opened_at: datetime
    closed_at: datetime
    opened_offset: int
    closed_offset: int
    closed_by: ClosedBy
    sessions: int = 0
    key: str = ""
    signer: bytes = b""
    writer: str = WRITER

    @property
    def span(self) -> int:
        """Whole seconds from opening to closing; 0 if the clock ran backwards."""
        return max(0, int((self.closed_at - self.opened_at).total_seconds()))


def serialise(header: Header) -> bytes:
    """Write compact UTF-8 JSON, fields in order; raise ValueError for a wrong one."""
    fields = {
        "tenant": header.tenant,
        "server": header.server,
        "series": str(header.series),
        "sequence": header.sequence,
        "previous": None if header.previous is None else header.previous.hex(),
        "day": header.day.isoformat(),
        "zone": header.zone,
        "opened_at": _instant_text(header.opened_at),
        "closed_at": _instant_text(header.closed_at),
        "opened_offset": header.opened_offset,
        "closed_offset": header.closed_offset,
        "closed_by": header.closed_by.value,
        "sessions": header.sessions,
        "key": header.key,
        "signer": header.signer.hex(),
        "writer": header.writer,
    }
    data = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
    _, problems = parse(data)
    if problems:
        message = f"not a valid header: {problems[0].title}"
        raise ValueError(message)
    return data


def parse(data: bytes) -> tuple[Header | None, list[Problem]]:
    """Read a header of bounded size; every wrong field is its own problem."""
    try:
        fields = flat_json.parse(data)
    except flat_json.BrokenHeaderError as broken:
        return None, [broken.problem]
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, read in _READERS.items():
        if name not in fields:
            problems.append(_problem(Code.HEADER_FIELD_MISSING, name))
            continue
        try:
            values[name] = read(fields[name])
        except (ValueError, TypeError):
            value = _as_written(fields[name])
            problems.append(_problem(Code.HEADER_FIELD_INVALID, name, value=value))
    return (None if problems else Header(**values)), problems


def _problem(code: Code, name: str, **params: str) -> Problem:
    return Problem(code, f"header.{name}", {"field": name, **params})


def _as_written(value: flat_json.Value) -> str:
    """Show a value as JSON has it, a text without its quotes."""
    return shown(value if isinstance(value, str) else json.dumps(value))


_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# Newer Pythons read 24:00:00 as the midnight after; the format has one way to write it.
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z"
)
_SERIES = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _instant_text(instant: datetime) -> str:
    """RFC 3339 in UTC, whole seconds; isoformat pads the year, strftime does not."""
    if instant.microsecond:
        message = "instants are whole seconds"
        raise ValueError(message)
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def _text(value: object, *, most: int) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= most:
        raise ValueError
    # The parser lets no other white space pass.
    if value != nfc(value.strip(" ")):
        raise ValueError
    return value


def _integer(value: object, *, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError
    if not least <= value <= most:
        raise ValueError
    return value


def _matching(value: object, pattern: re.Pattern[str]) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError
    return value


def _bytes(value: object, *, size: int) -> bytes:
    return bytes.fromhex(_matching(value, re.compile(rf"[0-9a-f]{{{2 * size}}}")))


def _series(value: object) -> uuid.UUID:
    return uuid.UUID(_matching(value, _SERIES))


def _previous(value: object) -> bytes | None:
    return None if value is None else _bytes(value, size=32)


def _day(value: object) -> date:
    return date.fromisoformat(_matching(value, _DAY))


def _instant(value: object) -> datetime:
    return datetime.fromisoformat(_matching(value, _INSTANT))


def _closed_by(value: object) -> ClosedBy:
    return ClosedBy(_text(value, most=16))


def _key(value: object) -> str:
    return _bytes(value, size=16).hex()


_offset = partial(_integer, least=-LARGEST_OFFSET, most=LARGEST_OFFSET)

_READERS: Mapping[str, Callable[[object], Any]] = {
    "tenant": partial(_text, most=TENANT_CHARACTERS),
    "server": partial(_text, most=SERVER_CHARACTERS),
    "series": _series,
    "sequence": partial(_integer, least=1, most=LARGEST_SEQUENCE),
    "previous": _previous,
    "day": _day,
    "zone": partial(_text, most=ZONE_CHARACTERS),
    "opened_at": _instant,
    "closed_at": _instant,
    "opened_offset": _offset,
    "closed_offset": _offset,
    "closed_by": _closed_by,
    "sessions": partial(_integer, least=0, most=LARGEST_COUNT),
    "key": _key,
    "signer": partial(_bytes, size=32),
    "writer": partial(_text, most=WRITER_CHARACTERS),
}
