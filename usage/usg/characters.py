"""Classifies characters by code point, so that every Python gives the same result.

`str.isprintable`, `str.strip`, `str.casefold` and `unicodedata.normalize` follow the
Unicode tables of the interpreter. A file must not be accepted by one Python and
refused by the next, nor may two names be one user here and two there.
"""

import re
import unicodedata
from collections.abc import Callable
from itertools import groupby

from usage.usg.unicode14 import is_assigned

# They cannot be shown or compared, or they reorder or hide the characters beside them.
# Blocks that Unicode keeps for such characters are listed whole, so that a later
# version adds none that this list lacks.
NOT_IN_HEADERS = (
    (0x0000, 0x001F),  # controls
    (0x007F, 0x00A0),  # delete, controls, no-break space
    (0x00AD, 0x00AD),  # soft hyphen
    (0x0600, 0x0605),  # Arabic number signs
    (0x061C, 0x061C),  # Arabic letter mark
    (0x06DD, 0x06DD),  # Arabic end of ayah
    (0x070F, 0x070F),  # Syriac abbreviation mark
    (0x0890, 0x0891),  # Arabic currency marks
    (0x08E2, 0x08E2),  # Arabic disputed end of ayah
    (0x1680, 0x1680),  # Ogham space
    (0x180E, 0x180E),  # Mongolian vowel separator
    (0x2000, 0x200F),  # spaces, joiners, direction marks
    (0x2028, 0x202F),  # separators, direction controls, narrow no-break space
    (0x205F, 0x206F),  # space, invisible operators, direction controls
    (0x3000, 0x3000),  # ideographic space
    (0xD800, 0xF8FF),  # surrogates, private use
    (0xFDD0, 0xFDEF),  # noncharacters
    (0xFEFF, 0xFEFF),  # byte-order mark
    (0xFFF0, 0xFFFB),  # kept for format characters
    (0x110BD, 0x110BD),  # Kaithi number sign
    (0x110CD, 0x110CD),  # Kaithi number sign above
    (0x13430, 0x1343F),  # Egyptian hieroglyph format controls
    (0x1BCA0, 0x1BCA3),  # shorthand format controls
    (0x1D173, 0x1D17A),  # musical format controls
    (0xE0000, 0xE00FF),  # tags
    (0xE01F0, 0xE0FFF),  # kept for format characters
    *((plane | 0xFFFE, plane | 0xFFFF) for plane in range(0, 0xF0000, 0x10000)),
    (0xF0000, 0x10FFFF),  # private use
)
_NOT_IN_HEADERS = re.compile(
    "[" + "".join(f"{chr(first)}-{chr(last)}" for first, last in NOT_IN_HEADERS) + "]"
)
# What is cut off both ends of user names before they are compared.
SPACES = (
    "\t\n\v\f\r\x1c\x1d\x1e\x1f\x20\x85\xa0\u1680"
    + "".join(map(chr, range(0x2000, 0x200B)))
    + "\u2028\u2029\u202f\u205f\u3000"
)


_casefold = str.casefold


def is_clean(text: str) -> bool:
    """Say whether a text may be in a header: none of NOT_IN_HEADERS is in it."""
    # For ASCII `isprintable` is the same on every Python, and faster.
    if text.isascii():
        return text.isprintable()
    return not _NOT_IN_HEADERS.search(text)


def cleaned(text: str) -> str:
    """Put U+FFFD in the place of each character that may not be in a header."""
    return _NOT_IN_HEADERS.sub("\N{REPLACEMENT CHARACTER}", text)


def nfc(text: str) -> str:
    """Compose a text by Unicode 14.0."""
    return _by_unicode_14(text, lambda known: unicodedata.normalize("NFC", known))


def folded(text: str) -> str:
    """Fold the case of a text by Unicode 14.0 (full folding)."""
    return _by_unicode_14(text, _casefold)


def _by_unicode_14(text: str, change: Callable[[str], str]) -> str:
    """Change what lies between the code points that Unicode 14.0 does not assign.

    Those stand for themselves and join nothing, so what lies between them can be
    changed piece by piece.
    """
    if text.isascii():
        return change(text)
    known = {letter: is_assigned(letter) for letter in set(text)}
    if all(known.values()):
        return change(text)
    return "".join(
        change("".join(piece)) if joins else "".join(piece)
        for joins, piece in groupby(text, known.__getitem__)
    )
