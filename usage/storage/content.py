"""Opens a file's bytes from the local store or, if removed there, the archive."""

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager

from usage.models import Forwarding, UsageFile
from usage.storage import archive, store
from usage.storage.archive import Content
from usage.storage.s3_client import BucketError


class BytesUnavailableError(OSError):
    """The archive alone has the bytes, and does not give them at the moment."""


class BytesDifferError(Exception):
    """The stored bytes are not those that were received."""


def content_of(file: UsageFile) -> Content:
    return Content(file.size, b64encode(file.sha256).decode())


@contextmanager
def opened(file: UsageFile, *, is_checked: bool = False) -> Iterator[memoryview]:
    """Open a file's bytes; those that were removed here are fetched from the archive.

    Stored bytes are checked by their SHA-256 only with `is_checked`.

    Raises:
        BytesDifferError: what is stored here is damaged.
        OSError: they cannot be read. `BytesUnavailableError`: the archive cannot be
            reached, or gives other bytes than were put there.

    """
    if file.stored_as or file.bytes_removed_at is None:
        with store.opened(file.stored_as) as data:
            if is_checked and not _is_of(file, data):
                raise BytesDifferError
            yield data
    else:
        yield memoryview(_from_archive(file))


def _from_archive(file: UsageFile) -> bytes:
    row = Forwarding.objects.get(file=file)
    try:
        data = archive.fetch(row.key)
    except BucketError as error:
        raise BytesUnavailableError(error.code) from error
    if not _is_of(file, data):
        message = f"Under {row.key} lie other bytes than ours (state {row.state})"
        raise BytesUnavailableError(message)
    return data


def _is_of(file: UsageFile, data: bytes | memoryview) -> bool:
    return hashlib.sha256(data).digest() == bytes(file.sha256)
