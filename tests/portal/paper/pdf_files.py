"""Reads PDF files as a test needs them: text, attachments, structure."""

import io
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
    root: Any = read_pdf(data).trailer["/Root"]
    found: list[str] = []

    def visit(tag: Any) -> None:
        tag = tag.get_object()
        if isinstance(tag, list):
            for one in tag:
                visit(one)
        elif isinstance(tag, dict):
            if "/S" in tag:
                found.append(str(tag["/S"]))
            if "/K" in tag:
                visit(tag["/K"])

    visit(root["/StructTreeRoot"])
    return found


def fonts_of(data: bytes) -> list[Any]:
    """Return the fonts of all pages."""
    resources: list[Any] = [page["/Resources"] for page in read_pdf(data).pages]
    return [one.get_object() for found in resources for one in found["/Font"].values()]
