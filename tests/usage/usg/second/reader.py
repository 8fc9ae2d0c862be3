"""A second reader of usage files, written from docs/usg-format.md alone.

It imports nothing of the portal. Where it and the portal differ, the page is not exact
or one of the two is wrong. It is made to be compared with the page, not to be fast.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.usage.usg.second import body, keys, rules
from tests.usage.usg.second import header as headers
from tests.usage.usg.second.findings import EndedError, cut, finding

MAGIC = bytes.fromhex("895553470D0A1A0A")
SMALLEST = 134
_MIB = 1 << 20
LIMITS: Mapping[str, int] = {
    "file_bytes": 64 * _MIB,
    "header_bytes": 16 * 1024,
    "body_bytes": 64 * _MIB,
    "text_bytes": 8 * _MIB,
    "window_bytes": 8 * _MIB,
    "sessions": 4_000_000,
    "users": 200_000,
    "licence_sets": 65_536,
    "licence_names": 131_072,
    "user_characters": 320,
    "licence_characters": 128,
}
_ALIEN = (
    ("magic-text-mode", ("895553470A", "895553470D0D0A", "895553470D0A1A0D0A")),
    ("magic-seven-bit", ("09555347",)),
    ("file-zip", ("504B0304", "504B0506", "504B0708")),
)
_TEXT = {0x09, 0x0A, 0x0C, 0x0D, *range(0x20, 0x7F), *range(0x80, 0x100)}


@dataclass(frozen=True)
class Told:
    """What a reader is told: keys by fingerprint, trusted signers by server."""

    tenant: str
    received_at: datetime
    sealing_keys: Mapping[str, bytes]
    trusted: Mapping[str, list[str]]
    limits: Mapping[str, int] = field(default_factory=dict)


def second_reading(data: bytes, told: Told) -> dict[str, Any]:
    """Read a file into the shape of an entry of `expected.json`."""
    reading = _SecondReading(data, told)
    try:
        reading.file()
    except EndedError as ended:
        reading.problems.append(ended.finding)
    severities = {one["severity"] for one in reading.problems}
    ranked = ("reject", "hold", "warn")
    return {
        "sha256": hashlib.sha256(data).hexdigest(),
        "size": len(data),
        "outcome": next((one for one in ranked if one in severities), "accept"),
        "problems": reading.problems,
        "header": reading.header,
        "rows": reading.rows,
        "totals": reading.totals,
    }


class _SecondReading:
    def __init__(self, data: bytes, told: Told) -> None:
        self.data, self.told = data, told
        self.limits = {**LIMITS, **told.limits}
        self.problems: list[dict[str, Any]] = []
        self.header: dict[str, Any] | None = None
        self.rows: list[dict[str, Any]] | None = None
        self.totals: dict[str, Any] | None = None

    def file(self) -> None:
        self.kind()
        header_end = self.lengths()
        if header_end is None:
            return
        ended = bool(self.problems)
        self.header, wrong = headers.parsed(self.data[22:header_end])
        self.problems += wrong
        if self.header is not None and not ended:
            self.signed(self.header, header_end)

    def kind(self) -> None:
        size, limit = len(self.data), self.limits["file_bytes"]
        if not size:
            raise EndedError("file-empty", "file")
        if size > limit:
            raise EndedError("file-too-large", "file", size=size, limit=limit)
        if MAGIC.startswith(self.data[:8]):
            return
        for code, starts in _ALIEN:
            if self.data.startswith(tuple(map(bytes.fromhex, starts))):
                raise EndedError(code, "magic")
        is_text = _TEXT.issuperset(self.data[:512])
        raise EndedError("file-plain-text" if is_text else "magic-unknown", "magic")

    def lengths(self) -> int | None:
        """Give where the header ends, if it is there."""
        size = len(self.data)
        if size < 22:
            raise EndedError("length-short", "file", size=size, declared=SMALLEST)
        version, suite = self.data[8:10]
        if version != 1:
            raise EndedError("version-unknown", "version", version=version)
        header = int.from_bytes(self.data[10:14], "big")
        declared = int.from_bytes(self.data[14:22], "big")
        limit, add = self.limits["header_bytes"], self.problems.append
        if header > limit:
            add(finding("header-too-large", "header", length=header, limit=limit))
        for code, applies in (
            ("length-impossible", declared < SMALLEST + header),
            ("length-short", size < declared),
            ("length-long", size > declared),
        ):
            if applies:
                add(finding(code, "file", size=size, declared=declared))
                break
        if suite != 1:
            add(finding("suite-unknown", "suite", suite=suite))
        there = header <= limit and 22 + header <= size
        return 22 + header if there else None

    def signed(self, header: dict[str, Any], header_end: int) -> None:
        if header["tenant"] != self.told.tenant:
            raise EndedError("tenant-other", "header.tenant")
        private = self.told.sealing_keys.get(header["key"])
        if private is None:
            key = header["key"]
            self.problems.append(finding("key-unknown", "header.key", key=key))
        signer = bytes.fromhex(header["signer"])
        if signer in keys.SMALL_ORDER:
            raise EndedError("signer-weak", "header.signer")
        if not keys.is_signed(self.data[:-64], self.data[-64:], signer):
            raise EndedError("signature-invalid", "signature")
        server = header["server"]
        if header["signer"] not in self.told.trusted.get(server, ()):
            shown = cut(server)
            self.problems.append(
                finding("signer-unknown", "header.signer", server=shown)
            )
        if private is not None:
            try:
                self.contents(header, header_end, private)
            except EndedError as ended:
                self.problems.append(ended.finding)
        self.problems += rules.times(header, self.told.received_at)

    def contents(self, header: dict[str, Any], header_end: int, private: bytes) -> None:
        sessions, limits = header["sessions"], self.limits
        if sessions > limits["sessions"]:
            raise EndedError(
                "count-too-large",
                "header.sessions",
                part="sessions",
                count=sessions,
                limit=limits["sessions"],
            )
        info, sealed = self.data[:header_end], self.data[header_end:-64]
        packed = keys.opened(sealed, private, info)
        if packed is None:
            raise EndedError("seal-broken", "body")
        most = min(limits["body_bytes"], 15 * sessions + limits["text_bytes"] + 256)
        plain = body.unpacked(packed, most, limits["window_bytes"])
        entries = body.BodyBytes(plain, limits).entries()
        wrong = list(rules.texts(entries, limits))
        lengths = list(rules.columns(entries, sessions))
        rows = [] if lengths else rules.rows_of(entries)
        wrong += lengths
        wrong += rules.wrong_rows(entries, rows, rules.span_of(header))
        self.problems += wrong
        if not wrong:
            self.rows = rules.named_rows(header, entries, rows)
            self.totals = rules.totals(self.rows, rows)
