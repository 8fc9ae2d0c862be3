"""Holds what was answered against what is there: rows, bytes, S3, calendar.

It calls nothing of the product but the API, for the calendar. To be asked once all
that waits had its turn: nothing may wait any more then.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from tests.faults.answer_log import Content, Entry, Fate, Ledger
from tests.faults.customer_client import Client
from tests.faults.stored_state import AUDIT, FILES, Row, World

# States in which the portal answers for the bytes.
KEPT = ("received", "accepted", "held", "refused")

# A tenant keeps so many rows of rejected files, the newest (usage.uploads.judge).
REJECTED_ROWS = 1_000

# What an answer may have said of a file, by what has to come of it in the end.
MAY_SAY = {
    Fate.ACCEPTED: {"received", "accepted"},
    Fate.HELD: {"received", "held"},
    Fate.REJECTED: {"received", "rejected"},
}


@dataclass
class Findings:
    """What does not hold, in words; `stray` are bytes that were promised to nobody."""

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
    """What one call looks at."""

    world: World
    clients: Mapping[str, Client]
    ledger: Ledger
    files: list[Row]
    findings: Findings = field(default_factory=Findings)

    @cached_property
    def _rejected(self) -> Counter[str]:
        return Counter(r["tenant"] for r in self.files if r["state"] == "rejected")

    def has_shed(self, tenant: str) -> bool:
        """Say whether there were so many rejected files that the oldest rows went."""
        return self._rejected[tenant] >= REJECTED_ROWS


def judge(world: World, clients: Iterable[Client]) -> Findings:
    """Compare the ledger that some clients share with all that is their tenants'."""
    by_tenant = {client.customer.number: client for client in clients}
    ledger = next(iter(by_tenant.values())).ledger
    files = [row for row in world.rows(FILES) if row["tenant"] in by_tenant]
    case = _Case(world, by_tenant, ledger, files)
    by_content: dict[tuple[str, str], list[Row]] = {}
    for row in files:
        by_content.setdefault((row["tenant"], row["sha256"]), []).append(row)
    for key, content in ledger.contents.items():
        rows = by_content.pop(key, [])
        _judge_content(case, content, ledger.answers[key], rows)
    case.findings.wrong += [f"{key}: nobody has sent it" for key in by_content]
    _judge_bytes(case)
    _judge_audit(case)
    _judge_bucket(case)
    for client in by_tenant.values():
        _judge_calendar(case, client)
    return case.findings


def _judge_content(
    case: _Case, content: Content, entries: list[Entry], rows: list[Row]
) -> None:
    """Every answer names a row, of kept contents the same one, in its right state."""
    found, ids = case.findings, {row["id"] for row in rows}
    name = f"{content.fate} {content.sha256[:12]} of {content.tenant}"
    for entry in entries:
        if entry.file_id not in ids and not (
            content.fate == Fate.REJECTED and case.has_shed(content.tenant)
        ):
            found.lost.append(f"{name}: {entry} has no row")
        if entry.state not in MAY_SAY[content.fate]:
            found.wrong.append(f"{name}: {entry} is not its verdict")
    states = Counter(row["state"] for row in rows)
    if rows and set(states) != {content.fate}:
        found.wrong.append(f"{name}: its rows are {dict(states)}")
    if content.fate != Fate.REJECTED and len(rows) > 1:
        found.doubled.append(f"{name}: it has {len(rows)} rows")
    for row in rows:
        _judge_row(found, name, row)


def _judge_row(found: Findings, name: str, row: Row) -> None:
    if row["settling"] != "done":
        found.wrong.append(f"{name}: its settling is {row['settling']}")
    wanted = "done" if row["state"] == "accepted" else None
    if row["forwarding"] != wanted:
        found.wrong.append(f"{name}: its forwarding is {row['forwarding']}")
    # What S3 has confirmed long ago may be there alone; that it is, is judged too.
    is_here = row["state"] in KEPT and not row["is_removed"]
    if is_here != bool(row["stored_as"]):
        found.wrong.append(f"{name}: {row['state']}, kept as {row['stored_as']!r}")


def _judge_bytes(case: _Case) -> None:
    """Of every kept row the bytes are there; what else lies there is stray."""
    folder = case.world.folder
    ids = {str(client.customer.tenant_id) for client in case.clients.values()}
    there = {
        path.relative_to(folder).as_posix()
        for name in (*ids, "spool")
        for path in (folder / name).rglob("*")
        if path.is_file()
    }
    kept = [row for row in case.files if row["stored_as"]]
    for row in kept:
        path = folder / row["stored_as"]
        if row["stored_as"] not in there:
            case.findings.lost.append(f"{row['id']}: its bytes are gone")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != row["sha256"]:
            case.findings.lost.append(f"{row['id']}: its bytes are others")
    case.findings.kept = len(kept)
    case.findings.stray = sorted(there - {row["stored_as"] for row in kept})


def _judge_audit(case: _Case) -> None:
    """Each verdict is in the audit trail once, and the trails are whole."""
    entries = [row for row in case.world.rows(AUDIT) if row["tenant"] in case.clients]
    told = Counter(
        (row["subject"], row["act"])
        for row in entries
        if row["act"].startswith("file-")
    )
    due = {(row["id"], f"file-{row['state']}") for row in case.files}
    found = case.findings
    found.wrong += [f"{one}: not in the audit trail" for one in due - set(told)]
    found.doubled += [f"{one}: {n} audit entries" for one, n in told.items() if n > 1]
    for before, after in pairwise(entries):
        if before["tenant"] != after["tenant"]:
            continue
        is_next = after["number"] == before["number"] + 1
        if not is_next or bytes(after["previous"]) != bytes(before["digest"]):
            found.wrong.append(f"the audit trail breaks at {after['number']}")


def _judge_bucket(case: _Case) -> None:
    """Each accepted file lies in S3 once, byte for byte, and nothing else does."""
    wanted = {row["key"]: row for row in case.files if row["state"] == "accepted"}
    there = {key for number in case.clients for key in case.world.objects(f"{number}/")}
    found = case.findings
    found.lost += [f"{key}: not in S3" for key in set(wanted) - there]
    found.doubled += [f"{key}: too much in S3" for key in there - set(wanted)]
    for key in there & set(wanted):
        if hashlib.sha256(case.world.fetch(key)).hexdigest() != wanted[key]["sha256"]:
            found.lost.append(f"{key}: other bytes in S3")
        else:
            found.confirmed += 1


def _judge_calendar(case: _Case, client: Client) -> None:
    """Each accepted file fills its cell, and no other cell is filled."""
    accepted = {
        (row["tenant"], row["sha256"])
        for row in case.files
        if row["state"] == "accepted"
    }
    contents = [case.ledger.contents[key] for key in accepted & {*case.ledger.contents}]
    wanted = {
        (one.server, one.day.isoformat()): 1
        for one in contents
        if one.tenant == client.customer.number
    }
    shown = {cell: len(numbers) for cell, numbers in client.calendar().items()}
    if shown != wanted:
        differing = sorted(set(wanted.items()) ^ set(shown.items()))
        case.findings.wrong.append(f"the calendar differs at {differing[:10]}")
