"""Compresses and decompresses exactly one Zstandard frame.

The libraries alone do not insist that there is nothing but that frame.
"""

import zstandard

from usage.usg.problems import Code, Problem

# Level 3 is Zstandard's default; higher ones save little on columns of numbers.
LEVEL = 3
# RFC 8878: sixteen magic numbers announce frames that hold no data.
_SKIPPABLE = (b"\x2a\x4d\x18", range(0x50, 0x60))
WHERE = "body"


def compress(plain: bytes) -> bytes:
    """One frame with its size declared; the same bytes for the same library version."""
    return zstandard.ZstdCompressor(level=LEVEL, write_content_size=True).compress(
        plain
    )


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
    try:
        found = zstandard.get_frame_parameters(packed)
    except zstandard.ZstdError:
        return Problem(Code.FRAME_INVALID, WHERE)
    return _unbounded(found, most, window) or found.content_size


def _unbounded(
    found: zstandard.FrameParameters, most: int, window: int
) -> Problem | None:
    size = found.content_size
    if found.dict_id:
        return Problem(Code.FRAME_DICTIONARY, WHERE)
    if size == zstandard.CONTENTSIZE_UNKNOWN:
        return Problem(Code.FRAME_SIZE_MISSING, WHERE)
    if size > most:
        params = {"size": size, "limit": most}
        return Problem(Code.FRAME_TOO_LARGE, WHERE, params)
    if found.window_size > window:
        params = {"size": found.window_size, "limit": window}
        return Problem(Code.FRAME_WINDOW, WHERE, params)
    return None
