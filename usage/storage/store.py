"""Stores the bytes of usage files in a durable folder, or any Django storage.

A file is written in two steps, so that nothing half written is ever found under its
name: bytes go to a spool file while they arrive (`Spool`), and `keep` moves them into
the storage `STORAGES["usage"]`.
"""

import errno
import mmap
import os
import posixpath
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from uuid import UUID

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import Storage, storages

from portal.errors import Unavailable
from usage.storage.folder import DurableFolder

# Errors of the operating system for "there is no room".
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

# Errors for "this file system has no files without a name".
_NO_NAMELESS = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL})

# Codes of what can be wrong with stored bytes: they are not there, they are others than
# came, or nobody knows, as the store is away.
BYTES_MISSING = "bytes-missing"
BYTES_DIFFER = "bytes-differ"
STORE_AWAY = "store-away"

# The folder for bytes on their way in. It lies in that of the files, so that a file
# can be moved; it holds none.
_SPOOL = "spool"

# And that for bytes without a row, a folder in it for each day and tenant.
QUARANTINE = "leftovers"


class Spool:
    """Bytes on their way in; gone with the `with` block unless kept.

    The file has no name until it is kept, so that a process that is killed leaves
    nothing behind; where the file system cannot do that, it has one that is removed.
    """

    def __init__(self) -> None:
        folder = settings.VAR / "usage" / _SPOOL
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
        """Move the bytes to the storage; return the name that they have there.

        No earlier file had this name, so that receipts never share bytes, and bytes may
        be removed when their own receipt allows it.
        """
        name = name_of(tenant_id, file_id)
        try:
            self._file.flush()
            self._file.seek(0)
            content = File(self._file, name=name)
            content.temporary_file_path = self.temporary_file_path  # type: ignore[attr-defined]  # as uploads have it
            return _storage().save(name, content)
        except OSError as error:
            raise _unavailable(error) from error


def name_of(tenant_id: int, file_id: UUID) -> str:
    """Return the name that a file's bytes have in the storage, if they are there."""
    return f"{tenant_id}/{file_id.hex[:2]}/{file_id}.usg"


def _nameless(folder: Path) -> IO[bytes]:
    try:
        number = os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o600)
    except OSError as error:
        if error.errno not in _NO_NAMELESS:
            raise
        return tempfile.NamedTemporaryFile(dir=folder)
    return os.fdopen(number, "w+b")


@contextmanager
def opened(name: str) -> Iterator[memoryview]:
    """Open a stored file's bytes, without copying them where they lie on a disk."""
    with _storage().open(name, "rb") as file:
        try:
            number = file.fileno()
        except (AttributeError, OSError):
            yield memoryview(file.read())
            return
        if os.fstat(number).st_size == 0:
            yield memoryview(b"")
            return
        mapped = mmap.mmap(number, 0, access=mmap.ACCESS_READ)
        view = memoryview(mapped)
        try:
            yield view
        finally:
            view.release()
            # Somebody still holds a part of it: freed with that part.
            with suppress(BufferError):
                mapped.close()


def remove(name: str) -> None:
    """Remove a file's bytes; that they are gone already is no fault."""
    with suppress(FileNotFoundError):
        _storage().delete(name)


def quarantine(name: str, *, on: date) -> None:
    """Move a file's bytes into that day's folder of the leftovers."""
    storage = _storage()
    tenant, _, last = name.split("/")
    apart = f"{QUARANTINE}/{on}/{tenant}/{last}"
    remove(apart)  # a crash has left it under both names
    with storage.open(name, "rb") as file:
        content = File(file, name=apart)
        if isinstance(storage, DurableFolder):
            content.temporary_file_path = lambda: storage.path(name)  # type: ignore[attr-defined]  # as uploads have it
        storage.save(apart, content)
    remove(name)


def size_of(name: str) -> int | None:
    """Return how many bytes are stored under a name, None if there is no such file.

    Raises:
        OSError: the store is away; that proves nothing about the file.

    """
    try:
        return _storage().size(name)
    except FileNotFoundError:
        return None


def is_older_than(name: str, *, than: datetime) -> bool:
    """Return whether a file was last written before an instant; False if it is gone."""
    try:
        return _storage().get_modified_time(name) < than
    except FileNotFoundError:
        return False


def stored_since(tenant_id: int) -> Iterator[tuple[str, datetime]]:
    """Yield the name of everything that is kept for a tenant, and since when."""
    for name in names(str(tenant_id)):
        with suppress(FileNotFoundError):  # removed meanwhile
            yield name, _storage().get_modified_time(name)


def names(under: str = "") -> Iterator[str]:
    """Yield the name of everything that is stored, or is under a folder, one by one.

    What comes and goes meanwhile may be among them or not.

    Raises:
        OSError: the store is away.

    """
    # Depth first, so that no more than one folder of each level is in memory.
    left = [under]
    while left:
        folder = left.pop()
        try:
            folders, files = _storage().listdir(folder)
        except FileNotFoundError:
            continue
        left += [posixpath.join(folder, one) for one in sorted(folders, reverse=True)]
        left = [one for one in left if one not in (_SPOOL, QUARANTINE)]
        for one in files:
            yield posixpath.join(folder, one)


def remove_spooled(*, before: datetime) -> int:
    """Remove what was spooled under a name and left by a process; return how many."""
    count = 0
    with suppress(FileNotFoundError):
        for path in (settings.VAR / "usage" / _SPOOL).iterdir():
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < before.timestamp():
                    path.unlink()
                    count += 1
    return count


def _storage() -> Storage:
    return storages["usage"]


def _unavailable(error: OSError) -> Unavailable:
    if error.errno in _NO_ROOM:
        return Unavailable("storage-full")
    return Unavailable("storage-broken")
