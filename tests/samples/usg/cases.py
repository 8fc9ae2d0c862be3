"""One sound file and, for every problem code, a file that has that problem.

Used by the tests and, once for each format version, to make the golden vectors.
"""

import hashlib
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import zstandard

from usage.usg import (
    ClosedBy,
    Code,
    Expected,
    Header,
    Limits,
    Sessions,
    envelope,
    fingerprints,
    frame,
    layout,
    write,
)
from usage.usg import header as headers
from usage.usg.writer import assemble, plaintext, resign


def secret(label: str) -> bytes:
    """A private key that anybody may know."""
    return hashlib.sha256(f"usg test key: {label}".encode()).digest()


SEALING = envelope.sealing_pair(secret("sealing"))
OTHER_SEALING = envelope.sealing_pair(secret("other sealing"))
SIGNING = envelope.signing_pair(secret("signing"))
OTHER_SIGNING = envelope.signing_pair(secret("other signing"))
TENANT = "C-1001"
RECEIVED_AT = datetime(2026, 5, 8, 9, tzinfo=UTC)

HEADER = Header(
    tenant=TENANT,
    server="IC01",
    series=uuid.UUID("0b0f2c2e-61f5-4c9e-8d3b-2f6f1c5a7d10"),
    sequence=1041,
    previous=hashlib.sha256(b"the file before").digest(),
    day=date(2026, 5, 7),
    zone="Europe/Berlin",
    opened_at=datetime(2026, 5, 6, 22, tzinfo=UTC),
    closed_at=datetime(2026, 5, 7, 22, tzinfo=UTC),
    opened_offset=120,
    closed_offset=120,
    closed_by=ClosedBy.MIDNIGHT,
    sessions=4,
    key=fingerprints.fingerprint(SEALING.public),
    signer=SIGNING.public,
    writer="golden 1",
)
SESSIONS = Sessions(
    users=["ada", "Jörg Müller", "grace"],
    licence_sets=[
        ["I3_ACCESS_CLIENT"],
        ["I3_ACCESS_ACD_MEDIA_1", "I3_ACCESS_CLIENT"],
    ],
    user=[0, 1, 1, 2],
    licences=[0, 0, 1, 1],
    login=[0, 28_800, 32_400, 79_200],
    logout=[3_600, 32_400, 61_200, 86_400],
    flags=[1, 0, 4, 2],
)
PLAIN = plaintext(HEADER, SESSIONS)
PACKED = frame.compress(PLAIN)


def good() -> bytes:
    return made(HEADER, SESSIONS)


def made(header: Header, sessions: Sessions = SESSIONS) -> bytes:
    return write(
        header,
        sessions,
        sealing_public=SEALING.public,
        signing_private=SIGNING.private,
    )


def around(packed: bytes, header: Header = HEADER) -> bytes:
    """A properly sealed and signed file with these bytes inside."""
    return with_header(headers.serialise(header), packed)


def with_header(header: bytes, packed: bytes = PACKED) -> bytes:
    return assemble(
        header, packed, sealing_public=SEALING.public, signing_private=SIGNING.private
    )


def fields(**changed: Any) -> bytes:
    """A header with some fields changed; None as a class, `...`, takes one out."""
    found = {**json.loads(headers.serialise(HEADER)), **changed}
    kept = {name: value for name, value in found.items() if value is not ...}
    return json.dumps(kept).encode()


def header_text(old: str, new: str) -> bytes:
    text = headers.serialise(HEADER).decode()
    assert old in text
    return with_header(text.replace(old, new).encode("utf-8", "surrogatepass"))


def plain(data: bytes, header: Header = HEADER) -> bytes:
    return around(frame.compress(data), header)


def entries(**changed: Any) -> bytes:
    """A body with some entries changed, in the right order."""
    found = {**msgspec.msgpack.decode(PLAIN), **changed}
    return plain(msgspec.msgpack.encode(found))


