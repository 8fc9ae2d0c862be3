"""Versions of a statement: provisional, issued, draft, and the next version."""

import hashlib
import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.db import DatabaseError, connections

from billing.coverage.periods import Period
from billing.models import Excuse, ExcuseKindChoices, Statement, TenantPeriod
from billing.periods import marks, open_periods
from billing.periods.marks import ALL_PERIODS
from billing.requests import excuses
from billing.requests.excuses import ExcuseRequest
from billing.statements import catalogue, issue, queries
from billing.statements.compute.catalogue import Kind
from billing.statements.issue import IssueRequest
from portal.db import unit_of_work
from portal.errors import Refused
from portal.models import Tenant
from tests.builders import Company, open_company
from usage.models import Server
from usage.storage import store

MAY = Period(2026, 5)
AFTER = datetime(2026, 6, 3, 9, 0, tzinfo=UTC)


@pytest.fixture
def company(db: None) -> Company:
    company = open_company(
        "A-1", name="Alice", zone="Europe/Berlin", first_owed_on=date(2026, 5, 26)
    )
    with unit_of_work.acting_for(company.id):
        open_periods.open_period(Tenant.objects.get(), MAY, at=AFTER)
    return company


def statement(company: Company, version: str = "latest") -> dict[str, Any]:
    return queries.serve(company.id, MAY, version=version, at=AFTER).content()


def ask(**changes: Any) -> IssueRequest:
    fields = {"period": MAY, "by": "clara", "at": AFTER}
    return IssueRequest(**{**fields, **changes})


def test_a_complete_period_is_issued_as_version_1(company: Company) -> None:
    for data in company.server.days(date(2026, 5, 26), date(2026, 5, 27)):
        company.send(data, at=AFTER)
    provisional = statement(company)
    assert provisional["statement"]["state"] == "provisional"
    issued = issue.issue(company.id, ask())
    assert (issued.version, issued.number) == (1, "A-1-2026-05-1")
    found = statement(company)
    assert found["statement"]["state"] == "issued"
    assert found["figures_sha256"] == provisional["figures_sha256"]
    assert found["lines"][1]["logins"] == 2
    assert found["differences"] == []


def complete(company: Company) -> None:
    for data in company.server.days(date(2026, 5, 26), date(2026, 5, 27)):
        company.send(data, at=AFTER)


def test_a_period_that_is_not_over_is_not_issued(company: Company) -> None:
    complete(company)
    running = datetime(2026, 5, 27, 21, 59, tzinfo=UTC)
    with pytest.raises(Refused) as refusal:
        issue.issue(company.id, ask(at=running))
    assert refusal.value.code == "statement-running"


def test_an_incomplete_period_is_closed_only_with_a_reason(company: Company) -> None:
    company.send(company.server.day(date(2026, 5, 26)), at=AFTER)
    for wanted in (ask(), ask(reason="gone"), ask(with_incomplete=True)):
        with pytest.raises(Refused) as refusal:
            issue.issue(company.id, wanted)
        assert refusal.value.code == "statement-incomplete"
    issued = issue.issue(company.id, ask(reason="server burnt", with_incomplete=True))
    found = json.loads(bytes(issued.document))
    assert found["statement"]["reason"] == "server burnt"
    assert found["completeness"]["missing"] == 1
    assert found["completeness"]["days"][0]["state"] == "missing"


def test_a_late_file_makes_a_draft_that_names_it(company: Company) -> None:
    company.send(company.server.day(date(2026, 5, 26)), at=AFTER)
    first = issue.issue(company.id, ask(reason="deadline", with_incomplete=True))
    late = company.server.day(date(2026, 5, 27))
    file, _ = company.send(late, at=AFTER)
    draft = statement(company, "draft")
    assert draft["statement"]["state"] == "draft"
    assert draft["statement"]["replaces"] == {"version": 1, "sha256": first.sha256}
    [logins] = [
        one
        for one in draft["differences"]
        if (one["line"], one["field"], one["day"]) == ("business", "logins", None)
    ]
    assert (logins["before"], logins["after"]) == (1, 2)
    assert logins["because"] == [f"file:{bytes(file.sha256).hex()}"]
    assert statement(company)["statement"]["version"] == 1
    with pytest.raises(Refused) as refusal:
        issue.issue(company.id, ask())
    assert refusal.value.code == "statement-needs-reason"
    second = issue.issue(company.id, ask(reason="late file"))
    assert (second.version, second.position) == (2, first.position + 1)
    assert bytes(version_of(company, 1).document) == bytes(first.document)
    assert json.loads(bytes(second.document))["differences"] == draft["differences"]
    with pytest.raises(Refused) as refusal:
        issue.issue(company.id, ask(reason="again"))
    assert refusal.value.code == "statement-unchanged"


