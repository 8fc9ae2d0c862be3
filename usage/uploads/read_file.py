"""Opens, reads and totals a stored file; decides nothing."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from django.conf import settings

from usage import tenant_keys
from usage.models import ServerKey, UsageFile
from usage.storage import content
from usage.usg import Expected, Reading, Totals, read, summarise

# Returns a server's key by the server's name and the key, None if it is not known.
FindSigningKey = Callable[[str, bytes], ServerKey | None]

# Bounds the memory that opened files take in this process.
_gate = threading.BoundedSemaphore(settings.JUDGED_AT_ONCE)


class ReaderFailedError(Exception):
    """The reader ended in a way that it must not: the file's fault, or the reader's.

    Lookups that it calls, keys above all, raise their own errors.
    """


def read_file(
    file: UsageFile, known_key: FindSigningKey
) -> tuple[Reading, Totals | None]:
    """Read a file's bytes; the opened day is freed before the gate is.

    The gate is taken inside the tenant's lock, never around it: a thread that waits
    for one tenant's lock must not take a place from the files of all others.

    Raises:
        ReaderFailedError: see there.
        OSError: the bytes cannot be read.

    """
    lookups = _Lookups()
    expected = _expected(file, known_key, lookups)
    with _gate, content.opened(file) as data:
        try:
            reading = read(data, expected)
            totals = summarise(reading.day) if reading.day is not None else None
        except Exception as error:
            if lookups.has_failed:
                raise
            raise ReaderFailedError from error
        return replace(reading, day=None), totals


class _Lookups:
    """Records that a lookup of the reader failed, not the reader itself."""

    has_failed = False

    @contextmanager
    def watched(self) -> Iterator[None]:
        try:
            yield
        except Exception:
            self.has_failed = True
            raise


def _expected(
    file: UsageFile, known_key: FindSigningKey, lookups: _Lookups
) -> Expected:
    def is_trusted(server: str, signer: bytes) -> bool:
        with lookups.watched():
            key = known_key(server, signer)
            return key is not None and key.is_trusted_at(file.received_at)

    def opening_key(wanted: str) -> bytes | None:
        with lookups.watched():
            return tenant_keys.opening_key(file.tenant_id, wanted)

    return Expected(
        tenant=file.tenant.number,
        received_at=file.received_at,
        opening_key=opening_key,
        is_trusted=is_trusted,
    )
