"""Lets one process at a time run a command; the others wait for it, and say so."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connections

_ONLY_MINE = 0o600


@contextmanager
def holding_file(path: Path, *, on_wait: Callable[[], object]) -> Iterator[None]:
    """Hold a lock file, for work on files beside it; `on_wait` runs before a wait.

    The kernel releases the lock when the process ends, however it ends.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, _ONLY_MINE)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def holding_database(
    alias: str, number: int, *, on_wait: Callable[[], object]
) -> Iterator[None]:
    """Hold a lock of a database, on all machines that use it.

    It belongs to the connection, which PostgreSQL ends when the process dies.
    """
    with connections[alias].cursor() as cursor:
        cursor.execute("select pg_try_advisory_lock(%s)", [number])
        ((is_held,),) = cursor.fetchall()
        if not is_held:
            on_wait()
            cursor.execute("select pg_advisory_lock(%s)", [number])
    try:
        yield
    finally:
        with connections[alias].cursor() as cursor:
            cursor.execute("select pg_advisory_unlock(%s)", [number])
