"""Refuses a body that an endpoint does not take, by the head of the request alone.

The web server reads no further than the announced length, so what passes here cannot
become larger while it is read.
"""

import re
from collections.abc import Callable, Mapping

from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest

from portal.errors import Refused
from portal.http.endpoint_types import KIB, MIB, BodyKind, Endpoint
from portal.http.multipart_forms import KeepParts

# More digits than any size has; longer ones are not converted.
_LENGTH = re.compile(r"[0-9]{1,15}")

_FORM, _MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
_JSON = "application/json"

_TAKES: Mapping[BodyKind, Callable[[str], bool]] = {
    BodyKind.FORM: lambda kind: kind in {_FORM, _MULTIPART},
    BodyKind.FILES: lambda kind: kind == _MULTIPART,
    BodyKind.JSON: lambda kind: kind == _JSON,
    # HTTP tools send any content type, but a form would be stored with its boundaries.
    BodyKind.STREAM: lambda kind: not kind.startswith("multipart/"),
}
_KINDS: Mapping[BodyKind, str] = {
    BodyKind.FORM: _FORM,
    BodyKind.FILES: _MULTIPART,
    BodyKind.JSON: _JSON,
    BodyKind.STREAM: "application/octet-stream",
}


class DropFiles(FileUploadHandler):
    """Skips the files of a form and stores nothing of them."""

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Discard a piece of a file."""

    def file_complete(self, file_size: int) -> None:
        """Return no file: the pieces were discarded."""


def announced_length(request: HttpRequest) -> int:
    """Return the Content-Length in bytes, 0 if there is none.

    Raises:
        Refused: the request is chunked, or its length is not a number.

    """
    if request.headers.get("Transfer-Encoding") is not None:
        raise Refused("length-required")
    text = request.headers.get("Content-Length") or "0"
    if not _LENGTH.fullmatch(text):
        raise Refused("length-invalid")
    return int(text)


def require(request: HttpRequest, endpoint: Endpoint) -> None:
    """Let a request pass whose body is of the endpoint's kind and not too large.

    Raises:
        Refused: the body is of another kind, too large, or of unknown length.

    """
    length = announced_length(request)
    if endpoint.body is BodyKind.STREAM and not request.headers.get("Content-Length"):
        raise Refused("length-required")
    if length == 0:
        return
    if endpoint.body is BodyKind.NONE:
        raise Refused("body-unexpected")
    if length > endpoint.longest_body:
        raise _too_large(endpoint)
    kind = (request.content_type or "").lower()
    if not _TAKES[endpoint.body](kind):
        raise Refused("body-kind-wrong", kind=_KINDS[endpoint.body])
    if endpoint.body is BodyKind.FORM:
        request.upload_handlers = [DropFiles(request)]
    elif endpoint.body is BodyKind.FILES:
        request.upload_handlers.insert(0, KeepParts(request))


def _too_large(endpoint: Endpoint) -> Refused:
    if endpoint.body is BodyKind.STREAM:
        return Refused("file-too-large", limit=endpoint.longest_body)
    if endpoint.longest_body > MIB and endpoint.body is BodyKind.FILES:
        return Refused("form-too-large", limit=endpoint.longest_body // MIB)
    return Refused("body-too-large", limit=endpoint.longest_body // KIB)
