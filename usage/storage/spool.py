"""Spool files: bytes of an upload on the local disk, before they are stored."""

import errno
import logging
import os
import tempfile
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from uuid import UUID

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, Storage, storages

from portal.errors import Unavailable
from usage.storage.folder import DurableFolder

logger = logging.getLogger(__name__)

# Errors of the operating system for a full disk.
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

# Errors of a file system that does not support files without a name.
_NO_NAMELESS = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL})

# The folder for spool files. It is below the folder of the store, on the same file
# system, so that a spool file can be linked into the store.
SPOOL = "spool"


class Spool:
    """A spool file; its bytes are dropped at the end of the `with` block unless kept.

    The file has no name until it is kept, so that a process that is killed leaves
    nothing behind. Where the file system does not support that, the file has a
    temporary name.
    """

    def __init__(self) -> None:
        folder = settings.VAR / "usage" / SPOOL
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = _nameless(folder)
        except OSError as error:
            raise _unavailable(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self._file.close()

    def write(self, chunk: bytes) -> None:
        """Add bytes.

        Raises:
            Unavailable: the disk is full.

        """
        try:
            self._file.write(chunk)
        except OSError as error:
            raise _unavailable(error) from error

    def temporary_file_path(self) -> str:
        name = self._file.name
        return name if isinstance(name, str) else f"/proc/self/fd/{name}"

    def keep(self, *, tenant_id: int, file_id: UUID) -> str:
        """Save the bytes in the store, and return their name.

        No earlier file had this name. Receipts therefore never share bytes, and bytes
        may be removed when their own receipt allows it.
        """
        try:
            return self.keep_in(storages["usage"], stored_name(tenant_id, file_id))
        except OSError as error:
            if error.errno not in _NO_ROOM:
                logger.exception("The store did not take the file %s", file_id)
            raise _unavailable(error) from error

    def keep_in(self, storage: Storage, name: str) -> str:
        """Save the bytes in a storage.

        Raises:
            OSError: the storage failed, or other bytes have the name.

        """
        self._file.flush()
        self._file.seek(0)
        content = File(self._file, name=name)
        if not isinstance(storage, FileSystemStorage) or isinstance(
            storage, DurableFolder
        ):
            # Django's own folder would move the file, which needs a name.
            content.temporary_file_path = self.temporary_file_path  # type: ignore[attr-defined]  # as uploads have it
        return storage.save(name, content)


def stored_name(tenant_id: int, file_id: UUID) -> str:
    """Return the name under which a file's bytes are stored."""
    return f"{tenant_id}/{file_id.hex[:2]}/{file_id}.usg"


def _nameless(folder: Path) -> IO[bytes]:
    try:
        number = os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o600)
    except OSError as error:
        if error.errno not in _NO_NAMELESS:
            raise
        return tempfile.NamedTemporaryFile(dir=folder)
    return os.fdopen(number, "w+b")


def remove_spooled(*, before: datetime) -> int:
    """Remove spool files with a name that processes left; return their number."""
    count = 0
    with suppress(FileNotFoundError):
        for path in (settings.VAR / "usage" / SPOOL).iterdir():
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < before.timestamp():
                    path.unlink()
                    count += 1
    return count


def _unavailable(error: OSError) -> Unavailable:
    if error.errno in _NO_ROOM:
        return Unavailable("storage-full")
    return Unavailable("storage-broken")
