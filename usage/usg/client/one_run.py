"""Lets one run at a time send a directory.

The system releases the lock when the process ends, even if it was killed. No lock file
is written: on Linux the lock is on the directory itself, on Windows it is a named
mutex, which the PowerShell script uses too.
"""

import ctypes
import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, which has mutexes
    fcntl = None  # type: ignore[assignment]  # checked before it is used

# Errors of Windows: this account has the mutex, or another account has it.
_EXISTS, _DENIED = 183, 5


@contextmanager
def lock_run(folder: Path) -> Iterator[bool]:
    """Yield whether this is the only run for the directory; hold the lock meanwhile.

    On a file system without locks (some network file systems) the result is always
    True: a file that is sent twice does no harm.

    Raises:
        OSError: the directory cannot be opened.

    """
    if sys.platform == "win32":
        handle, is_alone = _create_mutex(mutex_name(folder))
        try:
            yield is_alone
        finally:
            ctypes.WinDLL("kernel32").CloseHandle(ctypes.c_void_p(handle))
        return
    directory = os.open(folder, os.O_RDONLY)
    try:
        yield _is_locked(directory)
    finally:
        os.close(directory)


def mutex_name(folder: Path) -> str:
    """Return the name of a directory's mutex, the same as in the PowerShell script."""
    path = os.path.abspath(folder).rstrip("\\/").lower()  # noqa: PTH100 - as .NET does
    return f"Global\\usage-sender-{hashlib.sha256(path.encode()).hexdigest()[:32]}"


def _is_locked(directory: int) -> bool:
    try:
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


if sys.platform == "win32":

    def _create_mutex(name: str) -> tuple[int, bool]:
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.CreateMutexW.restype = ctypes.c_void_p
        handle = kernel.CreateMutexW(None, 1, name)
        is_taken = ctypes.get_last_error() in {_EXISTS, _DENIED}
        return int(handle or 0), not is_taken
