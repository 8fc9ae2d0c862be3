"""Cleans text that people type, before it is stored, compared or searched for.

`one_line` is for names and reasons, `paragraphs` for text that keeps its line breaks,
`mail_address` for addresses. Each returns an empty text for one without visible
characters, and leaves its own results unchanged. docs/decisions/0071 lists what is
dropped, and explains why some joiners are kept.

Code points that this Python's Unicode does not assign are dropped before the text is
composed, so a later Unicode composes and folds a cleaned text exactly as this one does.
"""

import re
import unicodedata
from enum import Enum, auto
from functools import lru_cache

# No language writes more marks on one letter. More of them only cover other lines.
_MOST_MARKS = 8

# Longer than any text that is stored. What is longer is too long in any case, and
# cleaning takes about two microseconds a character.
_LONGEST_LINE = 100_000

_ZWNJ, _ZWJ = "\u200c", "\u200d"

# Variation selectors: each chooses a form of the character before it.
_SELECTORS = (
    *range(0x180B, 0x180E),
    0x180F,
    *range(0xFE00, 0xFE10),
    *range(0xE0100, 0xE01F0),
)

# Letters and marks that are drawn as nothing.
_UNSEEN = (0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0)

# A symbol that is drawn as a space: the Braille pattern without dots.
_BRAILLE_BLANK = "\u2800"

_LINE_BREAK = re.compile("\r\n|[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")
_EMPTY_LINES = re.compile("\n{3,}")

# Around a name that is written from right to left.
_ISOLATE, _END = "\u2068", "\u2069"
_RIGHT_TO_LEFT = ("R", "AL")

# The combining class of marks that suppress a vowel.
_VIRAMA = 9


class _Kind(Enum):
    """How a character is treated."""

    SHOWN = auto()
    SPACE = auto()
    MARK = auto()
    SELECTOR = auto()
    JOINER = auto()
    DROPPED = auto()


def one_line(text: str) -> str:
    """Return a text as one line, composed (NFC), with single spaces between words."""
    text = text[:_LONGEST_LINE]
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    while (cleaned := _once(text)) != text:
        text = cleaned
    return text


def paragraphs(text: str) -> str:
    """Return a text of several lines, each cleaned; at most one in a row is empty."""
    lines = "\n".join(map(one_line, _LINE_BREAK.split(text)))
    return _EMPTY_LINES.sub("\n\n", lines).strip("\n")


def mail_address(text: str) -> str:
    """Return a mail address as it is stored and compared, in lower case.

    Two addresses that differ only by case or by composition are one.
    """
    return one_line(one_line(text).lower())


def isolated(name: str) -> str:
    """Return a name for plain text, so that it does not reorder the words beside it.

    A name with letters that are written from right to left would otherwise reorder the
    punctuation and numbers beside it. HTML has `<bdi>` for that.
    """
    if name.isascii():
        return name
    is_moving = any(unicodedata.bidirectional(one) in _RIGHT_TO_LEFT for one in name)
    return f"{_ISOLATE}{name}{_END}" if is_moving else name


def _once(text: str) -> str:
    # Cut long runs of marks first: composing one takes time quadratic in its length.
    kept = _without_odd_joiners(_without_unseen(text))
    return unicodedata.normalize("NFC", " ".join(kept.split()))


def _without_unseen(text: str) -> str:
    """Drop invisible characters, and marks and selectors without a base."""
    kept: list[str] = []
    marks_left, takes_selector = 0, False
    for character in text:
        kind = _kind(character)
        if kind is _Kind.SHOWN:
            marks_left = _MOST_MARKS
        elif kind is _Kind.SPACE:
            marks_left, character = 0, " "  # noqa: PLW2901 - every space is a plain one
        elif kind is _Kind.MARK and marks_left:
            marks_left -= 1
        elif kind is not _Kind.JOINER and not (
            kind is _Kind.SELECTOR and takes_selector
        ):
            continue
        kept.append(character)
        takes_selector = unicodedata.category(character) in ("So", "Lo")
    return "".join(kept)


def _without_odd_joiners(text: str) -> str:
    if _ZWNJ not in text and _ZWJ not in text:
        return text
    return "".join(
        character
        for at, character in enumerate(text)
        if character not in (_ZWNJ, _ZWJ) or _joins(text, at)
    )


def _joins(text: str, at: int) -> bool:
    """Return whether a joiner changes how the characters beside it are written.

    As in RFC 5892, appendix A: after a virama, and between Arabic letters. A joiner
    also combines two emoji into one.
    """
    before, after = text[max(0, at - _MOST_MARKS - 1) : at], text[at + 1 : at + 2]
    if not before or not after:
        return False
    if unicodedata.combining(before[-1]) == _VIRAMA:
        return unicodedata.category(after)[0] in "LM"
    base = next((one for one in reversed(before) if not _is_mark(one)), "")
    if base and unicodedata.bidirectional(base) == "AL":
        return unicodedata.bidirectional(after) == "AL"
    is_symbol = bool(base) and unicodedata.category(base) in ("So", "Sk")
    return text[at] == _ZWJ and is_symbol and unicodedata.category(after) == "So"


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] == "M"


@lru_cache(maxsize=4_096)
def _kind(character: str) -> _Kind:
    category = unicodedata.category(character)
    if character.isspace() or category[0] == "Z" or character == _BRAILLE_BLANK:
        return _Kind.SPACE
    if character in (_ZWNJ, _ZWJ):
        return _Kind.JOINER
    if ord(character) in _SELECTORS:
        return _Kind.SELECTOR
    if category[0] == "C" or ord(character) in _UNSEEN:
        return _Kind.DROPPED
    return _Kind.MARK if category[0] == "M" else _Kind.SHOWN
