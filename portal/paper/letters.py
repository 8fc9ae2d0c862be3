r"""Decides which letters can be typeset; writes all others as their number.

A letter that no font has would be missing on paper, and one that no eye can see would
make two names look alike. Both are written as `\u{1f600}`. Fonts come from packages, so
that a document does not depend on the fonts of the machine.
"""

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

# Between these a text keeps its own direction, or runs from left to right, whatever
# surrounds it.
_ISOLATE, _LEFT_TO_RIGHT, _END = _MARKS = "\u2068", "\u2066", "\u2069"

# Bidirectional classes of letters that are written from right to left.
_RIGHT_TO_LEFT = ("R", "AL")


@cache
def _letters_of_fonts() -> Sequence[frozenset[str]]:
    """Return the letters of each font."""
    paths = (path for folder in FOLDERS for path in sorted(folder.rglob("*.?tf")))
    return [_letters_of(path) for path in paths]


def _letters_of(path: Path) -> frozenset[str]:
    with TTFont(path, lazy=True) as font:
        return frozenset(filter(_is_visible, map(chr, font.getBestCmap())))


@cache
def _all_letters() -> frozenset[str]:
    return frozenset[str]().union(*_letters_of_fonts())


def _is_visible(letter: str) -> bool:
    """Return whether it is neither a control, a mark of direction, nor an odd space."""
    return letter == " " or unicodedata.category(letter)[0] not in "CZ"


def printable(text: str) -> str:
    """Return a text with every letter that cannot be typeset as its number.

    Isolates (`isolated`) stay as they are.
    """
    if text.isascii() and text.isprintable():
        return text
    number = _number
    if _is_right_to_left(text):

        def number(letter: str) -> str:
            return f"{_LEFT_TO_RIGHT}{_number(letter)}{_END}"

    return "".join(_cluster(cluster, number) for cluster in _clusters(text))


def ascii_only(text: str) -> str:
    """Return a text with every letter outside of ASCII as its number."""
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
    return (_number(letter) if letter in _MARKS else letter for letter in text)


def _is_right_to_left(text: str) -> bool:
    """Return whether a text has letters that are written from right to left."""
    return any(unicodedata.bidirectional(one) in _RIGHT_TO_LEFT for one in text)


def _clusters(text: str) -> Iterator[str]:
    """Yield each letter with the marks that are combined with it."""
    cluster = ""
    for letter in text:
        if cluster and unicodedata.category(letter)[0] != "M":
            yield cluster
            cluster = ""
        cluster += letter
    if cluster:
        yield cluster


def _cluster(cluster: str, number: Callable[[str], str]) -> str:
    """Return a cluster if one font has all of it; else what has to be as numbers."""
    if cluster in _MARKS:
        return cluster
    letters = _all_letters()
    if len(cluster) == 1 and unicodedata.category(cluster)[0] != "M":
        return cluster if cluster in letters else number(cluster)
    is_combined = unicodedata.category(cluster[0])[0] != "M"
    if is_combined and any(font.issuperset(cluster) for font in _letters_of_fonts()):
        return cluster
    first = cluster[0] if is_combined and cluster[0] in letters else ""
    return first + "".join(map(number, cluster[len(first) :]))


def _ascii(letter: str) -> str:
    return letter if letter.isascii() and letter.isprintable() else _number(letter)


def _number(letter: str) -> str:
    return f"\\u{{{ord(letter):x}}}"
