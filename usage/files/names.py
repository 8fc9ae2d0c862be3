"""Cleans the name of a file for storing and showing it."""

import re
import unicodedata

from usage.models import NAME_CHARACTERS

# What a file is called when its name is nothing but marks that cannot be shown.
_NAMELESS = "unnamed"
# Format characters can hide or reorder what follows ("gsu.exe" read backwards).
_UNSHOWABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def shown_name(sent: str) -> str:
    """Return a file's name as it is kept and shown.

    A name is a label only: a file is known by its content. So none is refused; what
    is not part of a name, or would mislead who reads it, is left out.
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", sent))[-1]
    shown = "".join(
        character
        for character in last[: 2 * NAME_CHARACTERS]
        if unicodedata.category(character) not in _UNSHOWABLE
    ).strip()
    return shown[:NAME_CHARACTERS] or _NAMELESS
