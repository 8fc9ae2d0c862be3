"""Locks the folder `VAR`, and writes its secrets and `parts.json`."""

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

PARTS_FILE = "parts.json"
SECRETS_FILE = "secrets.json"
LOCK_FILE = "lock"

# Readable by their owner only: both files hold passwords.
PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


class AlreadyRunningError(Exception):
    """Another run holds the folder."""


class UnreadableError(Exception):
    """A file that must not be replaced cannot be read."""


@contextmanager
def locked(var: Path) -> Iterator[bool]:
    """Hold the folder for this process; the kernel lets go when it dies.

    Yields whether the last holder died instead of ending: its number is still in
    the file.
    """
    var.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    descriptor = os.open(var / LOCK_FILE, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
    try:
        holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = f"{var} is in use by another run (process {holder or 'unknown'})"
            raise AlreadyRunningError(message) from None
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield bool(holder)
        os.truncate(descriptor, 0)
    finally:
        os.close(descriptor)


def write_private(path: Path, values: Mapping[str, str]) -> None:
    """Replace a file of secrets by these values."""
    write_private_text(path, json.dumps(dict(values), indent=1, sort_keys=True) + "\n")


def write_private_text(path: Path, text: str) -> None:
    """Replace a private file as a whole: after a crash it is the old or the new."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), PRIVATE_FILE)
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename in the folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_private(path: Path) -> dict[str, str]:
    """Read such a file; an absent one is empty, a damaged one is an error.

    A damaged file is never taken for an absent one: a new master key in its
    place would lose every tenant key that the old one wrapped.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    try:
        values = json.loads(text)
    except ValueError as error:
        message = f"{path} is damaged; put it back from a backup"
        raise UnreadableError(message) from error
    if not isinstance(values, dict):
        message = f"{path} is not a JSON object; put it back from a backup"
        raise UnreadableError(message)
    return {str(key): str(value) for key, value in values.items()}
