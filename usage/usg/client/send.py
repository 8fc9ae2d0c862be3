"""Delivers a directory of usage files, as a server does each day.

It first requests which files the portal needs, by their SHA-256, and sends those alone.
Whatever happens in between, it can be run again: a file is known by its content.
"""

import hashlib
import stat
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from usage.usg import layout
from usage.usg.client.http import NotDeliveredError, Portal

try:
    import fcntl
except ImportError:  # Windows, which refuses to open what somebody holds
    fcntl = None  # type: ignore[assignment]  # asked for before it is used

# Files in one request: the portal takes no more.
_AT_ONCE = 1_000

_PIECE = 1024 * 1024

# Seconds without a change after which a file is taken to be closed.
QUIET_FOR = 120.0

# A file that is shorter than it declares is being written, but not for longer than a
# day and its night: then it is cut, and the portal rejects it.
_UNFINISHED_FOR = 36 * 3600.0

ACCEPTED, REJECTED, HELD, UNDELIVERED = 0, 1, 3, 4

# The worst of what happened to the files decides.
_WORST_LAST = (ACCEPTED, HELD, UNDELIVERED, REJECTED)

_CODES: Mapping[str, int] = {
    "accepted": ACCEPTED,
    "already here": ACCEPTED,
    "received": ACCEPTED,
    "held": HELD,
}

Report = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class ClosedFile:
    """A file that is closed; `stamp` changes with its content."""

    path: Path
    size: int
    sha256: str
    stamp: tuple[int, int, int]


def send(
    portal: Portal, folder: Path, *, now: float, report: Report, delete: bool
) -> int:
    """Deliver what is needed and return the exit code; `now` in seconds since 1970.

    Raises:
        OSError: the directory cannot be read.

    """
    found = list(_closed_files(folder, now=now, report=report))
    codes = [ACCEPTED]
    try:
        for batch in _batches(found):
            answers = _check(portal, batch)
            for one, answer in zip(batch, answers, strict=True):
                codes.append(_deliver(portal, one, answer, report=report))
        if delete:
            _delete(portal, found, report=report)
    except NotDeliveredError as error:
        report(f"not delivered: {error}")
        codes.append(UNDELIVERED)
    except _RefusedError as error:
        report(str(error))
        codes.append(REJECTED)
    return max(codes, key=_WORST_LAST.index)


class _RefusedError(Exception):
    """The portal refuses the request as such: the token, most likely."""


def _closed_files(folder: Path, *, now: float, report: Report) -> Iterator[ClosedFile]:
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() != ".usg" or path.is_symlink() or not path.is_file():
            continue
        try:
            one, why = _look(path, now=now)
        except OSError as error:
            one, why = None, error.strerror or str(error)
        if one is None:
            report(f"left for next time: {path.name} ({why})")
        else:
            yield one


def _look(path: Path, *, now: float) -> tuple[ClosedFile | None, str]:
    """Hash a file; None with the reason where somebody still writes it."""
    before = _stamp(path)
    age = now - path.stat().st_mtime
    if age < QUIET_FOR:
        return None, "it has just been written"
    with path.open("rb") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return None, "it is locked"
        start = file.read(layout.PRELUDE.size)
    if _is_unfinished(start, before[0]) and age < _UNFINISHED_FOR:
        return None, "it is not complete yet"
    sha256 = _hash(path)
    if _stamp(path) != before:
        return None, "it is being written"
    return ClosedFile(path, before[0], sha256, before), ""


def _is_unfinished(start: bytes, size: int) -> bool:
    if len(start) < layout.PRELUDE.size:
        return True
    magic, _, _, _, declared = layout.PRELUDE.unpack(start)
    return bool(magic == layout.MAGIC and size < declared)


