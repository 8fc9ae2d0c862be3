"""Cleans the name of a file for storing and showing it."""

import re

from portal.typed_text.clean import one_line
from usage.models import NAME_CHARACTERS

# What a file is called when its name is nothing but marks that cannot be shown.
_NAMELESS = "unnamed"


def shown_name(sent: str) -> str:
    """Return a file's name as it is kept and shown.

    A name is a label only: a file is known by its content. So none is refused; what
    is not part of a name, or would mislead who reads it, is left out.
    """
    last = re.split(r"[/\\]", sent)[-1]
    # A decomposed character may have several code points.
    shown = one_line(last[: 4 * NAME_CHARACTERS])[:NAME_CHARACTERS]
    return shown.rstrip() or _NAMELESS