def version_of(company: Company, version: int) -> Statement:
    with unit_of_work.acting_for(company.id, reading=True):
        return Statement.objects.get(version=version)


def test_an_issued_version_stays_the_same_bytes(company: Company) -> None:
    complete(company)
    issued = issue.issue(company.id, ask())
    before = queries.serve(company.id, MAY, version="1", at=AFTER)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        catalogue.classify(
            {"I3_ACCESS_CLIENT": Kind.AGENT},
            valid_from=MAY,
            reason="a test",
            by="clara",
            at=AFTER,
        )
        Tenant.objects.filter(pk=company.id).update(name="Bob", zone="Asia/Tokyo")
    with unit_of_work.acting_for(company.id):
        TenantPeriod.objects.update(zone="Asia/Tokyo")
    for file in company.files():
        store.remove(file.stored_as)
    assert queries.serve(company.id, MAY, version="1", at=AFTER) == before
    assert queries.serve(company.id, MAY, version="latest", at=AFTER) == before
    assert hashlib.sha256(before.document).hexdigest() == issued.sha256


def test_the_database_refuses_to_change_or_remove_an_issued_version(
    company: Company,
) -> None:
    complete(company)
    issue.issue(company.id, ask())
    for statement in (
        "update billing_statement set reason = 'other'",
        "delete from billing_statement",
    ):
        with pytest.raises(DatabaseError), connections["owner"].cursor() as cursor:
            cursor.execute(statement)
        connections["owner"].close()


def test_a_swapped_excuse_makes_a_draft(company: Company) -> None:
    company.send(company.server.day(date(2026, 5, 26)), at=AFTER)
    approve_excuse(company, "the disk failed")
    issue.issue(company.id, ask())
    with unit_of_work.acting_for(company.id, holding=True):
        Excuse.objects.update(reason="the server burnt")
        marks.mark(company.id, ALL_PERIODS, at=AFTER)
    draft = statement(company, "draft")
    [found] = draft["differences"]
    assert (found["field"], found["before"], found["after"]) == (
        *("server:IC01", "lost: the disk failed"),
        "lost: the server burnt",
    )


def test_a_file_that_was_believed_lost_makes_a_draft(company: Company) -> None:
    company.send(company.server.day(date(2026, 5, 26)), at=AFTER)
    approve_excuse(company, "the disk failed")
    issued = issue.issue(company.id, ask())
    assert json.loads(bytes(issued.document))["completeness"]["lost"] == 1
    file, _ = company.send(company.server.day(date(2026, 5, 27)), at=AFTER)
    causes = {
        (one["line"], one["field"]): one["because"]
        for one in statement(company, "draft")["differences"]
    }
    cause = f"file:{bytes(file.sha256).hex()}"
    assert causes["business", "logins"] == [cause]
    assert causes["completeness", "lost"] == [cause, "excuse:IC01:2026-05-27"]


def approve_excuse(company: Company, reason: str) -> None:
    """Have the file of the last day excused as lost."""
    with unit_of_work.acting_for(company.id, reading=True):
        server = Server.objects.get(name="IC01")
    excuse = excuses.request_excuse(
        company.id,
        request=ExcuseRequest(
            server_id=server.pk,
            kind=ExcuseKindChoices.LOST,
            period=MAY,
            reason=reason,
            days=frozenset({date(2026, 5, 27)}),
        ),
        by="ada",
        at=AFTER,
    )
    excuses.approve(company.id, excuse_id=excuse.pk, by="clara", at=AFTER)
