"""Compares the logged answers with rows, stored bytes, S3 and the calendar.

It calls nothing of the product but the API, for the calendar. To be called once all
waiting jobs had their turn: nothing may wait any more then.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from tests.faults.answer_log import AnswerLog, Entry, FinalState, SentContent
from tests.faults.customer_client import FaultClient
from tests.faults.stored_state import AUDIT, FILES, Row, StoredState

# States in which the portal answers for the bytes.
KEPT = ("received", "accepted", "held", "refused")

# A tenant keeps so many rows of rejected files, the newest (usage.uploads.judge).
REJECTED_ROWS = 1_000

# The states that an answer may have reported, by the final state of the file.
REPORTABLE_STATES = {
    FinalState.ACCEPTED: {"received", "accepted"},
    FinalState.HELD: {"received", "held"},
    FinalState.REJECTED: {"received", "rejected"},
}


@dataclass
class ConsistencyReport:
    """Inconsistencies as text; `stray` are bytes that no answer promised to keep."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    stray: list[str] = field(default_factory=list)
    kept: int = 0
    confirmed: int = 0

    @property
    def bad(self) -> list[str]:
        return [*self.lost, *self.doubled, *self.wrong]


@dataclass
class _Case:
    """The inputs of one check, and its report."""

    stored: StoredState
    clients: Mapping[str, FaultClient]
    answer_log: AnswerLog
    files: list[Row]
    report: ConsistencyReport = field(default_factory=ConsistencyReport)

    @cached_property
    def _rejected(self) -> Counter[str]:
        return Counter(r["tenant"] for r in self.files if r["state"] == "rejected")

    def has_shed(self, tenant: str) -> bool:
        """Return whether the oldest rows of rejected files have been removed."""
        return self._rejected[tenant] >= REJECTED_ROWS


def check_consistency(
    stored: StoredState, clients: Iterable[FaultClient]
) -> ConsistencyReport:
    """Compare the clients' shared answer log with all stored data of their tenants."""
    by_tenant = {client.customer.number: client for client in clients}
    answer_log = next(iter(by_tenant.values())).answer_log
    files = [row for row in stored.rows(FILES) if row["tenant"] in by_tenant]
    case = _Case(stored, by_tenant, answer_log, files)
    by_content: dict[tuple[str, str], list[Row]] = {}
    for row in files:
        by_content.setdefault((row["tenant"], row["sha256"]), []).append(row)
    for key, content in answer_log.contents.items():
        rows = by_content.pop(key, [])
        _check_content(case, content, answer_log.answers[key], rows)
    case.report.wrong += [f"{key}: nobody has sent it" for key in by_content]
    _check_bytes(case)
    _check_audit(case)
    _check_bucket(case)
    for client in by_tenant.values():
        _check_calendar(case, client)
    return case.report


def _check_content(
    case: _Case, content: SentContent, entries: list[Entry], rows: list[Row]
) -> None:
    """Every answer names a row, of kept contents the same one, in its right state."""
    found, ids = case.report, {row["id"] for row in rows}
    name = f"{content.final_state} {content.sha256[:12]} of {content.tenant}"
    for entry in entries:
        if entry.file_id not in ids and not (
            content.final_state == FinalState.REJECTED and case.has_shed(content.tenant)
        ):
            found.lost.append(f"{name}: {entry} has no row")
        if entry.state not in REPORTABLE_STATES[content.final_state]:
            found.wrong.append(f"{name}: {entry} is not its verdict")
    states = Counter(row["state"] for row in rows)
    if rows and set(states) != {content.final_state}:
        found.wrong.append(f"{name}: its rows are {dict(states)}")
    if content.final_state != FinalState.REJECTED and len(rows) > 1:
        found.doubled.append(f"{name}: it has {len(rows)} rows")
    for row in rows:
        _check_row(found, name, row)


def _check_row(found: ConsistencyReport, name: str, row: Row) -> None:
    if row["settling"] != "done":
        found.wrong.append(f"{name}: its settling is {row['settling']}")
    wanted = "done" if row["state"] == "accepted" else None
    if row["forwarding"] != wanted:
        found.wrong.append(f"{name}: its forwarding is {row['forwarding']}")
    # Files confirmed long ago may be in S3 alone; _check_bucket checks that they are.
    is_here = row["state"] in KEPT and not row["is_removed"]
    if is_here != bool(row["stored_as"]):
        found.wrong.append(f"{name}: {row['state']}, kept as {row['stored_as']!r}")


def _check_bytes(case: _Case) -> None:
    """Of every kept row the bytes are there; what else lies there is stray."""
    ids = {str(client.customer.tenant_id) for client in case.clients.values()}
    there = case.stored.stored_names(*ids, "spool")
    kept = [row for row in case.files if row["stored_as"]]
    for row in kept:
        if row["stored_as"] not in there:
            case.report.lost.append(f"{row['id']}: its bytes are gone")
        elif _sha256(case.stored.stored_bytes(row["stored_as"])) != row["sha256"]:
            case.report.lost.append(f"{row['id']}: its bytes are others")
    case.report.kept = len(kept)
    case.report.stray = sorted(there - {row["stored_as"] for row in kept})


def _check_audit(case: _Case) -> None:
    """Each verdict is in the audit trail once, and the trails are whole."""
    entries = [row for row in case.stored.rows(AUDIT) if row["tenant"] in case.clients]
    counts = Counter(
        (row["subject"], row["act"])
        for row in entries
        if row["act"].startswith("file-")
    )
    due = {(row["id"], f"file-{row['state']}") for row in case.files}
    found = case.report
    found.wrong += [f"{one}: not in the audit trail" for one in due - set(counts)]
    found.doubled += [f"{one}: {n} audit entries" for one, n in counts.items() if n > 1]
    for before, after in pairwise(entries):
        if before["tenant"] != after["tenant"]:
            continue
        is_next = after["number"] == before["number"] + 1
        if not is_next or bytes(after["previous"]) != bytes(before["digest"]):
            found.wrong.append(f"the audit trail breaks at {after['number']}")


def _check_bucket(case: _Case) -> None:
    """Each accepted file lies in S3 once, byte for byte, and nothing else does."""
    wanted = {row["key"]: row for row in case.files if row["state"] == "accepted"}
    there = {
        key for number in case.clients for key in case.stored.objects(f"{number}/")
    }
    found = case.report
    found.lost += [f"{key}: not in S3" for key in set(wanted) - there]
    found.doubled += [f"{key}: too much in S3" for key in there - set(wanted)]
    for key in there & set(wanted):
        if _sha256(case.stored.fetch(key)) != wanted[key]["sha256"]:
            found.lost.append(f"{key}: other bytes in S3")
        else:
            found.confirmed += 1


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _check_calendar(case: _Case, client: FaultClient) -> None:
    """Each accepted file fills its cell, and no other cell is filled."""
    accepted = {
        (row["tenant"], row["sha256"])
        for row in case.files
        if row["state"] == "accepted"
    }
    contents = [
        case.answer_log.contents[key] for key in accepted & {*case.answer_log.contents}
    ]
    wanted = {
        (one.server, one.day.isoformat()): 1
        for one in contents
        if one.tenant == client.customer.number
    }
    shown = {cell: len(numbers) for cell, numbers in client.calendar().items()}
    if shown != wanted:
        differing = sorted(set(wanted.items()) ^ set(shown.items()))
        case.report.wrong.append(f"the calendar differs at {differing[:10]}")
