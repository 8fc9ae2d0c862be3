"""A second writer of usage files, written from docs/usg-format.md alone."""

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import zstandard

from tests.usage.usg.second import keys
from tests.usage.usg.second.body import COLUMNS
from tests.usage.usg.second.reader import MAGIC


def header_bytes(fields: Mapping[str, Any]) -> bytes:
    """JSON of any fields; a lone surrogate becomes bytes that are not UTF-8."""
    return json.dumps(fields, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _text(text: str) -> bytes:
    raw = text.encode("utf-8")
    if len(raw) < 32:
        return bytes([0xA0 | len(raw)]) + raw
    if len(raw) < 256:
        return bytes([0xD9, len(raw)]) + raw
    return b"\xda" + len(raw).to_bytes(2, "big") + raw


def _list(items: Sequence[bytes]) -> bytes:
    return b"\xdc" + len(items).to_bytes(2, "big") + b"".join(items)


def plain_body(content: Mapping[str, Any]) -> bytes:
    """Pack columns of numbers, `licence_sets` and `users` into the map."""
    parts = [b"\x87"]
    for name, kind in COLUMNS.items():
        raw = struct.pack(f"<{len(content[name])}{kind}", *content[name])
        parts += [_text(name), b"\xc6" + len(raw).to_bytes(4, "big"), raw]
    sets = [_list([_text(one) for one in names]) for names in content["licence_sets"]]
    parts += [_text("licence_sets"), _list(sets)]
    parts += [_text("users"), _list([_text(one) for one in content["users"]])]
    return b"".join(parts)


def packed_body(plain: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_content_size=True).compress(plain)


def unsigned_file(
    header: bytes, packed: bytes, sealing_public: bytes, drawn: bytes
) -> bytes:
    total = 22 + len(header) + 48 + len(packed) + 64
    before = MAGIC + bytes([1, 1])
    before += len(header).to_bytes(4, "big") + total.to_bytes(8, "big") + header
    return before + keys.sealed(packed, sealing_public, before, drawn)


def signed_file(unsigned: bytes, signing_private: bytes) -> bytes:
    return unsigned + keys.signature(unsigned, signing_private)
