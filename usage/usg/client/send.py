"""Delivers a directory of usage files, as a server does each day.

It first requests which files the portal needs, by their SHA-256, and sends those alone.
Whatever happens in between, it can be run again: a file is known by its content.

A file that fails does not affect the others. Each file is sent once; files without an
answer are sent again after the others, so that they delay neither this run nor the
next one. Only a failure that concerns all files ends a run: no answer to any request, a
token that is refused, or a portal that stays busy.
"""

import sys
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from usage.usg.client.answers import Answer
from usage.usg.client.closed_files import (
    ClosedFile,
    Why,
    has_changed,
    hash_of,
    look_through,
    stamp_of,
)
from usage.usg.client.http import NotDeliveredError, Portal

# Files in one request: the portal takes no more.
_AT_ONCE = 1_000

# Tries of a file that had no answer, once the others are sent.
_TRIES_LATER = 3

ACCEPTED, REJECTED, HELD, UNDELIVERED = 0, 1, 3, 4

# The worst of what happened to the files decides.
_WORST_LAST = (ACCEPTED, HELD, UNDELIVERED, REJECTED)

_CODES: Mapping[str, int] = {
    "accepted": ACCEPTED,
    "already here": ACCEPTED,
    "received": ACCEPTED,
    "held": HELD,
}

# Refusals that concern every file: of the token, or of the address.
_OF_ALL = frozenset(
    {
        *("token-unknown", "sign-in-needed", "not-allowed", "account-closed"),
        *("tenant-differs", "https-needed"),
    }
)

Report = Callable[[str], object]


class _RefusedError(Exception):
    """The portal refuses the request as such: the token, most likely."""


def send(
    portal: Portal, folder: Path, *, now: float, report: Report, delete: bool
) -> int:
    """Deliver what is needed and return the exit code; `now` in seconds since 1970.

    Raises:
        OSError: the directory cannot be read.

    """
    delivery = _Delivery(portal, report)
    for one in look_through(folder, now=now):
        if isinstance(one, ClosedFile):
            delivery.waiting[one.path] = one
            continue
        report(f"{one.why.value}: {one.name} ({one.reason})")
        if one.why is Why.UNREADABLE:
            delivery.codes.append(UNDELIVERED)
    found = list(delivery.waiting.values())
    try:
        delivery.run(found)
        if delete:
            _delete(portal, found, report=report)
    except NotDeliveredError as error:
        report(f"not delivered: {error}")
        delivery.codes.append(UNDELIVERED)
    except _RefusedError as error:
        report(f"refused: {error}")
        delivery.codes.append(REJECTED)
    for one in delivery.waiting.values():
        report(f"not sent: {one.name}")
    return max(delivery.codes, key=_WORST_LAST.index)


