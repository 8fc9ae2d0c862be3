"""Delivers a directory of usage files, as a server does each day.

It first requests which files the portal needs, by their SHA-256, and sends only those.
It can be run again at any time, because the portal knows a file by its content.

A file that fails does not affect the others. Each file is sent once; files without an
answer are sent again after the others, so that they delay neither this run nor the
next one. Only a failure that concerns all files ends a run: no answer to any request, a
token that is refused, or a portal that stays busy.

The PowerShell script `usage/sender/usage-sender.ps1` takes the same steps.
"""

from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from usage.usg.client.answers import Answer
from usage.usg.client.closed_files import (
    ClosedFile,
    Why,
    find_files,
    has_changed,
    hash_of,
    stamp_of,
)
from usage.usg.client.exit_codes import CODES, ExitCode, worst_of
from usage.usg.client.http import NotDeliveredError, Portal
from usage.usg.client.needed import RefusedError, check, is_safe
from usage.usg.client.one_run import lock_run
from usage.usg.client.run_report import HERE, RunReport, failure_code

# Tries for a file that had no answer, after the other files are sent.
_TRIES_LATER = 3

# Tries for each report at the end of a run; one if the portal was busy.
_TRIES_OF_REPORT = 2

# Refusals that concern every file: of the token, or of the address.
OF_ALL = frozenset(
    {
        *("token-unknown", "sign-in-needed", "not-allowed", "account-closed"),
        *("tenant-differs", "https-needed"),
        *("token-expired", "token-revoked", "token-network"),
    }
)

# The refusal of every file until people have decided about those that wait.
QUOTA_FULL = "quota-full"

Report = Callable[[str], object]


def send(
    portal: Portal,
    folder: Path,
    *,
    now: float,
    report: Report,
    delete: bool,
    machine: str = "",
) -> int:
    """Deliver what is needed and return the exit code; `now` in seconds since 1970.

    Raises:
        OSError: the directory cannot be read.

    """
    # Step 1: Let one run at a time send a directory.
    with lock_run(folder) as is_alone:
        if not is_alone:
            report("another run sends this directory; this one ends")
            return ExitCode.ACCEPTED
        return _DeliveryRun(portal, report, RunReport(portal, machine)).take_steps(
            folder, now=now, delete=delete
        )


