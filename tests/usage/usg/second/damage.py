"""Makes sound files from a seed, and takes any file apart and damages it.

The second writer alone makes them; what lies inside is sealed and signed again, so that
the checks of the innermost layers are reached. The same seed gives the same bytes.
"""

from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

from tests.usage.usg.second import keys, writer
from tests.usage.usg.second.body import COLUMNS
from tests.usage.usg.second.materials import BYTES, USERS

GOLDEN = Path(__file__).resolve().parents[3] / "samples" / "usg" / "v1"
DAY_SECONDS = 86_400


def _private(name: str) -> bytes:
    text = (GOLDEN / name).read_text("ascii")
    return bytes.fromhex(text.split("private: ")[1].strip())


SEALING = _private("sealing.key")
SIGNING = _private("signing.key")
SEALING_PUBLIC = keys.sealing_public(SEALING)
SIGNING_PUBLIC = keys.signing_public(SIGNING)

Content = dict[str, Any]


class Damage:
    """Makes file after file out of one random source."""

    def __init__(self, seed: str) -> None:
        self.random = Random(seed)

    def unsigned(self, header: bytes, packed: bytes) -> bytes:
        drawn = self.random.randbytes(32)
        return writer.unsigned_file(header, packed, SEALING_PUBLIC, drawn)

    def sealed(self, header: bytes, packed: bytes) -> bytes:
        return writer.signed_file(self.unsigned(header, packed), SIGNING)

    def around(self, header: Mapping[str, Any], content: Mapping[str, Any]) -> bytes:
        packed = writer.packed_body(writer.plain_body(content))
        return self.sealed(writer.header_bytes(header), packed)

    def times(self) -> range:
        """One, sometimes two or three, changes to make."""
        return range(self.random.choice((1, 1, 2, 3)))

    def changed(self, data: bytes) -> bytes:
        """Flip, put in, take out, overwrite, repeat or cut bytes."""
        found, random = bytearray(data), self.random
        for _ in self.times():
            at = random.randrange(len(found) + 1)
            kind = random.randrange(6)
            if kind == 0 and at < len(found):
                found[at] ^= 1 << random.randrange(8)
            elif kind == 1:
                found[at:at] = random.choice(BYTES)
            elif kind == 2:
                del found[at : at + random.randrange(1, 9)]
            elif kind == 3:
                found[at : at + 5] = random.choice(BYTES)
            elif kind == 4:
                found[at:at] = found[random.randrange(at + 1) : at][:64]
            else:
                del found[at:]
        return bytes(found)

    def day(self) -> tuple[dict[str, Any], Content]:
        """A sound header and content."""
        random, count = self.random, self.random.choice((0, 1, 3, 8))
        content: Content = {name: [] for name in COLUMNS}
        content["users"] = random.sample(USERS, random.randrange(1, 9))
        content["licence_sets"] = [
            random.sample(("A", "B", "C_CLIENT", "Ä"), random.randrange(4))
            for _ in range(random.randrange(1, 4))
        ]
        for _ in range(count):
            login, logout = sorted(random.randrange(DAY_SECONDS + 1) for _ in "io")
            flags = random.choice((0, 0, 0, 1, 2, 3, 4, 5, 6, 7))
            row = (
                random.randrange(len(content["users"])),
                random.randrange(len(content["licence_sets"])),
                0 if flags & 1 else login,
                DAY_SECONDS if flags & 2 else logout,
                flags,
            )
            for name, value in zip(COLUMNS, row, strict=True):
                content[name].append(value)
        return {**HEADER, "sequence": random.randrange(1, 10**6), "sessions": count}, (
            content
        )


HEADER: Mapping[str, Any] = {
    "tenant": "C-1001",
    "server": "IC01",
    "series": "0b0f2c2e-61f5-4c9e-8d3b-2f6f1c5a7d10",
    "sequence": 1,
    "previous": "ab" * 32,
    "day": "2026-05-07",
    "zone": "Europe/Berlin",
    "opened_at": "2026-05-06T22:00:00Z",
    "closed_at": "2026-05-07T22:00:00Z",
    "opened_offset": 120,
    "closed_offset": 120,
    "closed_by": "midnight",
    "sessions": 0,
    "key": keys.fingerprint(SEALING_PUBLIC),
    "signer": SIGNING_PUBLIC.hex(),
    "writer": "second writer 1",
}