@dataclass(slots=True)
class _Delivery:
    """One run: `codes` of what was decided, `waiting` what is not sent yet."""

    portal: Portal
    report: Report
    codes: list[int] = field(default_factory=lambda: [ACCEPTED])
    waiting: dict[Path, ClosedFile] = field(default_factory=dict)

    def run(self, found: Sequence[ClosedFile]) -> None:
        """Send what is needed, then once more what had no answer.

        Raises:
            NotDeliveredError, _RefusedError: no other file would fare better.

        """
        unanswered = []
        for batch in _batches(found):
            answers = _check(self.portal, batch)
            for one, answer in zip(batch, answers, strict=True):
                if answer["is_needed"]:
                    if self._failure(one, tries=1) is not None:
                        unanswered.append(one)
                else:
                    self._already_here(one, answer)
        for one in unanswered:
            failure = self._failure(one, tries=_TRIES_LATER)
            if failure is not None:
                self._end(one, UNDELIVERED, f"not delivered: {one.name} ({failure})")

    def _failure(self, one: ClosedFile, *, tries: int) -> NotDeliveredError | None:
        """Send a file and report its verdict; return why there is none."""
        try:
            self._put(one, tries=tries)
        except NotDeliveredError as error:
            if error.is_of_all:
                raise
            # Raises if the portal does not answer at all. The file may have arrived.
            (answer,) = _check(self.portal, [one])
            if answer["is_needed"]:
                return error
            self._already_here(one, answer)
        return None

    def _put(self, one: ClosedFile, *, tries: int) -> None:
        digest = b64encode(bytes.fromhex(one.sha256)).decode()
        headers = {
            "Content-Length": str(one.size),
            "Content-Digest": f"sha-256=:{digest}:",
            "Content-Type": "application/octet-stream",
        }
        path = f"/api/v1/files/{quote(one.name, safe='')}"
        try:
            with one.path.open("rb") as body:
                answer = self.portal.patiently(
                    "PUT", path, body, headers=headers, tries=tries
                )
        except OSError as error:
            reason = error.strerror or str(error)
            self._end(one, ACCEPTED, f"left for next time: {one.name} ({reason})")
            return
        self._report_answer(one, answer)

    def _report_answer(self, one: ClosedFile, answer: Answer) -> None:
        document = answer.document
        code = document.get("code")
        if not answer.is_of_portal:
            line = f"not delivered: {one.name} ({answer.reason})"
            self._end(one, UNDELIVERED, line)
        elif code in _OF_ALL:
            raise _RefusedError(answer.reason)
        elif code == "digest-differs" and has_changed(one):
            line = f"left for next time: {one.name} (it is being written)"
            self._end(one, ACCEPTED, line)
        else:
            verdict = str(document.get("verdict") or "refused")
            self._end(one, _CODES.get(verdict, REJECTED), f"{verdict}: {one.name}")
            for line in _reasons(document):
                self.report(f"  {line}")

    def _already_here(self, one: ClosedFile, answer: Mapping[str, Any]) -> None:
        file = answer.get("file")
        is_held = isinstance(file, dict) and file.get("state") == "held"
        self._end(one, HELD if is_held else ACCEPTED, f"already here: {one.name}")

    def _end(self, one: ClosedFile, code: int, line: str) -> None:
        self.codes.append(code)
        self.waiting.pop(one.path, None)
        self.report(line)


def _batches(found: Sequence[ClosedFile]) -> Iterator[Sequence[ClosedFile]]:
    for start in range(0, len(found), _AT_ONCE):
        yield found[start : start + _AT_ONCE]


def _check(portal: Portal, batch: Sequence[ClosedFile]) -> list[Mapping[str, Any]]:
    """Return which of the files are needed, in the order of the files."""
    # Without names: they do not identify content, and a filter may reject odd ones.
    questions = [{"size": one.size, "sha256": one.sha256} for one in batch]
    answer = portal.send_json("POST", "/api/v1/files/check", {"files": questions})
    if not answer.is_of_portal:
        raise NotDeliveredError(answer.reason, is_of_all=True)
    files = answer.document.get("files")
    if answer.status != HTTPStatus.OK or not isinstance(files, list):
        raise _RefusedError(answer.reason)
    is_known = all(isinstance(one, dict) and "is_needed" in one for one in files)
    if len(files) != len(batch) or not is_known:
        message = "the answer is about other files"
        raise NotDeliveredError(message, is_of_all=True)
    return files


def _reasons(document: Mapping[str, Any]) -> Iterator[str]:
    if "title" in document:
        yield f"{document['title']} {document.get('advice', '')}".rstrip()
    file = document.get("file")
    for problem in file.get("problems", ()) if isinstance(file, dict) else ():
        yield f"{problem['title']} {problem['advice']}".rstrip()


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
        report(f"safe to delete: {one.name}")
    for one in safe:
        with suppress(OSError):
            if stamp_of(one.path) == one.stamp and hash_of(one.path) == one.sha256:
                one.path.unlink()
                report(f"deleted: {one.name}")
                continue
        report(f"kept, it has changed: {one.name}")


def _is_safe(one: ClosedFile, answer: Mapping[str, Any]) -> bool:
    file = answer.get("file")
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
