"""Locks the folder `VAR`, closes it to others, and writes its files of secrets.

Beside secrets it holds mails with links for new passwords, the database, and keys.
"""

import fcntl
import json
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

PARTS_FILE = "parts.json"
SECRETS_FILE = "secrets.json"
LOCK_FILE = "lock"

# Readable by their owner only.
PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
PRIVATE_UMASK = 0o077

# The rights of the group and of everybody else.
_GROUP = 0o070
_OTHERS = 0o007

# What the portal writes into the folder, and the beginnings of such names. A folder
# with anything else may be somebody's home, or /tmp: its rights are not ours to change.
_OURS = frozenset(
    {
        *(PARTS_FILE, SECRETS_FILE, LOCK_FILE),
        *("postgres", "postgres.making", "valkey", "s3", "usage", "static"),
        *("mail", "mail-stamp", "demo", "demo.done", "engines.log", "lost+found"),
    }
)
_BEGINNINGS = ("beat-schedule", ".pw", f".{PARTS_FILE}.", f".{SECRETS_FILE}.")


class AlreadyRunningError(Exception):
    """Another run holds the folder."""


class ExposedError(Exception):
    """Others can read the folder, and its rights are not ours to change."""


class UnreadableError(Exception):
    """A file that must not be replaced cannot be read."""


def write_privately() -> None:
    """Let only the user of this process read what it and its children write."""
    os.umask(PRIVATE_UMASK)


def close_to_others(var: Path) -> None:
    """Take the rights of others from the folder, if it exists and has any.

    The group may keep its rights where another user owns the folder: so a container's
    volume is shared with a user whose number is not known before.

    Raises:
        ExposedError: the folder is not the user's, or holds what is not of the portal.

    """
    try:
        found = var.stat()
    except FileNotFoundError:
        return
    is_own = found.st_uid == os.geteuid()
    if not found.st_mode & (_OTHERS | _GROUP if is_own else _OTHERS):
        return
    if not is_own:
        message = (
            f"{var} belongs to another user and is open to everybody. It is to hold"
            f" secrets: have its owner run chmod o-rwx {var}, or set another VAR"
        )
        raise ExposedError(message)
    names = {path.name for path in var.iterdir()} - _OURS
    strange = [name for name in names if not name.startswith(_BEGINNINGS)]
    # Where the sticky bit is, everybody is meant to write, as in /tmp.
    if strange or found.st_mode & stat.S_ISVTX:
        message = (
            f"{var} is open to other users, and not the portal's alone"
            f" ({min(strange, default='sticky bit')}). It is to hold secrets:"
            f" chmod 700 {var}, or set another VAR"
        )
        raise ExposedError(message)
    # The folder alone: the ctime of mail-stamp says that this is the installation that
    # may send mail (portal.mail.switch).
    var.chmod(PRIVATE_FOLDER)


@contextmanager
def locked(var: Path) -> Iterator[bool]:
    """Hold the folder for this process; the kernel lets go when it dies.

    Yields whether the last holder died instead of ending: its number is still in
    the file.
    """
    var.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    close_to_others(var)
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
