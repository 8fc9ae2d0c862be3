"""Damages one layer of a file: start, end, header, frame, columns, rows, times."""

import struct
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import cache
from itertools import cycle

import zstandard

from tests.usage.usg.second import keys, writer
from tests.usage.usg.second.body import COLUMNS
from tests.usage.usg.second.damage import DAY_SECONDS, GOLDEN, SIGNING, Damage
from tests.usage.usg.second.materials import (
    ALIEN,
    BYTES,
    NAMES,
    PIECES,
    TEXTS,
    VALUES,
    ZONES,
)


def _sound(make: Damage) -> bytes:
    return make.around(*make.day())


def _travel(make: Damage) -> bytes:
    return make.changed(make.random.choice(_small_golden_files()))


@cache
def _small_golden_files() -> tuple[bytes, ...]:
    found = (path.read_bytes() for path in sorted(GOLDEN.glob("*.usg")))
    return tuple(data for data in found if 0 < len(data) < 8_192)


def _start(make: Damage) -> bytes:
    """Magic, version, suite and lengths, signed again or not."""
    random, data = make.random, bytearray(_sound(make))
    size = len(data)
    lengths = (0, 1, 300, 16_384, 16_385, size - 22, size - 21, 2**32 - 1)
    totals = (0, 22, 133, 134, 500, size - 1, size, size + 1, 2**64 - 1)
    kind = random.randrange(6)
    if kind == 0:
        return bytes(data[: random.randrange(40)])
    if kind == 1:
        start = bytes.fromhex(random.choice(ALIEN))
        return start + random.choice((b"", b"abc", bytes(data[8:])))
    if kind == 2:
        data[random.randrange(8)] ^= 1 << random.randrange(8)
    if kind == 3:
        data[8] = random.choice((0, 1, 2, 255))
    if kind in (3, 4):
        data[9] = random.choice((0, 1, 2, 255))
        data[14:22] = random.choice(totals).to_bytes(8, "big")
    if kind in (4, 5):
        data[10:14] = random.choice(lengths).to_bytes(4, "big")
    data = data[: random.choice((size, size, 200, size - 1))]
    again = random.random() < 0.5
    return writer.signed_file(bytes(data[:-64]), SIGNING) if again else bytes(data)


def _end(make: Damage) -> bytes:
    """Cut, lengthened, badly sealed, signed by another, by nobody or by a weak key."""
    random, data = make.random, _sound(make)
    kind = random.randrange(6)
    if kind == 0:
        return data[: -random.randrange(1, len(data))]
    if kind == 1:
        return data + bytes(random.randrange(1, 99))
    if kind == 2:
        sealed = make.changed(data[-300:-64])
        total = len(data) - 236 + len(sealed)
        unsigned = data[:14] + total.to_bytes(8, "big") + data[22:-300] + sealed
        return writer.signed_file(unsigned, SIGNING)
    if kind == 3:
        other = bytes(32)
        header, content = make.day()
        header["signer"] = keys.signing_public(other).hex()
        packed = writer.packed_body(writer.plain_body(content))
        unsigned = make.unsigned(writer.header_bytes(header), packed)
        return writer.signed_file(unsigned, random.choice((other, other, SIGNING)))
    if kind == 4:
        header, content = make.day()
        weak = random.choice(sorted(keys.SMALL_ORDER))
        header |= random.choice(({"signer": weak.hex()}, {"key": "ab" * 16}))
        return make.around(header, content)
    at = -random.randrange(1, 65)
    return data[:at] + bytes([data[at] ^ 1]) + data[len(data) + at + 1 :]


def _fields(make: Damage) -> bytes:
    """Other values of fields, of later fields too; fields that lack."""
    header, content = make.day()
    random = make.random
    for _ in make.times():
        name = random.choice((*header, "later"))
        if random.random() < 0.1:
            header.pop(name, None)
        else:
            header[name] = random.choice(VALUES + TEXTS)
    return make.around(header, content)


def _text(make: Damage) -> bytes:
    """Other JSON."""
    header, content = make.day()
    random, text = make.random, writer.header_bytes(header).decode("utf-8")
    for _ in make.times():
        at = random.randrange(len(text) + 1)
        piece = random.choice(PIECES + TEXTS)
        text = text[:at] + piece + text[at + random.choice((0, 0, 1, 4)) :]
    data = text.encode("utf-8", "surrogatepass")
    if random.random() < 0.1:
        data = make.changed(data)
    return make.sealed(data, writer.packed_body(writer.plain_body(content)))


def _packed(make: Damage) -> bytes:
    header, content = make.day()
    packed = writer.packed_body(writer.plain_body(content))
    return make.sealed(writer.header_bytes(header), make.changed(packed))


def _inner(make: Damage) -> bytes:
    header, content = make.day()
    plain = make.changed(writer.plain_body(content))
    if make.random.random() < 0.1:
        plain = writer.plain_body(content) + make.random.choice(BYTES)
    return make.sealed(writer.header_bytes(header), writer.packed_body(plain))


