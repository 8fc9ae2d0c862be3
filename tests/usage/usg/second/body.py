"""Takes the body apart: one Zstandard frame, one MessagePack map."""

import struct
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import zstandard

from tests.usage.usg.second.findings import EndedError

COLUMNS = {"user": "I", "licences": "H", "login": "I", "logout": "I", "flags": "B"}
_EXTENSIONS = {*range(0xC7, 0xCA), *range(0xD4, 0xD9)}


def _frame_header(packed: bytes) -> tuple[int | None, int, int]:
    """Give content size, window and dictionary number as stated."""
    if packed[:4] != b"\x28\xb5\x2f\xfd" or len(packed) < 5:
        raise EndedError("frame-invalid", "body")
    descriptor = packed[4]
    single = descriptor >> 5 & 1
    content_bytes = (single, 2, 4, 8)[descriptor >> 6]
    dictionary_bytes = (0, 1, 2, 4)[descriptor & 3]
    start = 5 + (1 - single)
    end = start + dictionary_bytes + content_bytes
    # A frame goes on with a block, so its header is never all there is.
    if descriptor & 8 or len(packed) < end:
        raise EndedError("frame-invalid", "body")
    dictionary = int.from_bytes(packed[start : start + dictionary_bytes], "little")
    size: int | None = int.from_bytes(packed[end - content_bytes : end], "little")
    if content_bytes == 2:
        size = (size or 0) + 256
    if single:
        return size, size or 0, dictionary
    base = 1 << (10 + (packed[5] >> 3))
    window = base + base // 8 * (packed[5] & 7)
    return (size if content_bytes else None), window, dictionary


def unpacked(packed: bytes, most: int, most_window: int) -> bytes:
    if packed[1:4] == b"\x2a\x4d\x18" and 0x50 <= packed[0] <= 0x5F:
        raise EndedError("frame-skippable", "body")
    size, window, dictionary = _frame_header(packed)
    if dictionary:
        raise EndedError("frame-dictionary", "body")
    if size is None:
        raise EndedError("frame-size-missing", "body")
    if size > most:
        raise EndedError("frame-too-large", "body", size=size, limit=most)
    if window > most_window:
        raise EndedError("frame-window", "body", size=window, limit=most_window)
    return _content(packed, size)


def _content(packed: bytes, size: int) -> bytes:
    unpacking = zstandard.ZstdDecompressor().decompressobj()
    try:
        plain = unpacking.decompress(packed)
    except zstandard.ZstdError:
        raise EndedError("frame-invalid", "body") from None
    if not unpacking.eof or len(plain) != size or not plain:
        raise EndedError("frame-invalid", "body")
    if unpacking.unused_data:
        raise EndedError("frame-trailing", "body")
    return plain


class BodyBytes:
    """A cursor in the bytes of the map."""

    def __init__(self, data: bytes, limits: Mapping[str, int]) -> None:
        self.data, self.at, self.part, self.limits = data, 0, "map", limits

    def wrong(self, code: str, **params: int) -> NoReturn:
        raise EndedError(code, f"body.{self.part}", part=self.part, **params)

    def take(self, count: int) -> bytes:
        taken = self.data[self.at : self.at + count]
        if len(taken) < count:
            self.wrong("body-cut")
        self.at += count
        return taken

    def length(self, widths: Mapping[int, int], short: range = range(0)) -> int:
        first = self.take(1)[0]
        if first in short:
            return first - short.start
        if first in widths:
            return int.from_bytes(self.take(widths[first]), "big")
        return self.wrong(
            "body-extension" if first in _EXTENSIONS else "body-malformed"
        )

    def text(self) -> str:
        raw = self.take(self.length({0xD9: 1, 0xDA: 2, 0xDB: 4}, range(0xA0, 0xC0)))
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            self.wrong("text-invalid")

    def count(self) -> int:
        return self.length({0xDC: 2, 0xDD: 4}, range(0x90, 0xA0))

    def bounded(self, count: int, most: int) -> int:
        if count > most:
            self.wrong("count-too-large", count=count, limit=most)
        return count

    def entry(self, name: str) -> None:
        self.part = name
        if self.text() != name:
            self.wrong("body-entry")

    def sets(self) -> Iterator[list[str]]:
        self.entry("licence_sets")
        total = 0
        for _ in range(self.bounded(self.count(), self.limits["licence_sets"])):
            count = self.count()
            total = self.bounded(total + count, self.limits["licence_names"])
            yield [self.text() for _ in range(count)]

    def users(self) -> list[str]:
        self.entry("users")
        count = self.bounded(self.count(), self.limits["users"])
        return [self.text() for _ in range(count)]

    def entries(self) -> dict[str, Any]:
        """Give raw columns, sets and users."""
        if self.take(1) != b"\x87":
            self.wrong("body-malformed")
        found: dict[str, Any] = {}
        for name in COLUMNS:
            self.entry(name)
            found[name] = self.take(self.length({0xC4: 1, 0xC5: 2, 0xC6: 4}))
        size, most = len(self.data) - self.at, self.limits["text_bytes"]
        if size > most:
            self.part = "texts"
            self.wrong("texts-too-large", size=size, limit=most)
        found["licence_sets"] = list(self.sets())
        found["users"] = self.users()
        if self.at < len(self.data):
            self.wrong("body-trailing", bytes=len(self.data) - self.at)
        return found


def numbers(raw: bytes, name: str) -> tuple[int, ...]:
    kind = COLUMNS[name]
    return struct.unpack(f"<{len(raw) // struct.calcsize(kind)}{kind}", raw)
