"""Chooses the fonts of a PDF receipt by the characters to be written.

The library brings Vera, which has the letters of Western Europe. Where the system has
DejaVu, Vera's descendant, it is taken instead: Latin, Greek, Cyrillic and more. Writing
of East Asia names a font that every reader of PDF has, so that no file is needed; its
Greek and Cyrillic, set wide, stand in where there is no DejaVu. What nobody has a shape
for, and what no eye can see, is written as its number, so that a name can still be
distinguished from any other.
"""

import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import groupby
from pathlib import Path

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont

PLAIN, STRONG, CODE = "plain", "strong", "Courier"

# Where Debian and its relatives keep them (fonts-dejavu-core).
_FOLDER = Path("/usr/share/fonts/truetype/dejavu")
_FILES = {
    PLAIN: ("DejaVuSans.ttf", "Vera.ttf"),
    STRONG: ("DejaVuSans-Bold.ttf", "VeraBd.ttf"),
}

# First and last characters that each font is used for; in this order.
_EAST: tuple[tuple[str, tuple[tuple[int, int], ...]], ...] = (
    ("HeiseiKakuGo-W5", ((0x3041, 0x3093), (0x30A1, 0x30F6), (0x30FB, 0x30FE))),
    ("HeiseiKakuGo-W5", ((0x391, 0x3A1), (0x3A3, 0x3A9), (0x3B1, 0x3C1))),
    ("HeiseiKakuGo-W5", ((0x3C3, 0x3C9), (0x401, 0x401), (0x410, 0x44F))),
    ("HeiseiKakuGo-W5", ((0x451, 0x451),)),
    ("HYGothic-Medium", ((0xAC00, 0xD7A3),)),
    ("STSong-Light", ((0x3001, 0x3003), (0x3005, 0x3017), (0x4E00, 0x9FA5))),
    ("STSong-Light", ((0xFF01, 0xFF5E),)),
)

Run = tuple[str, str]


@cache
def _register() -> None:
    for name, (wide, narrow) in _FILES.items():
        path = _FOLDER / wide
        file = str(path) if path.is_file() else narrow
        pdfmetrics.registerFont(TTFont(name, file))
    for name in {name for name, _ in _EAST}:
        pdfmetrics.registerFont(UnicodeCIDFont(name))


@cache
def _shapes(font: str) -> frozenset[str]:
    _register()
    if font == CODE:
        return frozenset(map(chr, range(0x20, 0x7F)))
    known = map(chr, pdfmetrics.getFont(font).face.charToGlyph)
    return frozenset(one for one in known if one == " " or not _is_unseen(one))


def _is_unseen(character: str) -> bool:
    """Return whether it is a control, a mark of direction, or an odd space."""
    return unicodedata.category(character)[0] in "CZ"


@cache
def _font_for(character: str, wanted: str) -> str:
    """Return a font that can write a character, empty if there is none."""
    if character in _shapes(wanted):
        return wanted
    if wanted == CODE:
        return ""
    code = ord(character)
    for font, ranges in _EAST:
        if any(first <= code <= last for first, last in ranges):
            return font
    return ""


def shown(text: str, font: str = PLAIN) -> str:
    r"""Return a text in characters that can be written; others become \u{1f600}."""
    if _shapes(font).issuperset(text):
        return text
    return "".join(
        character if _font_for(character, font) else f"\\u{{{ord(character):x}}}"
        for character in text
    )


def runs(text: str, font: str) -> Iterator[Run]:
    """Yield a text that was `shown` in pieces, each with the font that writes it."""
    if _shapes(font).issuperset(text):
        yield font, text
        return
    for name, part in groupby(text, key=lambda one: _font_for(one, font)):
        yield name, "".join(part)


def width(text: str, font: str, size: float) -> float:
    """Return how wide a text is in points; what has no shape as it will be shown."""
    return sum(
        float(pdfmetrics.stringWidth(part, name, size))
        for name, part in runs(shown(text, font), font)
    )
