"""A stored file is opened, read and totalled; nothing is decided here."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from django.conf import settings

from usage import tenant_keys
from usage.models import KeyState, ServerKey, UsageFile
from usage.storage import content
from usage.usg import Expected, Reading, Totals, read, summarise

# Returns a server's key by the server's name and the key, None if it is not known.
KnownKey = Callable[[str, bytes], ServerKey | None]

# Bounds the memory that opened files take in this process.
_gate = threading.BoundedSemaphore(settings.SETTLING_AT_ONCE)


class ReaderFailedError(Exception):
    """The reader ended in a way that it must not: the file's fault, or the reader's.

    Everything that it asks of others, keys above all, fails as what it is.
    """


def read_file(file: UsageFile, known_key: KnownKey) -> tuple[Reading, Totals | None]:
    """Read a file's bytes; what was opened is let go before the gate is.

    Inside the tenant's lock, never around it: who waits for one tenant's lock must not
    take a place from the files of all others.

    Raises:
        ReaderFailedError: see there.
        OSError: the bytes could not be had.

    """
    asked = _Lookups()
    expected = _expected(file, known_key, asked)
    with _gate, content.opened(file) as data:
        try:
            reading = read(data, expected)
            totals = summarise(reading.day) if reading.day is not None else None
        except Exception as error:
            if asked.has_failed:
                raise
            raise ReaderFailedError from error
        return replace(reading, day=None), totals


class _Lookups:
    """Notices when what the reader asked of others failed, not the reader."""

    has_failed = False

    @contextmanager
    def watched(self) -> Iterator[None]:
        try:
            yield
        except Exception:
            self.has_failed = True
            raise


def _expected(file: UsageFile, known_key: KnownKey, asked: _Lookups) -> Expected:
    def is_trusted(server: str, signer: bytes) -> bool:
        with asked.watched():
            key = known_key(server, signer)
            return key is not None and key.state == KeyState.CONFIRMED

    def opening_key(wanted: str) -> bytes | None:
        with asked.watched():
            return tenant_keys.opening_key(file.tenant_id, wanted)

    return Expected(
        tenant=file.tenant.number,
        received_at=file.received_at,
        opening_key=opening_key,
        is_trusted=is_trusted,
    )
