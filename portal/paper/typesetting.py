"""Typesets a document as PDF, tagged and archivable, from a template and its data.

The templates lie in `templates/paper`. Data is passed as JSON and never evaluated as
markup. Equal inputs give equal bytes, on every machine.
"""

import json
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import typst

from portal.env import BASE
from portal.errors import Unavailable
from portal.paper import letters

logger = logging.getLogger(__name__)

_ROOT = BASE / "templates" / "paper"

# An archive can keep it, attachments included (PDF/A-3a), and a screen reader can read
# it (PDF/UA-1).
_STANDARDS: Sequence[Any] = ("a-3a", "ua-1")

# Seconds to wait for a document that is being typeset: the longest take some five.
_PATIENCE = 20.0

# typst keeps intermediate results of this many runs; long receipts would fill
# the memory of a process.
_KEPT_RUNS = 10

# One document at a time: a receipt of 1,000 files takes 90 MB.
_turn = threading.Lock()


@dataclass(frozen=True, slots=True)
class Attachment:
    """A text file within a PDF."""

    name: str
    content_type: str
    description: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manuscript:
    """What a document is typeset from.

    `template` is the name of a file in `templates/paper`; `data` is what it reads, as
    JSON. `pictures` are SVG images by the names that the template gives them. `at` is
    the instant of creation that the document states.
    """

    template: str
    data: Mapping[str, Any]
    at: datetime
    pictures: Mapping[str, str] | None = None
    attachments: Sequence[Attachment] = ()


def typeset(manuscript: Manuscript) -> bytes:
    """Return a PDF; letters that no font has are written as their number.

    Raises:
        Unavailable: other documents are being typeset for too long.

    """
    try:
        return _typeset(manuscript, letters.printable)
    except typst.TypstError as error:
        # Fonts have marks that only some letters combine with.
        logger.warning("typeset with ASCII alone: %s", error.message)
        return _typeset(manuscript, letters.ascii_only)


def _typeset(manuscript: Manuscript, written: Callable[[str], str]) -> bytes:
    files = manuscript.attachments
    names = [
        {"name": one.name, "type": one.content_type, "description": one.description}
        for one in files
    ]
    data = {**_with_letters(manuscript.data, written), "attachments": names}
    compiler = typst.Compiler(
        _ROOT / manuscript.template,
        root=_ROOT,
        font_paths=_fonts(),
        ignore_system_fonts=True,
        sys_inputs={
            "data": json.dumps(data),
            **(manuscript.pictures or {}),
            **{f"attachment-{index}": one.text for index, one in enumerate(files)},
        },
    )
    if not _turn.acquire(timeout=_PATIENCE):
        raise Unavailable("busy")
    try:
        found = compiler.compile(
            format="pdf",
            pdf_standards=list(_STANDARDS),
            timestamp=int(manuscript.at.timestamp()),
        )
    finally:
        _forget()
        _turn.release()
    if not isinstance(found, bytes):
        message = "A document is one file."
        raise TypeError(message)
    return found


def _forget() -> None:
    """Let typst forget the document: it keeps what the last ten runs have needed."""
    compiler = typst.Compiler(font_paths=_fonts(), ignore_system_fonts=True)
    for _ in range(_KEPT_RUNS + 1):
        compiler.compile(input=b"", format="pdf")


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(
        include_system_fonts=False, font_paths=[str(one) for one in letters.FOLDERS]
    )


def _with_letters(value: Any, written: Callable[[str], str]) -> Any:
    """Return data with all of its texts in letters that can be typeset."""
    if isinstance(value, str):
        return written(value)
    if isinstance(value, Mapping):
        return {name: _with_letters(one, written) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_with_letters(one, written) for one in value]
    return value
