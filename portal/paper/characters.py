r"""Decides which characters can be typeset; writes all others as their number.

A character that no font has would be missing on paper, and an invisible one would make
two names look alike. Both are written as `\u{1f600}`. Fonts come from packages, so
that a document does not depend on the fonts of the machine.
"""

import threading
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

import fontpkg_ibm_plex_sans_arabic
import manimgx_fonts
import noto_cjk_sans_jp_regular
from fontTools.ttLib import TTFont

FOLDERS: Sequence[Path] = tuple(
    Path(package.__file__).parent
    for package in (
        manimgx_fonts,
        fontpkg_ibm_plex_sans_arabic,
        noto_cjk_sans_jp_regular,
    )
)

_reading = threading.Lock()

# Between these a text keeps its own direction, or runs from left to right, whatever
# surrounds it.
_ISOLATE, _LEFT_TO_RIGHT, _END = _MARKS = "\u2068", "\u2066", "\u2069"

# Characters that are drawn as nothing, though they are letters or marks: those of the
# Unicode property Default_Ignorable_Code_Point that are neither controls nor formats.
_INVISIBLE = frozenset(
    map(
        chr,
        (
            *(0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0),
            *range(0x180B, 0x1810),
            *range(0xFE00, 0xFE10),
            *range(0xE0100, 0xE01F0),
        ),
    )
)

# Skin tones, which are drawn with the emoji before them.
_MODIFIERS = frozenset(map(chr, range(0x1F3FB, 0x1F400)))

# Bidirectional classes of characters that are written from right to left.
_RIGHT_TO_LEFT = ("R", "AL")


def _characters_of_fonts() -> Sequence[frozenset[str]]:
    """Return the characters of each font, which one thread reads."""
    with _reading:
        return _read_fonts()


@cache
def _read_fonts() -> Sequence[frozenset[str]]:
    paths = (path for folder in FOLDERS for path in sorted(folder.rglob("*.?tf")))
    return [_characters_of(path) for path in paths]


def _characters_of(path: Path) -> frozenset[str]:
    with TTFont(path, lazy=True) as font:
        return frozenset(filter(_is_visible, map(chr, font.getBestCmap())))


@cache
def _all_characters() -> frozenset[str]:
    return frozenset[str]().union(*_characters_of_fonts())


def _is_visible(character: str) -> bool:
    """Return whether it is neither a control, a mark of direction, nor an odd space."""
    is_plain = unicodedata.category(character)[0] not in "CZ"
    return character == " " or (is_plain and character not in _INVISIBLE)


def printable(text: str) -> str:
    """Return a text with every character that cannot be typeset as its number.

    Isolates (`isolated`) stay as they are.
    """
    if text.isascii() and text.isprintable():
        return text
    escape = _isolated_escape if _is_right_to_left(text) else _escaped
    return "".join(_cluster(cluster, escape) for cluster in _clusters(text))


def ascii_only(text: str) -> str:
    """Return a text with every character outside of ASCII as its number.

    Isolates stay as they are.
    """
    is_plain = text.isascii() and text.isprintable()
    return text if is_plain else "".join(map(_ascii, text))


def isolated(text: str) -> str:
    """Return a printable name that does not move the words around it.

    A name that is written from right to left would otherwise take the punctuation and
    numbers beside it along.
    """
    if not _is_right_to_left(text):
        return printable("".join(_without_marks(text)))
    return f"{_ISOLATE}{printable(''.join(_without_marks(text)))}{_END}"


def _without_marks(text: str) -> Iterator[str]:
    return (_escaped(one) if one in _MARKS else one for one in text)


def _is_right_to_left(text: str) -> bool:
    """Return whether a text has characters that are written from right to left."""
    return any(unicodedata.bidirectional(one) in _RIGHT_TO_LEFT for one in text)


def _clusters(text: str) -> Iterator[str]:
    """Yield each character with the marks that are combined with it."""
    cluster = ""
    for character in text:
        if cluster and not _is_mark(character):
            yield cluster
            cluster = ""
        cluster += character
    if cluster:
        yield cluster


def _cluster(cluster: str, escape: Callable[[str], str]) -> str:
    """Return a cluster if one font has all of it; else what has to be as numbers."""
    if cluster in _MARKS:
        return cluster
    characters = _all_characters()
    if len(cluster) == 1 and unicodedata.category(cluster)[0] != "M":
        return cluster if cluster in characters else escape(cluster)
    is_combined = not _is_mark(cluster[0])
    if is_combined and any(font.issuperset(cluster) for font in _characters_of_fonts()):
        return cluster
    first = cluster[0] if is_combined and cluster[0] in characters else ""
    return first + "".join(map(escape, cluster[len(first) :]))


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] == "M" or character in _MODIFIERS


def _ascii(character: str) -> str:
    is_plain = character.isascii() and character.isprintable()
    return character if is_plain or character in _MARKS else _escaped(character)


def _escaped(character: str) -> str:
    return f"\\u{{{ord(character):x}}}"


def _isolated_escape(character: str) -> str:
    return f"{_LEFT_TO_RIGHT}{_escaped(character)}{_END}"
