"""The store on S3: `STORAGES["usage"]` with `USAGE_STORE=s3`.

It keeps the promises of the folder: a file is stored whole or not at all, is never
replaced, and is read with as many bytes as were stored. Every failure is an OSError, as
with a disk. FileNotFoundError is raised only if S3 reports the object as missing; a
missing bucket is a BucketAwayError.
"""

import errno
import hashlib
import logging
import posixpath
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import File
from storages.backends.s3 import S3Storage
from storages.utils import clean_name

from usage.storage import archive, s3_client
from usage.storage.archive import Content, Listed, ObjectHead, Stored
from usage.storage.s3_client import BucketError

logger = logging.getLogger(__name__)

_NOT_FOUND = 404

# S3's code for a missing object; a missing bucket has another one.
_NO_SUCH_KEY = "NoSuchKey"

# Bytes that are hashed at a time.
_CHUNK = 1 << 20


class BucketAwayError(OSError):
    """S3 refused, failed or did not answer; the file may or may not be stored."""


class BucketStore(S3Storage):  # type: ignore[misc]  # django-storages has no types
    """A bucket, or a folder of one, in which a saved file is durable and confirmed.

    Names, listing of folders and URLs are the library's. Its other methods are
    replaced: its `_save` has no condition and no checksum, its `delete` treats a
    missing bucket as a missing file, its `size` is None if the headers of an answer
    were cut, and its `open` needs three requests and six times the processor time.
    """

    location: str

    def __init__(self, *, bucket_name: str, **options: Any) -> None:
        if not bucket_name:
            message = "USAGE_STORE_BUCKET is not set, and USAGE_STORE is s3."
            raise ImproperlyConfigured(message)
        super().__init__(
            bucket_name=bucket_name,
            region_name=settings.S3["region"],
            endpoint_url=settings.S3["endpoint_url"] or None,
            access_key=settings.S3["access_key_id"] or None,
            secret_key=settings.S3["secret_access_key"] or None,
            # Used by the library's own methods, which make a client for each thread.
            client_config=s3_client.client_config(),
            file_overwrite=True,  # names are given; `_save` refuses one that is taken
            **options,
        )
        # Keys are made without the slashes at its end; a list must begin as they do.
        self.location = self.location.rstrip("/")

    def _save(self, name: str, content: "File[bytes]") -> str:
        """Put bytes under a new name, and confirm them by size and hash.

        A put without an answer may have been carried out, so the object is compared.
        An object with the same bytes is taken for this file, as names are new UUIDs.

        Raises:
            FileExistsError: the name has other bytes; they are not replaced.
            BucketAwayError: the bytes may or may not be stored.

        """
        expected = _content_of(content)
        key = self._key(name)
        with _as_os_error(name):
            try:
                found = archive.put(
                    key, content.open(), expected, bucket=self.bucket_name
                )
            except BucketError as error:
                if error.has_answered:
                    raise
                found = archive.compare(key, expected, bucket=self.bucket_name)
                if found == Stored.NOTHING:
                    raise
        if found == Stored.FOREIGN:
            logger.critical("Other bytes than ours are in the store under %s", key)
            message = "Other bytes are stored under this name"
            raise FileExistsError(errno.EEXIST, message, name)
        if found == Stored.NOTHING:
            message = "S3 confirmed a file and does not have it"
            raise BucketAwayError(errno.EIO, message, name)
        return name

    def _open(self, name: str, mode: str = "rb") -> "File[bytes]":
        """Return all bytes of a file, in memory."""
        if mode != "rb":
            message = f"Stored files are only read as bytes, not as {mode!r}"
            raise ValueError(message)
        try:
            with _as_os_error(name):
                data = archive.fetch(self._key(name), bucket=self.bucket_name)
        except BucketAwayError as error:
            cause = error.__cause__
            if isinstance(cause, BucketError) and cause.code == _NO_SUCH_KEY:
                raise _missing(name) from error
            raise
        return File(BytesIO(data), name)

    def delete(self, name: str) -> None:
        """Remove a file; a file that is gone already is no error."""
        with _as_os_error(name):
            archive.remove(self._key(name), bucket=self.bucket_name)

    def exists(self, name: str) -> bool:
        return self._find(name) is not None

    def size(self, name: str) -> int:
        return self._head(name).size

    def get_modified_time(self, name: str) -> datetime:
        found = self._head(name).modified_at
        if found is None:
            raise BucketAwayError(errno.EIO, s3_client.CUT_SHORT, name)
        return found

    def listed(self, under: str = "") -> Iterator[Listed]:
        """Yield every file in or below a folder, with its name as its key.

        One request returns up to 1,000 files.

        Raises:
            BucketAwayError: the list could not be read to its end.

        """
        root = self._key("")
        prefix = f"{root}{under}/" if under else root
        after: str | None = None
        while True:
            with _as_os_error(under):
                page = archive.list_page(prefix, after=after, bucket=self.bucket_name)
            for one in page.objects:
                yield replace(one, key=one.key[len(root) :])
            after = page.after
            if after is None:
                return

    def is_answering(self) -> bool:
        """Return whether S3 answers and has the bucket, after a few seconds at most."""
        return s3_client.is_answering(self.bucket_name)

    def _key(self, name: str) -> str:
        if not name:
            return posixpath.join(self.location, "") if self.location else ""
        key: str = self._normalize_name(clean_name(name))
        return key

    def _head(self, name: str) -> ObjectHead:
        found = self._find(name)
        if found is None:
            raise _missing(name)
        return found

    def _find(self, name: str) -> ObjectHead | None:
        with _as_os_error(name):
            found = archive.head(self._key(name), bucket=self.bucket_name)
            if found is None:
                # The answer is the same if the bucket is missing.
                archive.require_bucket(self.bucket_name)
        return found


def _content_of(file: "File[bytes]") -> Content:
    digest, size = hashlib.sha256(), 0
    for chunk in file.chunks(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
    return Content(size, b64encode(digest.digest()).decode())


def _missing(name: str) -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, "No such file in the store on S3", name)


@contextmanager
def _as_os_error(name: str) -> Iterator[None]:
    try:
        yield
    except BucketError as error:
        raise BucketAwayError(errno.EIO, f"S3: {error.code}", name) from error
