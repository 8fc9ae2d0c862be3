"""Packs and unpacks the MessagePack map of the body, and bounds every count in it.

The map has exactly the entries of ENTRIES in that order: what comes before the texts
can be stepped over in a few strides, and there is no room for a duplicate key.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from usage.usg.limits import Limits
from usage.usg.problems import Code, Problem

COLUMNS = ("user", "licences", "login", "logout", "flags")
ENTRIES = (*COLUMNS, "licence_sets", "users")
# Marker bytes: the short form holds the count in the low bits, the long forms in the
# 1, 2 or 4 bytes after the marker.
_SHORT = {"array": (0x90, 0x0F), "text": (0xA0, 0x1F)}
_LONG = {
    "array": {0xDC: 2, 0xDD: 4},
    "text": {0xD9: 1, 0xDA: 2, 0xDB: 4},
    "bytes": {0xC4: 1, 0xC5: 2, 0xC6: 4},
}
_EXTENSIONS = frozenset({0xC7, 0xC8, 0xC9, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8})
_FIRST = 0x80 | len(ENTRIES)
_TEXTS = msgspec.msgpack.Decoder(list[str])


@dataclass(frozen=True, slots=True)
class Body:
    """The parts of a well-formed body, their values not yet looked at."""

    columns: Mapping[str, memoryview]
    licence_sets: tuple[tuple[str, ...], ...]
    users: tuple[str, ...]


class _BrokenBodyError(Exception):
    def __init__(self, code: Code, part: str, **params: str | int) -> None:
        super().__init__(code)
        self.problem = Problem(code, f"body.{part}", {"part": part, **params})


def pack(body: Body) -> bytes:
    entries: dict[str, object] = dict(body.columns)
    entries["licence_sets"] = body.licence_sets
    entries["users"] = body.users
    return msgspec.msgpack.encode({name: entries[name] for name in ENTRIES})


def unpack(plain: bytes, limits: Limits) -> Body | Problem:
    """Take the map apart; columns are views into `plain`, texts are checked UTF-8."""
    try:
        return _Walk(plain).body(limits)
    except _BrokenBodyError as broken:
        return broken.problem


class _Walk:
    def __init__(self, plain: bytes) -> None:
        self.view = memoryview(plain)
        self.at = 0
        self.part = "map"

    def body(self, limits: Limits) -> Body:
        if self.take(1)[0] != _FIRST:
            raise _BrokenBodyError(Code.BODY_MALFORMED, self.part)
        columns = {name: self.column(name) for name in COLUMNS}
        texts = len(self.view) - self.at
        if texts > limits.text_bytes:
            size = {"size": texts, "limit": limits.text_bytes}
            raise _BrokenBodyError(Code.TEXTS_TOO_LARGE, "texts", **size)
        licence_sets = self.licence_sets(limits)
        return Body(columns, licence_sets, self.users(limits))

    def take(self, count: int) -> memoryview:
        end = self.at + count
        if end > len(self.view):
            raise _BrokenBodyError(Code.BODY_CUT, self.part)
        taken = self.view[self.at : end]
        self.at = end
        return taken

    def count(self, family: str) -> int:
        """Read a marker of this family and the count that goes with it."""
        marker = self.take(1)[0]
        if family in _SHORT:
            base, mask = _SHORT[family]
            if marker & ~mask == base:
                return marker & mask
        width = _LONG[family].get(marker)
        if width is not None:
            return int.from_bytes(self.take(width), "big")
        kind = Code.BODY_EXTENSION if marker in _EXTENSIONS else Code.BODY_MALFORMED
        raise _BrokenBodyError(kind, self.part)

    def entry(self, name: str) -> None:
        self.part = name
        if self.text() != name:
            raise _BrokenBodyError(Code.BODY_ENTRY, name)

    def text(self) -> str:
        raw = self.take(self.count("text"))
        try:
            return str(raw, "utf-8")
        except UnicodeDecodeError:
            raise _BrokenBodyError(Code.TEXT_INVALID, self.part) from None

    def column(self, name: str) -> memoryview:
        self.entry(name)
        return self.take(self.count("bytes"))

    def bounded(self, most: int) -> int:
        count = self.count("array")
        self.check(count, most)
        return count

    def check(self, count: int, most: int) -> None:
        if count > most:
            raise _BrokenBodyError(
                Code.COUNT_TOO_LARGE, self.part, count=count, limit=most
            )

    def licence_sets(self, limits: Limits) -> tuple[tuple[str, ...], ...]:
        self.entry("licence_sets")
        total = 0
        sets = []
        for _ in range(self.bounded(limits.licence_sets)):
            names = self.count("array")
            total += names
            self.check(total, limits.licence_names)
            sets.append(tuple(self.text() for _ in range(names)))
        return tuple(sets)

    def users(self, limits: Limits) -> tuple[str, ...]:
        """Look at the count first, then let msgspec read the many names at once."""
        self.entry("users")
        start = self.at
        self.bounded(limits.users)
        try:
            return tuple(_TEXTS.decode(self.view[start:]))
        except UnicodeDecodeError:
            raise _BrokenBodyError(Code.TEXT_INVALID, self.part) from None
        except msgspec.DecodeError as error:
            raise self.why(start) from error

    def why(self, start: int) -> _BrokenBodyError:
        """Walk the list again, by hand, to name what msgspec only refused."""
        self.at = start
        for _ in range(self.count("array")):
            self.text()
        return _BrokenBodyError(
            Code.BODY_TRAILING, self.part, bytes=len(self.view) - self.at
        )
