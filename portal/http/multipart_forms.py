"""Parses multipart forms with files, and counts the parts that cannot be read.

Django's parser silently skips a file whose name has no visible characters. A part whose
header is not UTF-8 is skipped as well, or the whole form is refused.
"""

import re
from typing import IO, Any

from django.core.files.uploadhandler import FileUploadHandler
from django.http import QueryDict
from django.http.multipartparser import MultiPartParser
from django.utils.datastructures import MultiValueDict

# Stands for a name of which nothing is left. The receiver cleans every name again.
_NAMELESS = "unnamed"

# Bytes of a part's header at most; Django refuses a longer one.
_HEADER = 1024


class FormFiles(MultiValueDict[str, Any]):
    """The files of a form; `unread` is how many of its parts could not be read."""

    unread = 0


class KeepParts(FileUploadHandler):
    """Replaces Django's parser; the handlers after this one store the files."""

    def handle_raw_input(  # type: ignore[override]  # the stubs say a str boundary
        self,
        input_data: IO[bytes],
        META: dict[str, Any],  # noqa: N803 - named by Django
        content_length: int,  # noqa: ARG002 - given by Django
        boundary: bytes,  # Django's parser has it as bytes
        encoding: str | None = None,
    ) -> tuple[QueryDict, FormFiles]:
        """Return the fields and the files of the form."""
        body = _RepairedBody(input_data, b"--" + boundary)
        request: Any = self.request
        others = [one for one in request.upload_handlers if one is not self]
        # The parser only reads the body.
        parser = _FormParser(META, body, others, encoding or "utf-8")  # type: ignore[arg-type]  # the same
        fields, sent = parser.parse()
        files = FormFiles(sent.lists())
        found = sum(len(values) for _, values in [*fields.lists(), *sent.lists()])
        # One boundary more than parts. The last part of a form that was cut is lost;
        # the field at the end of the form shows that.
        files.unread = max(0, body.boundaries - 1 - found)
        return fields, files

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Return nothing: the parser calls only the other handlers."""

    def file_complete(self, file_size: int) -> None:
        """Return no file, for the same reason."""


class _FormParser(MultiPartParser):
    def sanitize_file_name(self, file_name: str) -> str:
        return super().sanitize_file_name(file_name) or _NAMELESS


class _RepairedBody:
    """A body whose part headers are UTF-8; counts the boundaries in what is read."""

    def __init__(self, body: IO[bytes], boundary: bytes) -> None:
        self._body, self._boundary = body, boundary
        self._header = re.compile(
            re.escape(boundary) + rb"\r\n.{0,%d}?\r\n\r\n" % _HEADER, re.DOTALL
        )
        self._held = b""
        self.boundaries = 0

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, which may be more than `size`; none at the end."""
        while True:
            piece = self._body.read(size)
            seen = self._held + piece
            end = self._whole(seen) if piece else len(seen)
            ready, self._held = seen[:end], seen[end:]
            if ready or not piece:
                self.boundaries += ready.count(self._boundary)
                return self._header.sub(_as_utf8, ready)

    def _whole(self, seen: bytes) -> int:
        """Return the length up to an unfinished header or boundary at the end."""
        start = seen.rfind(self._boundary)
        is_open = start >= 0 and seen.find(b"\r\n\r\n", start) < 0
        if is_open and len(seen) - start < len(self._boundary) + _HEADER:
            return start
        return max(0, len(seen) - len(self._boundary) + 1)


def _as_utf8(header: re.Match[bytes]) -> bytes:
    return header[0].decode("utf-8", "replace").encode()