def column(name: str, *values: int, width: int) -> bytes:
    data = b"".join(value.to_bytes(width, "little") for value in values)
    return entries(**{name: data})


def prelude(offset: int, data: bytes) -> bytes:
    """A sound file with some of its first bytes overwritten, and signed again."""
    unsigned = bytearray(good()[: -layout.SIGNATURE_BYTES])
    unsigned[offset : offset + len(data)] = data
    return resign(bytes(unsigned), signing_private=SIGNING.private)


def flipped(offset: int) -> bytes:
    data = bytearray(good())
    data[offset] ^= 1
    return bytes(data)


def weak_signer() -> bytes:
    """With this key the all-zero scalar signs everything: R the point, S zero."""
    point = (1).to_bytes(32, "little")
    unsigned = with_header(headers.serialise(replace(HEADER, signer=point)))
    return unsigned[: -layout.SIGNATURE_BYTES] + point + bytes(32)


def signed_by_other() -> bytes:
    return write(
        HEADER,
        SESSIONS,
        sealing_public=SEALING.public,
        signing_private=OTHER_SIGNING.private,
    )


def sealed_to_other() -> bytes:
    return write(
        HEADER,
        SESSIONS,
        sealing_public=OTHER_SEALING.public,
        signing_private=SIGNING.private,
    )


def badly_sealed() -> bytes:
    data = bytearray(good()[: -layout.SIGNATURE_BYTES])
    data[-1] ^= 1
    return resign(bytes(data), signing_private=SIGNING.private)


def sizeless() -> bytes:
    return around(zstandard.ZstdCompressor(write_content_size=False).compress(PLAIN))


def wide_window() -> bytes:
    wide = zstandard.ZstdCompressionParameters(window_log=24)
    packer = zstandard.ZstdCompressor(compression_params=wide).compressobj(size=9 << 20)
    zeros = bytes(9 << 20)
    packed = packer.compress(zeros) + packer.flush()
    return with_header(fields(sessions=1_000_000), packed)


def needs_dictionary() -> bytes:
    """The frame of RFC 8878: single segment, dictionary 7, one raw block."""
    return around(b"\x28\xb5\x2f\xfd\x21\x07\x01\x09\x00\x00a")


def bomb() -> bytes:
    return around(frame.compress(bytes((64 << 20) + 1)))


def moved(**changed: Any) -> bytes:
    return made(replace(HEADER, **changed))


def shifted(by: timedelta) -> bytes:
    """The whole file on another day, its zone data left out of the question."""
    return made(
        replace(
            HEADER,
            day=HEADER.day + by,
            zone="Etc/GMT-2",
            opened_at=HEADER.opened_at + by,
            closed_at=HEADER.closed_at + by,
        )
    )


def grown(**changed: Any) -> bytes:
    """A file without rows, so that its span may be changed freely."""
    return made(replace(HEADER, **changed), Sessions())


@dataclass(frozen=True)
class Case:
    code: Code
    build: Callable[[], bytes]
    limits: Mapping[str, int] = field(default_factory=dict)


COUNT = b"\x87" + b"".join(
    msgspec.msgpack.encode(name) + msgspec.msgpack.encode(value)
    for name, value in msgspec.msgpack.decode(PLAIN).items()
    if name != "users"
)
USERS = COUNT + msgspec.msgpack.encode("users")

