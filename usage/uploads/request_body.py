"""Reads an upload: its headers, and its body as a stream bounded in bytes and time."""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, UnreadablePostError

from portal.errors import Refused

# Bytes read at a time: large enough to cost nothing, small against a file.
_CHUNK_BYTES = 1024 * 1024

_SHA256_BYTES = 32

# Names the upload that a file is a part of, by its key.
UPLOAD_HEADER = "Portal-Upload"


def announced_sha256(request: HttpRequest) -> bytes:
    """Return the SHA-256 of the Content-Digest header (RFC 9530).

    Raises:
        Refused: there is none, or it cannot be read.

    """
    header = request.headers.get("Content-Digest")
    if header is None:
        raise Refused("digest-required")
    found = re.search(r"(?:^|[ ,])sha-256=:([A-Za-z0-9+/=]*):", header)
    try:
        digest = b64decode(found[1], validate=True) if found else b""
    except Base64Error:
        digest = b""
    if len(digest) != _SHA256_BYTES:
        raise Refused("digest-invalid")
    return digest


def named_upload(request: HttpRequest) -> UUID | None:
    """Return the key of the upload that a file is sent in, None if it names none.

    A malformed key counts as none: no file is refused for it.
    """
    try:
        return UUID(request.headers.get(UPLOAD_HEADER, ""))
    except ValueError:
        return None


def chunks(request: HttpRequest, size: int) -> Iterator[bytes]:
    """Yield the body, at most `size` bytes of it.

    A body that ends early ends the iteration: the caller, who knows the length, has to
    notice. The web server limits the time (`portal.stack.web_socket`).

    Raises:
        Refused: nothing was received for too long, or all of it takes too long.

    """
    # Back to the pool: a body may take minutes, and the database is not needed for it.
    connection.close()
    left = size
    while left:
        try:
            chunk = request.read(min(_CHUNK_BYTES, left))
        except (TimeoutError, UnreadablePostError) as error:
            if is_timeout(error):
                raise Refused("body-stalled", seconds=settings.BODY_TIMEOUT) from error
            return
        if not chunk:
            return
        left -= len(chunk)
        yield chunk


def is_timeout(error: BaseException) -> bool:
    """Return whether a body could not be read because nothing came in time."""
    return isinstance(error, TimeoutError) or isinstance(
        error.__context__, TimeoutError
    )
