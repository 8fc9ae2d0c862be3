"""Finds the closed usage files of a directory, and the reasons to leave others."""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from usage.usg import layout
from usage.usg.characters import cleaned

try:
    import fcntl
except ImportError:  # Windows, which refuses to open files that are in use
    fcntl = None  # type: ignore[assignment]  # checked before it is used

_ENDING = ".usg"

# Prefix of the metadata files (AppleDouble) that macOS writes beside other files.
_METADATA_PREFIX = "._"

# Most characters of a name that is sent; the portal stores no more.
_NAME_CHARACTERS = 255

_PIECE = 1024 * 1024

# Seconds without a change after which a file is taken to be closed.
QUIET_FOR = 120.0

# Seconds for which a file that is shorter than it declares counts as being written.
# After that it is cut, and is sent so that the portal rejects it.
_UNFINISHED_FOR = 36 * 3600.0

# Errors of a lock that somebody else holds; CIFS has the second. Others mean that the
# file system has no locks.
_LOCKED = (errno.EWOULDBLOCK, errno.EACCES)

# Errors of Windows for a file that another program holds.
_HELD_ON_WINDOWS = (32, 33)


class Why(Enum):
    """Outcome of a file that is not sent; the value is the text in the output."""

    OPEN = "left for next time"
    """A program still writes it, or has it open."""

    OTHER = "skipped"
    """It is not a regular file."""

    UNREADABLE = "cannot be read"
    """It may be a usage file, so a person has to check it."""


@dataclass(frozen=True, slots=True)
class ClosedFile:
    """A file that is closed; `stamp` changes with its content."""

    path: Path
    size: int
    sha256: str
    stamp: tuple[int, int, int]

    @property
    def name(self) -> str:
        return shown_name(self.path)


@dataclass(frozen=True, slots=True)
class LeftFile:
    """A file that is not sent in this run, and the reason; `size` in bytes.

    `code` is the code of the reason in the report to the portal. `is_routine` is True
    for what happens on every server each night, as with the file of today.
    """

    name: str
    why: Why
    reason: str
    code: str = ""
    size: int = 0
    is_routine: bool = True


def shown_name(path: Path) -> str:
    """Return the name of a file as it is reported and sent: cleaned and cut.

    The name of a file can be bytes that are not text, or contain line breaks.
    """
    return cleaned(path.name)[:_NAME_CHARACTERS]


def find_files(folder: Path, *, now: float) -> Iterator[ClosedFile | LeftFile]:
    """Yield each usage file of a directory; a failure does not affect the others.

    Raises:
        OSError: the directory cannot be read.

    """
    for path in sorted(folder.iterdir()):
        if not path.name.lower().endswith(_ENDING):
            continue
        try:
            found = _look(path, now=now)
        except FileNotFoundError:
            found = Why.OPEN, "it is gone", "unreadable-gone"
        except OSError as error:
            is_held = getattr(error, "winerror", None) in _HELD_ON_WINDOWS
            reason = error.strerror or str(error)
            denied = isinstance(error, PermissionError)
            code = "unreadable-forbidden" if denied else "unreadable-system"
            found = (
                (Why.OPEN, reason, "unreadable-open")
                if is_held
                else (Why.UNREADABLE, reason, code)
            )
        if isinstance(found, ClosedFile):
            yield found
        else:
            size, is_old = _size_and_age(path, now=now)
            is_open = found[0] is Why.OPEN
            is_routine = found[0] is Why.OTHER or (is_open and not is_old)
            yield LeftFile(shown_name(path), *found, size, is_routine)


def _size_and_age(path: Path, *, now: float) -> tuple[int, bool]:
    """Return the size of a file, and whether it is too old to be from today."""
    try:
        seen = path.lstat()
    except OSError:
        return 0, False
    return seen.st_size, abs(now - seen.st_mtime) >= _UNFINISHED_FOR


def stamp_of(path: Path) -> tuple[int, int, int]:
    """Return size, time and inode of a file, which differ once it was changed.

    Raises:
        OSError: the path is no longer a regular file.

    """
    seen = path.lstat()
    if not stat.S_ISREG(seen.st_mode):
        message = f"{path} is not a file any more"
        raise OSError(message)
    return seen.st_size, seen.st_mtime_ns, seen.st_ino


def has_changed(one: ClosedFile) -> bool:
    try:
        return stamp_of(one.path) != one.stamp
    except OSError:
        return True


def hash_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _look(path: Path, *, now: float) -> ClosedFile | tuple[Why, str, str]:
    """Hash a file that is closed."""
    if path.name.startswith(_METADATA_PREFIX):
        return Why.OTHER, "it is a metadata file of macOS", ""
    seen = path.lstat()
    if not stat.S_ISREG(seen.st_mode):
        return Why.OTHER, _kind(seen), ""
    # A time in the future is from a clock that was wrong: do not wait for it.
    age = abs(now - seen.st_mtime)
    if age < QUIET_FOR:
        return _open("it changed less than 2 minutes ago")
    before = stamp_of(path)
    reason = _reason_to_wait(path, before[0], age=age)
    if reason:
        return _open(reason)
    sha256 = hash_of(path)
    if stamp_of(path) != before:
        return _open("it is being written")
    return ClosedFile(path, before[0], sha256, before)


def _reason_to_wait(path: Path, size: int, *, age: float) -> str:
    with path.open("rb") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno in _LOCKED:
                    return "it is locked"
        start = file.read(layout.PRELUDE.size)
    is_unfinished = _is_unfinished(start, size) and age < _UNFINISHED_FOR
    return "it is not complete yet" if is_unfinished else ""


def _open(reason: str) -> tuple[Why, str, str]:
    return Why.OPEN, reason, "unreadable-open"


def _kind(seen: os.stat_result) -> str:
    if stat.S_ISDIR(seen.st_mode):
        return "it is a directory"
    return "it is a link" if stat.S_ISLNK(seen.st_mode) else "it is not a file"


def _is_unfinished(start: bytes, size: int) -> bool:
    if len(start) < layout.PRELUDE.size:
        return True
    magic, _, _, _, declared = layout.PRELUDE.unpack(start)
    return bool(magic == layout.MAGIC and size < declared)
