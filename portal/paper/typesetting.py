"""Typesets a document as PDF, tagged and archivable, from a template and its data.

The templates are in `templates/paper`. Data is passed as JSON and never evaluated as
markup. Equal inputs give equal bytes, on every machine.
"""

import json
import logging
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import typst

from portal.env import BASE
from portal.errors import Unavailable
from portal.paper import characters

logger = logging.getLogger(__name__)

_ROOT = BASE / "templates" / "paper"

# An archive can keep it, attachments included (PDF/A-3a), and a screen reader can read
# it (PDF/UA-1).
_STANDARDS: Sequence[Any] = ("a-3a", "ua-1")

# Seconds to wait for another document: the longest take some three.
_LOCK_TIMEOUT = 20.0

# typst keeps intermediate results of this many runs; long receipts would fill
# the memory of a process.
_KEPT_RUNS = 10

# One document at a time: a receipt of 1,000 files takes 90 MB.
_lock = threading.Lock()

# Documents that wait for their turn hold a thread each: further ones are refused.
_places = threading.BoundedSemaphore(5)

# Texts that are tried alone to find the refused ones; each takes some milliseconds.
_MOST_TRIED = 500

# The module of what a failure inside typst raises, which is no `Exception`.
_RUST = "pyo3_runtime"


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


class TypesettingError(Exception):
    """The typesetter has failed; no document was made."""


def typeset(manuscript: Manuscript) -> bytes:
    """Return a PDF; characters that no font has are written as their number.

    Raises:
        Unavailable: too many documents wait, or the one before takes too long.
        TypesettingError: the typesetter has failed.

    """
    with _turn():
        try:
            return _compiled(manuscript, characters.printable)
        except typst.TypstError as error:
            # Fonts have marks that only some characters combine with.
            refused = _refused_texts(manuscript.data)
            logger.warning("escaped %d texts: %s", len(refused), error.message)
        try:
            return _compiled(manuscript, lambda text: _escaping(text, refused))
        except typst.TypstError as error:
            logger.warning("escaped all texts: %s", error.message)
        try:
            return _compiled(manuscript, characters.ascii_only)
        except typst.TypstError as error:
            raise TypesettingError(error.message) from error


@contextmanager
def _turn() -> Iterator[None]:
    """Wait for other documents of this process.

    Raises:
        Unavailable: too many wait already, or it takes too long.

    """
    if not _places.acquire(blocking=False):
        raise Unavailable("busy")
    try:
        if not _lock.acquire(timeout=_LOCK_TIMEOUT):
            raise Unavailable("busy")
        try:
            yield
        finally:
            _clear_cache()
            _lock.release()
    finally:
        _places.release()


def _compiled(manuscript: Manuscript, encode: Callable[[str], str]) -> bytes:
    files = manuscript.attachments
    names = [
        {"name": one.name, "type": one.content_type, "description": one.description}
        for one in files
    ]
    data = {**_encoded(manuscript.data, encode), "attachments": names}
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
    try:
        found = compiler.compile(
            format="pdf",
            pdf_standards=list(_STANDARDS),
            timestamp=int(manuscript.at.timestamp()),
        )
    except Exception:
        raise
    except BaseException as error:
        if type(error).__module__ != _RUST:
            raise
        raise TypesettingError(str(error)) from error
    if not isinstance(found, bytes):
        message = "A document is one file."
        raise TypeError(message)
    return found


def _refused_texts(data: Mapping[str, Any]) -> set[str]:
    """Return the encoded texts of a document that typst refuses, found by halving."""
    encoded: set[str] = set()

    def collect(text: str) -> str:
        if not text.isascii():
            encoded.add(characters.printable(text))
        return text

    _encoded(data, collect)
    # Of very many texts, some are escaped with their neighbours.
    at_once = max(1, len(encoded) // _MOST_TRIED)

    def refused(some: Sequence[str]) -> set[str]:
        if not some or not _is_refused(some):
            return set()
        if len(some) <= at_once:
            return set(some)
        half = len(some) // 2
        return refused(some[:half]) | refused(some[half:])

    return refused(sorted(encoded))


def _is_refused(texts: Sequence[str]) -> bool:
    at = datetime(2000, 1, 1, tzinfo=UTC)
    try:
        _compiled(Manuscript(template="texts.typ", data={"texts": texts}, at=at), str)
    except typst.TypstError:
        return True
    return False


def _escaping(text: str, refused: Collection[str]) -> str:
    encoded = characters.printable(text)
    return characters.ascii_only(encoded) if encoded in refused else encoded


def _clear_cache() -> None:
    """Let typst drop the document: it keeps what the last ten runs have needed."""
    compiler = typst.Compiler(font_paths=_fonts(), ignore_system_fonts=True)
    for _ in range(_KEPT_RUNS + 1):
        compiler.compile(input=b"", format="pdf")


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(
        include_system_fonts=False, font_paths=[str(one) for one in characters.FOLDERS]
    )


def _encoded(value: Any, encode: Callable[[str], str]) -> Any:
    """Return data with all of its texts encoded."""
    if isinstance(value, str):
        return encode(value)
    if isinstance(value, Mapping):
        return {name: _encoded(one, encode) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_encoded(one, encode) for one in value]
    return value
