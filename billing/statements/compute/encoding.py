"""Encodes the usage of a day as bytes, to be stored, and decodes it."""

from datetime import date

import msgspec
import numpy as np
import zstandard

from billing.statements.compute.days import DayUsage, LineDay
from billing.statements.compute.levels import Held, Level, Peak

# Part of the hash of a day's inputs: days in another format are stale.
FORMAT = 1

# Against damaged bytes: a day of the largest customers has 200 kB.
_MOST_BYTES = 64 * 1024 * 1024


class _Line(msgspec.Struct, array_like=True):
    peak: tuple[int, int | None, int, int]
    held: tuple[int, int | None]
    named_users: int
    logins: int
    used_seconds: int
    row_seconds: int
    hours: list[tuple[int, int]]
    head: bytes
    tail: bytes
    users: bytes


class _Day(msgspec.Struct, array_like=True):
    format: int
    day: date
    starts_at: int
    ends_at: int
    rows: int
    doubtful: dict[str, int]
    licence_keys: list[str]
    lines: dict[str, _Line]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Day)


def encode(usage: DayUsage) -> bytes:
    """Encode a day; equal usage gives equal bytes."""
    plain = _Day(
        format=FORMAT,
        day=usage.day,
        starts_at=usage.starts_at,
        ends_at=usage.ends_at,
        rows=usage.rows,
        doubtful=dict(usage.doubtful),
        licence_keys=sorted(usage.licence_keys),
        lines={name: _line_out(one) for name, one in usage.lines.items()},
    )
    return zstandard.ZstdCompressor(level=3).compress(_ENCODER.encode(plain))


def decode(data: bytes) -> DayUsage:
    """Decode what `encode` returned; raise ValueError for anything else."""
    try:
        plain = zstandard.ZstdDecompressor().decompress(
            data, max_output_size=_MOST_BYTES
        )
        found = _DECODER.decode(plain)
    except (zstandard.ZstdError, msgspec.DecodeError) as error:
        raise ValueError(str(error)) from error
    if found.format != FORMAT:
        message = f"a day in format {found.format}, not {FORMAT}"
        raise ValueError(message)
    return DayUsage(
        day=found.day,
        starts_at=found.starts_at,
        ends_at=found.ends_at,
        rows=found.rows,
        doubtful=found.doubtful,
        licence_keys=frozenset(found.licence_keys),
        lines={name: _line_in(one) for name, one in found.lines.items()},
    )


def _line_out(line: LineDay) -> _Line:
    return _Line(
        peak=(line.peak.level, line.peak.at, line.peak.seconds, line.peak.runs),
        held=(line.held.level, line.held.at),
        named_users=line.named_users,
        logins=line.logins,
        used_seconds=line.used_seconds,
        row_seconds=line.row_seconds,
        hours=list(line.hours),
        head=_level_out(line.head),
        tail=_level_out(line.tail),
        users=line.users.tobytes(),
    )


def _line_in(plain: _Line) -> LineDay:
    return LineDay(
        peak=Peak(*plain.peak),
        held=Held(*plain.held),
        named_users=plain.named_users,
        logins=plain.logins,
        used_seconds=plain.used_seconds,
        row_seconds=plain.row_seconds,
        hours=tuple(plain.hours),
        head=_level_in(plain.head),
        tail=_level_in(plain.tail),
        users=np.frombuffer(plain.users, np.uint8),
    )


def _level_out(level: Level) -> bytes:
    # Changes compress to a tenth of the levels.
    changes = level.astype("<i4")
    changes[1:] -= level[:-1]
    return changes.tobytes()


def _level_in(data: bytes) -> Level:
    return np.cumsum(np.frombuffer(data, "<i4"), dtype=np.int32)