def _frame(make: Damage) -> bytes:
    """Frames put together by hand: every field of the frame header, and its end."""
    header, content = make.day()
    random, plain = make.random, writer.plain_body(content)
    checked = zstandard.ZstdCompressor(write_checksum=True).compress(plain)
    size = len(plain) + random.choice((0, 0, 0, 0, -1, 1, 9 << 20))
    block = struct.pack("<I", len(plain) << 3 | 1)[:3] + plain
    window = bytes([random.choice((0, 0x58, 0x68, 0x69, 0x70, 0xA8, 0xB0, 0xFF))])
    four = size.to_bytes(4, "little")
    built = (
        b"\xa0" + four,
        b"\xa1\x00" + four,
        b"\xa2\x00\x00" + four,
        b"\xa3\x00\x00\x00" + random.choice((b"\x00", b"\x07")) + four,
        b"\xa8" + four,
        b"\xb0" + four,
        b"\xe0" + four + bytes(4),
        b"\x80" + window + four,
        b"\x60" + max(0, size - 256).to_bytes(4, "little")[:2],
        b"\x00" + window,
        b"\x20\x00",
    )
    tails = (b"", b"", b"\x00", checked, b"\x50\x2a\x4d\x18" + bytes(4))
    hand_made = b"\x28\xb5\x2f\xfd" + random.choice(built) + block
    start = random.choice((b"", b"", b"", b"\x5f\x2a\x4d\x18" + bytes(4)))
    bodies = (hand_made, hand_made, checked, make.changed(checked), b"", b"\x28\xb5")
    packed = start + random.choice(bodies) + random.choice(tails)
    return make.sealed(writer.header_bytes(header), packed)


def _content(make: Damage) -> bytes:
    """Other rows, names and counts in a sound layout."""
    header, content = make.day()
    random = make.random
    edges = (0, 1, 2, 3, 4, 5, 7, 8, 9, 255, 65_535, DAY_SECONDS, DAY_SECONDS + 1)
    for _ in make.times():
        kind, column = random.randrange(8), random.choice(tuple(COLUMNS))
        if kind == 0:
            content["users"].append(random.choice((*NAMES, *content["users"])))
        elif kind == 1:
            random.choice(content["licence_sets"]).append(random.choice(("A", *NAMES)))
        elif kind == 2:
            counts = (0, 1, header["sessions"] + 1, 3_999_999, 4_000_000, 4_000_001)
            header["sessions"] = random.choice(counts)
        elif content[column] and kind == 3:
            content[column].pop()
        elif content[column]:
            most = 256 ** struct.calcsize(COLUMNS[column])
            at = random.randrange(len(content[column]))
            content[column][at] = random.choice(edges) % most
    return make.around(header, content)


def _clock(make: Damage) -> bytes:
    """Other days, zones, offsets and instants, in a file without rows."""
    header, content = make.day()
    random = make.random
    content.update({name: [] for name in COLUMNS})
    days = ("2026-05-07", "2026-03-29", "2025-10-26", "2026-05-09", "2016-05-07")
    edges = ("0001-01-01", "1900-01-01", "2016-05-09", "2026-05-10", "9999-12-31")
    header |= {"sessions": 0, "zone": random.choice(ZONES)}
    header["day"] = random.choice(days + edges)
    header["closed_by"] = random.choice(("midnight", "midnight", "restart", "clock"))
    first = (0, 0, 0, 5, -1, DAY_SECONDS - 1, DAY_SECONDS)
    last = (DAY_SECONDS, DAY_SECONDS, DAY_SECONDS - 1, DAY_SECONDS + 1, 82_800, 0)
    for end, seconds in (("opened", first), ("closed", last)):
        offset = random.choice((60, 120, 0, 345, -150, -210, 720, -720, 1080, 20, -44))
        header[f"{end}_offset"] = offset
        after = timedelta(seconds=random.choice(seconds), minutes=-offset)
        header[f"{end}_at"] = _instant(header["day"], after)
    if random.random() < 0.2:
        header |= {"previous": None, "sequence": random.choice((1, 2))}
    return make.around(header, content)


def _instant(day: str, after: timedelta) -> str:
    midnight = datetime.fromisoformat(day)
    try:
        return (midnight + after).isoformat() + "Z"
    except OverflowError:
        return midnight.isoformat() + "Z"


LAYERS: Mapping[str, Callable[[Damage], bytes]] = {
    "sound": _sound,
    "travel": _travel,
    "start": _start,
    "end": _end,
    "fields": _fields,
    "text": _text,
    "packed": _packed,
    "inner": _inner,
    "frame": _frame,
    "content": _content,
    "clock": _clock,
}


def files(seed: int) -> Iterator[tuple[str, bytes]]:
    """Files of each layer in turn, without end, with a name to make them again by."""
    for number, layer in enumerate(cycle(LAYERS)):
        name = f"{layer} {seed}/{number}"
        yield name, LAYERS[layer](Damage(name))