def _stamp(path: Path) -> tuple[int, int, int]:
    seen = path.lstat()
    if not stat.S_ISREG(seen.st_mode):
        message = f"{path} is no file any more"
        raise OSError(message)
    return seen.st_size, seen.st_mtime_ns, seen.st_ino


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _batches(found: Sequence[ClosedFile]) -> Iterator[Sequence[ClosedFile]]:
    for start in range(0, len(found), _AT_ONCE):
        yield found[start : start + _AT_ONCE]


def _check(portal: Portal, batch: Sequence[ClosedFile]) -> list[Mapping[str, Any]]:
    """Return which of the files are needed, in the order of the files."""
    questions = [
        {"name": one.path.name, "size": one.size, "sha256": one.sha256} for one in batch
    ]
    answer = portal.send_json("POST", "/api/v1/files/check", {"files": questions})
    files = answer.document.get("files")
    if answer.status != 200 or not isinstance(files, list):  # noqa: PLR2004 - HTTP's
        title = answer.document.get("title") or f"status {answer.status}"
        message = f"refused: {title} {answer.document.get('advice', '')}".rstrip()
        raise _RefusedError(message)
    if len(files) != len(batch):
        message = "the answer is about other files"
        raise NotDeliveredError(message)
    return files


def _deliver(
    portal: Portal, one: ClosedFile, answer: Mapping[str, Any], *, report: Report
) -> int:
    if not answer["is_needed"]:
        report(f"already here: {one.path.name}")
        return _state_code(answer["file"])
    digest = b64encode(bytes.fromhex(one.sha256)).decode()
    headers = {
        "Content-Length": str(one.size),
        "Content-Digest": f"sha-256=:{digest}:",
        "Content-Type": "application/octet-stream",
    }
    path = f"/api/v1/files/{quote(one.path.name, safe='')}"
    try:
        with one.path.open("rb") as body:
            found = portal.patiently("PUT", path, body, headers=headers)
    except OSError as error:
        report(f"left for next time: {one.path.name} ({error.strerror or error})")
        return ACCEPTED
    if found.document.get("code") == "digest-differs" and _has_changed(one):
        report(f"left for next time: {one.path.name} (it is being written)")
        return ACCEPTED
    verdict = str(found.document.get("verdict") or "refused")
    report(f"{verdict}: {one.path.name}")
    for line in _reasons(found.document):
        report(f"  {line}")
    return _CODES.get(verdict, REJECTED)


def _has_changed(one: ClosedFile) -> bool:
    try:
        return _stamp(one.path) != one.stamp
    except OSError:
        return True


def _state_code(file: Any) -> int:
    is_held = isinstance(file, dict) and file.get("state") == "held"
    return HELD if is_held else ACCEPTED


def _reasons(document: Mapping[str, Any]) -> Iterator[str]:
    if "title" in document:
        yield f"{document['title']} {document.get('advice', '')}".rstrip()
    file = document.get("file")
    for problem in file.get("problems", ()) if isinstance(file, dict) else ():
        yield f"{problem['title']} {problem['advice']}"


def _delete(portal: Portal, found: Sequence[ClosedFile], *, report: Report) -> None:
    """Delete files that the portal confirms in S3 and that are still the same here."""
    safe = []
    for batch in _batches(found):
        answers = _check(portal, batch)
        safe += [
            one
            for one, answer in zip(batch, answers, strict=True)
            if _is_safe(one, answer)
        ]
    for one in safe:
        report(f"safe to delete: {one.path.name}")
    for one in safe:
        with suppress(OSError):
            if _stamp(one.path) == one.stamp and _hash(one.path) == one.sha256:
                one.path.unlink()
                report(f"deleted: {one.path.name}")
                continue
        report(f"kept, it is not what it was: {one.path.name}")


def _is_safe(one: ClosedFile, answer: Mapping[str, Any]) -> bool:
    file = answer["file"]
    return (
        not answer["is_needed"]
        and isinstance(file, dict)
        and file.get("is_safe_to_delete") is True
        and file.get("sha256") == one.sha256
        and file.get("size") == one.size
    )


def to_stdout(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
