"""Compresses and decompresses exactly one Zstandard frame.

The libraries alone do not insist that there is nothing but that frame.
"""

from dataclasses import dataclass

import zstandard

from usage.usg.problems import Code, Problem

# Level 3 is Zstandard's default; higher ones save little on columns of numbers.
LEVEL = 3
# RFC 8878: sixteen magic numbers announce frames that hold no data.
_SKIPPABLE = (b"\x2a\x4d\x18", range(0x50, 0x60))
_MAGIC = b"\x28\xb5\x2f\xfd"
# The byte after the magic number, its bits, and the widths its fields stand for.
_DESCRIPTOR = 4
_SINGLE_SEGMENT = 0x20
_RESERVED = 0x08
_DICTIONARY_BYTES = (0, 1, 2, 4)
_CONTENT_BYTES = (0, 2, 4, 8)
WHERE = "body"


def compress(plain: bytes) -> bytes:
    """One frame with its size declared; the same bytes for the same library version."""
    return zstandard.ZstdCompressor(level=LEVEL, write_content_size=True).compress(
        plain
    )


@dataclass(frozen=True, slots=True)
class _Announced:
    """What the frame's own header states: sizes in bytes, None if not stated."""

    content: int | None
    window: int
    dictionary: int


def decompress(packed: bytes, *, most: int, window: int) -> bytes | Problem:
    """Take step 6: what is declared is bounded before anything is allocated for it.

    `most` bounds the result and `window` what the decoder holds at once, in bytes.
    """
    announced = _announced(packed, most, window)
    if isinstance(announced, Problem):
        return announced
    unpack = zstandard.ZstdDecompressor(max_window_size=window).decompress
    try:
        plain = unpack(packed, max_output_size=announced, allow_extra_data=False)
    except zstandard.ZstdError:
        pass
    else:
        # The library takes a declared size of 0 at its word and looks no further.
        sound = plain and len(plain) == announced
        return plain if sound else Problem(Code.FRAME_INVALID, WHERE)
    # Only to name the trouble: the same bound holds, and the result is thrown away.
    try:
        unpack(packed, max_output_size=announced, allow_extra_data=True)
    except zstandard.ZstdError:
        return Problem(Code.FRAME_INVALID, WHERE)
    return Problem(Code.FRAME_TRAILING, WHERE)


def _announced(packed: bytes, most: int, window: int) -> int | Problem:
    tail, first = _SKIPPABLE
    if packed[1:4] == tail and packed[0] in first:
        return Problem(Code.FRAME_SKIPPABLE, WHERE)
    found = _frame_header(packed)
    if found is None:
        return Problem(Code.FRAME_INVALID, WHERE)
    return _bounded(found, most, window)


def _bounded(found: _Announced, most: int, window: int) -> int | Problem:
    if found.dictionary:
        return Problem(Code.FRAME_DICTIONARY, WHERE)
    if found.content is None:
        return Problem(Code.FRAME_SIZE_MISSING, WHERE)
    if found.content > most:
        params = {"size": found.content, "limit": most}
        return Problem(Code.FRAME_TOO_LARGE, WHERE, params)
    if found.window > window:
        params = {"size": found.window, "limit": window}
        return Problem(Code.FRAME_WINDOW, WHERE, params)
    return found.content


def _frame_header(packed: bytes) -> _Announced | None:
    """Read the header of RFC 8878, 3.1.1.1; None if it is cut or not one.

    By hand, because libraries differ in the largest window they recognise as one.
    """
    if packed[:4] != _MAGIC or len(packed) <= _DESCRIPTOR:
        return None
    descriptor = packed[_DESCRIPTOR]
    single = bool(descriptor & _SINGLE_SEGMENT)
    sizes = (
        0 if single else 1,
        _DICTIONARY_BYTES[descriptor & 3],
        1 if single and descriptor < 1 << 6 else _CONTENT_BYTES[descriptor >> 6],
    )
    if descriptor & _RESERVED or len(packed) <= _DESCRIPTOR + sum(sizes):
        return None
    fields, at = [], _DESCRIPTOR + 1
    for size in sizes:
        fields.append(int.from_bytes(packed[at : at + size], "little"))
        at += size
    window, dictionary, content = fields
    if sizes[2] == 2:  # noqa: PLR2004 - the RFC: two bytes count from 256
        content += 256
    stated = content if sizes[2] else None
    return _Announced(stated, content if single else _window(window), dictionary)


def _window(byte: int) -> int:
    base = 1 << (10 + (byte >> 3))
    return base + (base >> 3) * (byte & 7)
