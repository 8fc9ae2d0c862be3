"""Searches rows of all tables, logs and responses for names of users."""

import base64
import hashlib
import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import zstandard
from django.db import connections

_ZSTANDARD = b"\x28\xb5\x2f\xfd"
_MOST_BYTES = 64 * 1024 * 1024


def traces(names: Iterable[str]) -> dict[bytes, str]:
    """Return the byte sequences that would reveal a name, with their descriptions.

    The name as written and as folded, in several encodings, and its hashes without a
    key, which anybody with a list of employees can compute.
    """
    found: dict[bytes, str] = {}
    for name in names:
        folded = unicodedata.normalize("NFC", name).strip().casefold()
        for text in {name, folded, name.upper(), unicodedata.normalize("NFD", name)}:
            for kind, trace in _forms(text):
                found[trace] = f"{name} ({kind})"
    return found


def found_in(data: bytes, known: Mapping[bytes, str]) -> set[str]:
    """Return the traces in some bytes, also in their decompressed form."""
    seen = {what for trace, what in known.items() if trace in data}
    if data.startswith(_ZSTANDARD):
        plain = zstandard.ZstdDecompressor().decompress(
            data, max_output_size=_MOST_BYTES
        )
        seen |= found_in(plain, known)
    return seen


def found_in_tables(names: Iterable[str]) -> list[str]:
    """Return each table and column with a trace; read as the owner of the tables."""
    known = traces(names)
    return [
        f"{table}.{column}: {what}"
        for table, column, data in _cells()
        for what in sorted(found_in(data, known))
    ]


def _forms(text: str) -> Iterator[tuple[str, bytes]]:
    plain = text.encode()
    yield "as it is", plain
    yield "UTF-16", text.encode("utf-16-le")
    yield "JSON", json.dumps(text)[1:-1].encode()
    yield "hexadecimal", plain.hex().encode()
    for skipped in range(3):
        # The part of the encoding that does not depend on the text around the name.
        whole = base64.b64encode(b"x" * skipped + plain).decode()
        usable = whole[4 if skipped else 0 :].rstrip("=")[:-1]
        yield "base64", usable.encode()
    for algorithm in ("md5", "sha1", "sha256"):
        digest = hashlib.new(algorithm, plain, usedforsecurity=False)
        yield algorithm, digest.digest()
        yield algorithm, digest.hexdigest().encode()


def _cells() -> Iterator[tuple[str, str, bytes]]:
    """Yield every value of every table, as bytes, with its table and column."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "select table_name from information_schema.tables"
            " where table_schema = 'public' and table_type = 'BASE TABLE'"
        )
        tables = sorted(name for (name,) in cursor.fetchall())
        for table in tables:
            cursor.execute(f'select * from "{table}"')
            columns = [one.name for one in cursor.description or ()]
            for row in cursor.fetchall():
                for column, value in zip(columns, row, strict=True):
                    yield from ((table, column, one) for one in _as_bytes(value))


def _as_bytes(value: Any) -> Iterator[bytes]:
    if isinstance(value, bytes | bytearray | memoryview):
        yield bytes(value)
    elif isinstance(value, dict | list | tuple):
        yield json.dumps(value, ensure_ascii=False, default=str).encode()
    elif value is not None:
        yield str(value).encode()