CASES: tuple[Case, ...] = (
    Case(Code.FILE_EMPTY, lambda: b""),
    Case(Code.FILE_TOO_LARGE, good, {"file_bytes": 100}),
    Case(Code.FILE_ZIP, lambda: b"PK\x03\x04" + bytes(60)),
    Case(Code.FILE_PLAIN_TEXT, lambda: b"server;day\r\nIC01;2026-05-07\r\n"),
    Case(Code.MAGIC_TEXT_MODE, lambda: good().replace(b"\r\n", b"\n")),
    Case(Code.MAGIC_SEVEN_BIT, lambda: bytes(byte & 0x7F for byte in good())),
    Case(Code.MAGIC_UNKNOWN, lambda: b"\x89PNG\r\n\x1a\n" + bytes(20)),
    Case(Code.VERSION_UNKNOWN, lambda: prelude(8, b"\x02")),
    Case(Code.SUITE_UNKNOWN, lambda: prelude(9, b"\x02")),
    Case(Code.LENGTH_SHORT, lambda: good()[:-100]),
    Case(Code.LENGTH_LONG, lambda: good() + b"\x00"),
    Case(Code.LENGTH_IMPOSSIBLE, lambda: prelude(14, bytes(8))),
    Case(Code.HEADER_TOO_LARGE, lambda: with_header(b" " * 16_385)),
    Case(Code.HEADER_NOT_UTF8, lambda: with_header(b'{"tenant":"\xff"}')),
    Case(Code.HEADER_BYTE_ORDER_MARK, lambda: with_header(b"\xef\xbb\xbf" + fields())),
    Case(Code.HEADER_NOT_JSON, lambda: with_header(fields()[:-1])),
    Case(Code.HEADER_NESTED, lambda: with_header(fields(more=[1]))),
    Case(Code.HEADER_DUPLICATE, lambda: header_text('{"', '{"day":"2026-05-06","')),
    Case(Code.HEADER_NUMBER, lambda: header_text(":1041,", ":NaN,")),
    Case(Code.HEADER_TEXT, lambda: header_text('"IC01"', '"IC01\\u0000"')),
    Case(Code.HEADER_FIELD_MISSING, lambda: with_header(fields(zone=...))),
    Case(Code.HEADER_FIELD_INVALID, lambda: with_header(fields(sequence=0))),
    Case(Code.TENANT_OTHER, lambda: moved(tenant="C-1002")),
    Case(Code.KEY_UNKNOWN, sealed_to_other),
    Case(Code.SIGNER_WEAK, weak_signer),
    Case(Code.SIGNATURE_INVALID, lambda: flipped(-100)),
    Case(Code.SIGNER_UNKNOWN, signed_by_other),
    Case(Code.SEAL_BROKEN, badly_sealed),
    Case(Code.FRAME_INVALID, lambda: around(PACKED[:-1])),
    Case(Code.FRAME_SKIPPABLE, lambda: around(b"\x50\x2a\x4d\x18" + bytes(4) + PACKED)),
    Case(Code.FRAME_SIZE_MISSING, sizeless),
    Case(Code.FRAME_TOO_LARGE, bomb),
    Case(Code.FRAME_DICTIONARY, needs_dictionary),
    Case(Code.FRAME_WINDOW, wide_window),
    Case(Code.FRAME_TRAILING, lambda: around(PACKED + PACKED)),
    Case(Code.BODY_CUT, lambda: plain(PLAIN[:-1])),
    Case(Code.BODY_MALFORMED, lambda: plain(b"\x93" + PLAIN[1:])),
    Case(Code.BODY_ENTRY, lambda: plain(PLAIN.replace(b"\xa5login", b"\xa5logon"))),
    Case(Code.BODY_EXTENSION, lambda: plain(USERS + b"\x91\xd4\x01a")),
    Case(Code.BODY_TRAILING, lambda: plain(PLAIN + b"\xc0")),
    Case(Code.TEXTS_TOO_LARGE, good, {"text_bytes": 50}),
    Case(Code.COUNT_TOO_LARGE, lambda: plain(USERS + b"\xdd\xff\xff\xff\xff")),
    Case(Code.COLUMN_LENGTH, lambda: column("flags", 1, 0, 4, width=1)),
    Case(Code.TEXT_INVALID, lambda: entries(users=["ada", "jo\x00rg", "grace"])),
    Case(Code.TEXT_TOO_LONG, lambda: entries(users=["ada", "j" * 321, "grace"])),
    Case(Code.TEXT_REPEATED, lambda: entries(users=["ada", "ada", "grace"])),
    Case(Code.USER_INDEX, lambda: column("user", 0, 1, 3, 2, width=4)),
    Case(Code.LICENCE_INDEX, lambda: column("licences", 0, 2, 1, 1, width=2)),
    Case(
        Code.LOGOUT_BEFORE_LOGIN,
        lambda: column("logout", 3_600, 28_799, 61_200, 86_400, width=4),
    ),
    Case(
        Code.LOGOUT_AFTER_CLOSE,
        lambda: column("logout", 3_600, 32_400, 86_401, 86_400, width=4),
    ),
    Case(Code.FLAGS_UNKNOWN, lambda: column("flags", 1, 8, 4, 2, width=1)),
    Case(Code.FLAGS_CONTRADICT, lambda: column("flags", 1, 1, 4, 2, width=1)),
    Case(
        Code.CLOSED_BEFORE_OPENED,
        lambda: grown(
            closed_at=HEADER.opened_at - timedelta(seconds=1), closed_by=ClosedBy.CLOCK
        ),
    ),
    Case(
        Code.DAY_DIFFERS,
        lambda: moved(day=date(2026, 5, 8), closed_by=ClosedBy.SHUTDOWN),
    ),
    Case(
        Code.DAY_OVERRUN,
        lambda: grown(
            closed_at=HEADER.closed_at + timedelta(seconds=1),
            closed_by=ClosedBy.SHUTDOWN,
        ),
    ),
    Case(
        Code.MIDNIGHT_DIFFERS,
        lambda: grown(closed_at=HEADER.closed_at - timedelta(seconds=1)),
    ),
    Case(Code.CLOCK_AHEAD, lambda: shifted(timedelta(days=2))),
    Case(Code.CLOCK_BEHIND, lambda: shifted(timedelta(days=-3660))),
    Case(Code.ZONE_UNKNOWN, lambda: moved(zone="W. Europe Standard Time")),
    Case(Code.OFFSET_DIFFERS, lambda: moved(closed_offset=60)),
    Case(Code.PREVIOUS_MISSING, lambda: moved(previous=None)),
)


