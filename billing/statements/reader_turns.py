"""Lets one reader of a process at a time open the files of a day.

An opened day of the largest tenant takes hundreds of megabytes.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from portal.errors import Unavailable

_lock = threading.BoundedSemaphore()


@contextmanager
def reader_turn(*, until: float) -> Iterator[None]:
    """Wait for the turn of a reader of this process, until an instant of the clock.

    `until` is of `time.monotonic`.

    Raises:
        Unavailable: other readers took all the time.

    """
    if not _lock.acquire(timeout=max(0.0, until - time.monotonic())):
        raise Unavailable("statement-computing")
    try:
        yield
    finally:
        _lock.release()
