"""Reports a run to the portal, where the pages *Uploads* and *Automation* list it.

Reports change nothing about files. If a report fails, the run continues.
"""

import platform
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from usage.usg.client import VERSION
from usage.usg.client.answers import Answer
from usage.usg.client.http import NotDeliveredError, Portal

# Most items that the portal accepts in one report, and for one run.
AT_ONCE, AT_MOST = 1_000, 20_000

HERE = "already here"

# Codes of failures, by the status of an answer that is not from the portal.
_IN_BETWEEN = {401: "blocked-sign-in", 407: "blocked-sign-in", 413: "blocked-size"}


@dataclass(slots=True)
class RunReport:
    """The report of one run; `key` identifies the run, `size` is in bytes.

    `files` counts files that are closed or failed, `others` those that are left out.
    """

    portal: Portal
    machine: str
    key: str = field(default_factory=lambda: str(uuid4()))
    files: int = 0
    size: int = 0
    others: int = 0
    step: int = 0
    items: list[dict[str, Any]] = field(default_factory=list)

    def add(self, name: str, size: int, outcome: str, **more: object) -> None:
        """Note how one file ended; `more` are `code`, `status` and `file`."""
        known = {key: value for key, value in more.items() if value}
        number = len(self.items)
        item = {"number": number, "name": name, "size": size, "outcome": outcome}
        self.items.append({**item, **known})

    def begin(self) -> None:
        """Report that sending begins, so that a run that is killed is listed."""
        self._submit([], is_ended=False, tries=1)

    def end(self, *, tries: int) -> str:
        """Report how the run ended; return why the report failed, or ""."""
        # Files that were already in the portal come last: only as many of them are
        # reported as fit into the requests for the others.
        self.items.sort(key=lambda one: one["outcome"] == HERE)
        new = sum(one["outcome"] != HERE for one in self.items)
        count = min(max(-(-new // AT_ONCE), 1) * AT_ONCE, AT_MOST)
        sent = [{**one, "number": at} for at, one in enumerate(self.items[:count])]
        parts = [sent[at : at + AT_ONCE] for at in range(0, len(sent), AT_ONCE)] or [[]]
        for part in parts:
            failure = self._submit(part, is_ended=part is parts[-1], tries=tries)
            if failure:
                return failure
        return ""

    def _submit(
        self, items: list[dict[str, Any]], *, is_ended: bool, tries: int
    ) -> str:
        self.step += 1
        document = {
            "step": self.step,
            "machine": self.machine,
            "version": version(),
            "files": self.files,
            "bytes": self.size,
            "others": self.others,
            "is_ended": is_ended,
            "items": items,
        }
        portal = replace(self.portal, most_tries=tries)
        path = f"/api/v1/uploads/{self.key}/report"
        try:
            answer = portal.send_json("PUT", path, document)
        except NotDeliveredError as error:
            return str(error)
        is_stored = answer.status == HTTPStatus.OK and "id" in answer.document
        return "" if is_stored else answer.reason


def version() -> str:
    python = ".".join(platform.python_version_tuple()[:2])
    return f"usage-sender {VERSION} Python {python}"


def failure_code(answer: Answer | None) -> str:
    """Return the code for a file that was not delivered; None means no answer."""
    if answer is None:
        return "no-answer"
    if answer.is_of_portal:
        return str(answer.document.get("code", ""))
    if answer.status in _IN_BETWEEN:
        return _IN_BETWEEN[answer.status]
    if answer.is_passing:
        return "unreached"
    return "blocked" if answer.status >= HTTPStatus.BAD_REQUEST else "blocked-page"
