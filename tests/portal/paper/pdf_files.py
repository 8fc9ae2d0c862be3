"""Reads PDF files as a test needs them: text, attachments, structure."""

import io
from collections.abc import Iterator
from typing import Any

from pypdf import PdfReader


def read_pdf(data: bytes) -> PdfReader:
    return PdfReader(io.BytesIO(data), strict=True)


def pdf_text(data: bytes) -> str:
    """Return the text of all pages, with single spaces where lines end."""
    pages = (page.extract_text() for page in read_pdf(data).pages)
    return " ".join(" ".join(pages).split())


def attached_files(data: bytes) -> dict[str, bytes]:
    """Return the attachments by name."""
    found = read_pdf(data).attachments
    return {name: contents[0] for name, contents in found.items()}


def structure(data: bytes) -> list[str]:
    """Return the types of all tags in reading order, such as `/H1` and `/Table`."""
    return [str(tag["/S"]) for tag in _tags(data) if "/S" in tag]


def alternative_texts(data: bytes) -> list[str]:
    return [str(tag["/Alt"]) for tag in _tags(data) if "/Alt" in tag]


def _tags(data: bytes) -> Iterator[Any]:
    root: Any = read_pdf(data).trailer["/Root"]
    waiting = [root["/StructTreeRoot"]]
    while waiting:
        tag = waiting.pop().get_object()
        if isinstance(tag, list):
            waiting += reversed(tag)
        elif isinstance(tag, dict):
            yield tag
            waiting += [tag["/K"]] if "/K" in tag else []


def fonts_of(data: bytes) -> list[Any]:
    """Return the fonts of all pages."""
    resources: list[Any] = [page["/Resources"] for page in read_pdf(data).pages]
    return [one.get_object() for found in resources for one in found["/Font"].values()]