def expected(**changed: Any) -> Expected:
    """What a portal that knows the one tenant, key and server would expect."""
    keys = {fingerprints.fingerprint(SEALING.public): SEALING.private}
    found = Expected(
        tenant=TENANT,
        received_at=RECEIVED_AT,
        opening_key=keys.get,
        is_trusted=lambda server, key: (server, key) == ("IC01", SIGNING.public),
    )
    return replace(found, **changed)


def expected_for(limits: Mapping[str, int]) -> Expected:
    return expected(limits=Limits(**limits))


def sound_files() -> dict[str, bytes]:
    """Files with nothing wrong: each shows one thing a reader must be able to take."""
    berlin_spring = replace(
        HEADER,
        day=date(2026, 3, 29),
        opened_at=datetime(2026, 3, 28, 23, tzinfo=UTC),
        closed_at=datetime(2026, 3, 29, 22, tzinfo=UTC),
        opened_offset=60,
    )
    berlin_autumn = replace(
        HEADER,
        day=date(2025, 10, 26),
        opened_at=datetime(2025, 10, 25, 22, tzinfo=UTC),
        closed_at=datetime(2025, 10, 26, 23, tzinfo=UTC),
        closed_offset=60,
    )
    one = Sessions(["ada"], [["I3_ACCESS_CLIENT"]], [0], [0], [0], [82_800], [0])
    return {
        "sound-day": good(),
        "sound-no-logins": made(HEADER, Sessions()),
        "sound-23-hours": made(berlin_spring, one),
        "sound-25-hours": made(berlin_autumn, one),
        "sound-first-of-all": made(replace(HEADER, sequence=1, previous=None)),
        "sound-crash": made(
            replace(
                HEADER,
                closed_at=HEADER.opened_at + timedelta(hours=23),
                closed_by=ClosedBy.CRASH,
            ),
            one,
        ),
        "sound-unknown-field": with_header(fields(colour="green")),
    }