@dataclass(slots=True)
class _DeliveryRun:
    """One run: `codes` of the files so far; `waiting` has files without an outcome."""

    portal: Portal
    report: Report
    run_report: RunReport
    codes: list[ExitCode] = field(default_factory=lambda: [ExitCode.ACCEPTED])
    waiting: dict[Path, ClosedFile] = field(default_factory=dict)
    is_cut_short: bool = False
    is_answered: bool = True

    def take_steps(self, folder: Path, *, now: float, delete: bool) -> int:
        # Step 2: Find the files that are closed, and hash them.
        found = self._find_closed(folder, now=now)
        try:
            # Step 3: Request which files are needed, by their hash.
            needed = self._request_needed(found)
            # Step 4: Send the needed files.
            unanswered = self._send_needed(needed)
            # Step 5: Send again what had no answer.
            self._send_again(unanswered)
            # Step 6: Remove the files that are safe to delete, if that is wanted.
            self._remove_safe(found if delete else [])
        except NotDeliveredError as error:
            # A portal that is busy may still accept a report.
            self.is_answered = error.answer is not None
            self._cut_short(f"not delivered: {error}", ExitCode.UNDELIVERED)
        except RefusedError as error:
            self.is_answered = False
            self._cut_short(f"refused: {error}", ExitCode.REJECTED)
        # Step 7: Write which files were not sent.
        self._write_unsent()
        # Step 8: Submit the report of the run to the portal.
        self._submit_report()
        # Step 9: Select the exit code.
        return self._select_code()

    def _find_closed(self, folder: Path, *, now: float) -> list[ClosedFile]:
        for one in find_files(folder, now=now):
            if isinstance(one, ClosedFile):
                self.waiting[one.path] = one
                self.run_report.files += 1
                self.run_report.size += one.size
                continue
            self.report(f"{one.why.value}: {one.name} ({one.reason})")
            if one.is_routine:
                self.run_report.others += 1
            else:
                self.run_report.files += 1
                self.run_report.size += one.size
                self.run_report.add(one.name, one.size, "unreadable", code=one.code)
            if one.why is Why.UNREADABLE:
                self.codes.append(ExitCode.UNDELIVERED)
        return list(self.waiting.values())

    def _request_needed(self, found: list[ClosedFile]) -> list[ClosedFile]:
        needed = []
        for one, answer in check(self.portal, found):
            if answer["is_needed"]:
                needed.append(one)
            else:
                self._already_here(one, answer)
        return needed

    def _send_needed(self, needed: list[ClosedFile]) -> list[ClosedFile]:
        if needed:
            self.run_report.begin()
        return [one for one in needed if self._failure(one, tries=1) is not None]

    def _send_again(self, unanswered: list[ClosedFile]) -> None:
        for one in unanswered:
            failure = self._failure(one, tries=_TRIES_LATER)
            if failure is not None:
                line = f"not delivered: {one.name} ({failure})"
                self._end(one, ExitCode.UNDELIVERED, line)
                self._add_item(one, "failed", code=failure_code(failure.answer))

    def _remove_safe(self, found: list[ClosedFile]) -> None:
        """Delete files that the portal confirms in S3 and that are still the same."""
        answers = list(check(self.portal, found))
        safe = [one for one, answer in answers if is_safe(one, answer)]
        for one in safe:
            self.report(f"safe to delete: {one.name}")
        for one in safe:
            with suppress(OSError):
                is_file = stamp_of(one.path) == one.stamp
                is_same = is_file and hash_of(one.path) == one.sha256
                # What was read first may have changed while the rest was read.
                if is_same and not has_changed(one):
                    one.path.unlink()
                    self.report(f"deleted: {one.name}")
                    continue
            self.report(f"kept, it has changed: {one.name}")

    def _cut_short(self, line: str, code: ExitCode) -> None:
        self.is_cut_short = True
        self.report(line)
        self.codes.append(code)

    def _write_unsent(self) -> None:
        for one in self.waiting.values():
            self.report(f"not sent: {one.name}")
            self._add_item(one, "stopped")

    def _submit_report(self) -> None:
        if not self.is_answered:
            return
        failure = self.run_report.end(
            tries=1 if self.is_cut_short else _TRIES_OF_REPORT
        )
        if failure and not self.is_cut_short:
            self.report(f"run not reported: {failure}")

    def _select_code(self) -> int:
        return worst_of(self.codes)

    def _failure(self, one: ClosedFile, *, tries: int) -> NotDeliveredError | None:
        """Send a file and write its verdict; return the failure if there is none."""
        try:
            self._put(one, tries=tries)
        except NotDeliveredError as error:
            if error.is_of_all:
                raise
            # The file may have arrived. This raises if the portal does not answer.
            ((_, answer),) = check(self.portal, [one])
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
            "Portal-Upload": self.run_report.key,
        }
        path = f"/api/v1/files/{quote(one.name, safe='')}"
        if has_changed(one):
            self._leave(one, "it is being written", "unreadable-changed")
            return
        try:
            with one.path.open("rb") as body:
                answer = self.portal.patiently(
                    "PUT", path, body, headers=headers, tries=tries
                )
        except OSError as error:
            reason = error.strerror or str(error)
            self._leave(one, reason, "unreadable-open")
            return
        self._report_answer(one, answer)

    def _report_answer(self, one: ClosedFile, answer: Answer) -> None:
        document = answer.document
        code = document.get("code")
        if not answer.is_of_portal:
            line = f"not delivered: {one.name} ({answer.reason})"
            self._end(one, ExitCode.UNDELIVERED, line)
            status, reason = answer.status, failure_code(answer)
            self._add_item(one, "failed", code=reason, status=status)
        elif code in OF_ALL:
            raise RefusedError(answer.reason)
        elif code == QUOTA_FULL:
            raise NotDeliveredError(answer.reason, is_of_all=True, answer=answer)
        elif code == "digest-differs" and has_changed(one):
            self._leave(one, "it is being written", "unreadable-changed")
        else:
            self._report_verdict(one, document)

    def _report_verdict(self, one: ClosedFile, document: Mapping[str, Any]) -> None:
        verdict = str(document.get("verdict") or "refused")
        exit_code = CODES.get(verdict, ExitCode.REJECTED)
        self._end(one, exit_code, f"{verdict}: {one.name}")
        for line in _reasons(document):
            self.report(f"  {line}")
        if "verdict" in document:
            file = document.get("file")
            id_ = file.get("id") if isinstance(file, dict) else None
            self._add_item(one, verdict, file=id_)
        else:
            self._add_item(one, "failed", code=document.get("code"))

    def _already_here(self, one: ClosedFile, answer: Mapping[str, Any]) -> None:
        file = answer.get("file")
        state = file if isinstance(file, dict) else {}
        is_held = state.get("state") == "held"
        code = ExitCode.HELD if is_held else ExitCode.ACCEPTED
        self._end(one, code, f"already here: {one.name}")
        self._add_item(one, HERE, file=state.get("id"))

    def _leave(self, one: ClosedFile, reason: str, code: str) -> None:
        line = f"left for next time: {one.name} ({reason})"
        self._end(one, ExitCode.ACCEPTED, line)
        self._add_item(one, "unreadable", code=code)

    def _add_item(self, one: ClosedFile, outcome: str, **more: object) -> None:
        self.run_report.add(one.name, one.size, outcome, **more)

    def _end(self, one: ClosedFile, code: ExitCode, line: str) -> None:
        self.codes.append(code)
        self.waiting.pop(one.path, None)
        self.report(line)


def _reasons(document: Mapping[str, Any]) -> Iterator[str]:
    if "title" in document:
        yield f"{document['title']} {document.get('advice', '')}".rstrip()
    file = document.get("file")
    for problem in file.get("problems", ()) if isinstance(file, dict) else ():
        yield f"{problem['title']} {problem['advice']}".rstrip()
