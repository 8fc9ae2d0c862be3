"""Versions of a statement: provisional, issued, draft, and the next version."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from billing.coverage.periods import Period
from billing.models import Statement
from billing.periods import open_periods
from billing.statements import issue, queries
from billing.statements.issue import IssueRequest
from portal.db import unit_of_work
from portal.errors import Refused
from portal.models import Tenant
from tests.builders import Company, open_company

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


def test_an_incomplete_period_is_closed_for_a_reason_alone(company: Company) -> None:
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
