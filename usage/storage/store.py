"""Stores the bytes of usage files in a durable folder, on S3, or any Django storage.

A file is written in two steps, so that its name never has half a file: bytes are
written to a spool file on the local disk while they arrive (`usage.storage.spool`), and
`Spool.keep` saves them in the storage `STORAGES["usage"]`.
"""

import errno
import logging
import mmap
import os
import posixpath
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date, datetime
from typing import Protocol, runtime_checkable

from django.core.files.base import File
from django.core.files.storage import Storage, storages

from portal.errors import Unavailable
from usage.storage.archive import Listed
from usage.storage.folder import DurableFolder
from usage.storage.moving import MovingStore
from usage.storage.spool import SPOOL, Spool

logger = logging.getLogger(__name__)

# Codes of problems with stored bytes: they are missing, they differ from those that
# were received, or the store does not answer.
BYTES_MISSING = "bytes-missing"
BYTES_DIFFER = "bytes-differ"
STORE_AWAY = "store-away"

# Bytes that are copied at a time.
_CHUNK = 1 << 20

# The folder for bytes without a row, a folder in it for each day and tenant.
QUARANTINE = "leftovers"


@runtime_checkable
class ListingStorage(Protocol):
    """A storage that lists all files below a folder, 1,000 with each request.

    The key of a listed object is the name of the file.
    """

    def listed(self, under: str = "") -> Iterator[Listed]: ...


@runtime_checkable
class RemoteStorage(Protocol):
    """A storage on other machines, which may fail while this machine works."""

    def is_answering(self) -> bool: ...


@contextmanager
def opened(name: str) -> Iterator[memoryview]:
    """Open the bytes of a stored file: mapped from the folder, in memory from S3."""
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
            # A caller still holds a part of the view; the map is freed with it.
            with suppress(BufferError):
                mapped.close()


def remove(name: str) -> None:
    """Remove the bytes of a file; bytes that are gone already are no error.

    Raises:
        OSError: the bytes may still be stored.

    """
    with suppress(FileNotFoundError):
        _storage().delete(name)


def release(name: str) -> None:
    """Remove bytes that no row names any more.

    The decision about them is committed, so a store that fails does not fail the
    caller: the nightly clean-up removes the bytes later.
    """
    try:
        remove(name)
    except OSError:
        logger.exception("Bytes that nobody needs are left in the store: %s", name)


def quarantine(name: str, *, on: date) -> None:
    """Move the bytes of a file to the leftovers, in the folder of a day.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: the store is away; the bytes are under at least one of the two names.

    """
    storage = _storage()
    tenant, _, last = name.split("/")
    apart = f"{QUARANTINE}/{on}/{tenant}/{last}"
    with storage.open(name, "rb") as file:
        if isinstance(storage, DurableFolder):
            remove(apart)  # after a crash the file has both names
            content = File(file, name=apart)
            content.temporary_file_path = lambda: storage.path(name)  # type: ignore[attr-defined]  # as uploads have it
            storage.save(apart, content)
        else:
            copy(file, storage, apart)
    remove(name)


def copy(file: "File[bytes]", storage: Storage, name: str) -> None:
    """Save an opened file under a name of a storage.

    Raises:
        OSError: the storage failed, or other bytes have the name.

    """
    try:
        with Spool() as spool:
            for chunk in file.chunks(_CHUNK):
                spool.write(chunk)
            spool.keep_in(storage, name)
    except Unavailable as error:
        message = "There is no room to copy a file"
        raise OSError(errno.ENOSPC, message, name) from error


def size_of(name: str) -> int | None:
    """Return the size of a stored file in bytes, None if there is no such file.

    Raises:
        OSError: the store is away, so the file may be stored or not.

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
    """Yield each stored file of a tenant with the time at which it was stored."""
    for storage in _storages():
        if isinstance(storage, ListingStorage):
            for one in storage.listed(str(tenant_id)):
                yield one.key, one.modified_at
            continue
        for name in _names(storage, str(tenant_id)):
            with suppress(FileNotFoundError):  # removed meanwhile
                yield name, storage.get_modified_time(name)


def names(under: str = "") -> Iterator[str]:
    """Yield the names of all stored files, or of those below a folder.

    A file that is stored or removed meanwhile may be included or not. While files move
    between two stores, a name may be yielded twice.

    Raises:
        OSError: the store is away.

    """
    for storage in _storages():
        yield from names_in(storage, under)


def names_in(storage: Storage, under: str = "") -> Iterator[str]:
    """Yield the names of one storage, as `names` does."""
    if not isinstance(storage, ListingStorage):
        yield from _names(storage, under)
        return
    for one in storage.listed(under):
        if under or one.key.partition("/")[0] not in (SPOOL, QUARANTINE):
            yield one.key


def has_list() -> bool:
    """Return whether `sizes_of` costs less than `size_of` for each file."""
    return isinstance(_storage(), ListingStorage)


def sizes_of(tenant_id: int) -> Mapping[str, int]:
    """Return the sizes of a tenant's files by name; empty unless `has_list`.

    A file that is stored or removed meanwhile may be included or not.

    Raises:
        OSError: the store is away.

    """
    storage = _storage()
    if not isinstance(storage, ListingStorage):
        return {}
    return {one.key: one.size for one in storage.listed(str(tenant_id))}


def _names(storage: Storage, under: str) -> Iterator[str]:
    # Depth first, so that no more than one folder of each level is in memory.
    left = [under]
    while left:
        folder = left.pop()
        try:
            folders, files = storage.listdir(folder)
        except FileNotFoundError:
            continue
        left += [posixpath.join(folder, one) for one in sorted(folders, reverse=True)]
        left = [one for one in left if one not in (SPOOL, QUARANTINE)]
        for one in files:
            yield posixpath.join(folder, one)


def is_answering() -> bool:
    """Return whether the store answers; a folder on this machine always does."""
    return all(
        storage.is_answering()
        for storage in _storages()
        if isinstance(storage, RemoteStorage)
    )


def is_remote() -> bool:
    """Return whether stored files are on other machines, where others may use them."""
    return any(isinstance(storage, RemoteStorage) for storage in _storages())


def moving_store() -> MovingStore | None:
    """Return the two stores between which files move; None without a fallback."""
    storage = _storage()
    return storage if isinstance(storage, MovingStore) else None


def _storage() -> Storage:
    return storages["usage"]


def _storages() -> Iterator[Storage]:
    storage = _storage()
    if isinstance(storage, MovingStore):
        yield from storage.in_order_of_moving
    else:
        yield storage
