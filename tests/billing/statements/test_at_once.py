"""What happens at the same moment: two clerks, a late file, a new catalogue."""

import json
import threading
from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

import pytest
from django.db import connection

from billing.models import Statement
from billing.statements import catalogue, compute_days, issue, queries, refresh
from billing.statements.compute.catalogue import Kind
from billing.statements.compute.days import compute_day
from billing.statements.issue import IssueRequest
from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.errors import Refused, Unavailable
from portal.models import AuditEntry
from tests.billing.statements.statement_tenants import (
    AFTER,
    LAST,
    MAY,
    open_tenant,
    send_all,
    send_day,
)
from tests.builders import Company

ROUNDS = 3


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Run functions in threads that begin together; return what came of each."""
    start, found = threading.Barrier(len(acts)), [None] * len(acts)

    def run(place: int, act: Callable[[], Any]) -> None:
        start.wait()
        try:
            found[place] = act()
        except (Refused, Unavailable) as problem:
            found[place] = problem.code  # type: ignore[call-overload]  # any result
        finally:
            connection.close()

    threads = [
        threading.Thread(target=run, args=(place, act))
        for place, act in enumerate(acts)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def ask(by: str = "clara", reason: str = "") -> IssueRequest:
    return IssueRequest(
        period=MAY, by=by, at=AFTER, reason=reason, with_incomplete=bool(reason)
    )


def versions(company: Company) -> list[Statement]:
    with unit_of_work.acting_for(company.id, reading=True):
        return list(Statement.objects.order_by("version"))


def test_of_two_clerks_one_issues(db: None) -> None:
    for number in range(ROUNDS):
        company = open_tenant(f"A-{number}")
        send_all(company)
        found = at_once(
            partial(issue.issue, company.id, ask("clara")),
            partial(issue.issue, company.id, ask("conrad")),
        )
        assert found.count("statement-unchanged") == 1
        assert len(versions(company)) == 1
        with unit_of_work.acting_for(company.id, reading=True):
            entries = AuditEntry.objects.filter(act="statement-issued")
            assert entries.count() == 1
            assert audit_log.first_break(tenant_id=company.id) is None


def test_a_late_file_is_in_the_version_or_in_the_draft(db: None) -> None:
    for number in range(ROUNDS):
        company = open_tenant(f"L-{number}")
        send_all(company, last=date(2026, 5, 26))
        refresh.fresh_statement(company.id, MAY, at=AFTER)
        sha256, issued = at_once(
            partial(send_day, company, LAST),
            partial(issue.issue, company.id, ask(reason="closed")),
        )
        [version] = versions(company)
        listed = json.loads(bytes(version.files))["files"]
        if sha256 in {one["sha256"] for one in listed}:
            with pytest.raises(Refused):
                queries.serve(company.id, MAY, version="draft", at=AFTER)
            continue
        draft = queries.serve(company.id, MAY, version="draft", at=AFTER).content()
        causes = {one for line in draft["differences"] for one in line["because"]}
        assert f"file:{sha256}" in causes
        assert issued.version == 1


def test_a_change_of_the_catalogue_while_computing_is_taken_into_account(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = open_tenant("C-1")
    send_all(company)
    classified = threading.Event()

    def slow(*args: Any) -> Any:
        found = compute_day(*args)
        if not classified.is_set():
            classified.set()
            with unit_of_work.acting_for(unit_of_work.STAFF):
                catalogue.classify(
                    {"I3_ACCESS_RECORDER": Kind.IGNORED},
                    valid_from=MAY,
                    reason="not billed any more",
                    by="clara",
                    at=AFTER,
                )
        return found

    monkeypatch.setattr(compute_days, "compute_day", slow)
    found = queries.serve(company.id, MAY, version="latest", at=AFTER).content()
    assert found["catalogue"]["version"] == 2
    assert [line["id"] for line in found["lines"]].count(
        "add_on:I3_ACCESS_RECORDER"
    ) == 0
