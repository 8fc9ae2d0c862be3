"""The staff API returns the standing of all tenants of a period."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.test import Client

from billing.periods import open_periods, refresh
from portal.models import Scope, StaffRole
from tests.billing.staff.staff_clients import staff_client
from tests.builders import NOW, Company

ADDRESS = "/api/v1/staff/standings"
PERIOD = "2026-05"
SENT = datetime(2026, 6, 2, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _opened(alice: Company, charlie: Company) -> None:
    open_periods.open_current_periods(today=date(2026, 5, 20), at=NOW)
    files = alice.server.days(date(2026, 4, 28), date(2026, 5, 28))
    for number, data in enumerate(files, start=1):
        if number not in (10, 11):
            alice.send(data, at=SENT)
    refresh.refresh_all(seconds=60)


@pytest.fixture
def auditor(db: None) -> Client:
    return staff_client(StaffRole.AUDITOR)


def desk_rows_by_api(client: Client, **query: str | int) -> dict[str, Any]:
    answer = client.get(ADDRESS, {"period": PERIOD, **query})
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def test_it_says_of_each_what_its_own_period_says(
    alice: Company, charlie: Company, auditor: Client, api: Callable[..., Any]
) -> None:
    found = desk_rows_by_api(auditor)
    assert found["period"] == PERIOD
    assert found["counts"]["late"] == 2
    assert found["next"] is None
    tenants = {one["number"]: one for one in found["tenants"]}
    assert tenants.keys() == {alice.number, charlie.number}
    for company in (alice, charlie):
        own = api("GET", f"/periods/{PERIOD}", token=company.token).json()
        seen = tenants[company.number]
        for field in ("standing", "owed", "received", "deadline_at", "zone"):
            assert seen[field] == own[field]
        for field in ("missing", "missing_files"):
            assert seen[field] == own[field]
        assert seen["missing_days"] == len(own["missing"])


def test_it_names_days_and_numbers(alice: Company, auditor: Client) -> None:
    (seen,) = desk_rows_by_api(auditor, q=alice.number)["tenants"]
    days = [(one["server"], one["day"]) for one in seen["missing"]]
    assert days == [("IC01", "2026-05-07"), ("IC01", "2026-05-08")]
    (gap,) = seen["missing_files"]
    assert (gap["first_sequence"], gap["last_sequence"]) == (10, 11)
    assert seen["missing_since"] == "2026-05-07T22:00:00Z"
    assert (seen["fault_days"], seen["with_us_days"], seen["pending_days"]) == (0, 0, 0)


def test_it_comes_in_pages_and_narrowed(
    alice: Company, charlie: Company, auditor: Client
) -> None:
    first = desk_rows_by_api(auditor, limit=1)
    second = desk_rows_by_api(auditor, limit=1, after=first["next"])
    numbers = [one["number"] for page in (first, second) for one in page["tenants"]]
    assert set(numbers) == {alice.number, charlie.number}
    assert second["next"] is None
    assert desk_rows_by_api(auditor, standing="complete")["tenants"] == []
    assert len(desk_rows_by_api(auditor, standing="late")["tenants"]) == 2
    assert desk_rows_by_api(auditor, q="no such tenant")["counts"]["late"] == 0


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"period": "may"}, "period-invalid"),
        ({"period": PERIOD, "standing": "odd"}, "input-invalid"),
        ({"period": PERIOD, "limit": "101"}, "input-invalid"),
        ({"period": PERIOD, "after": "-1"}, "input-invalid"),
        ({}, "input-invalid"),
    ],
)
def test_what_it_cannot_answer_is_told(
    auditor: Client, query: dict[str, str], code: str
) -> None:
    answer = auditor.get(ADDRESS, query)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_no_member_and_no_token_learns_of_others(
    alice: Company, api: Callable[..., Any]
) -> None:
    for scope in Scope.values:
        path = f"/staff/standings?period={PERIOD}"
        answer = api("GET", path, token=alice.issue(scope))
        assert answer.status_code == 403
        assert alice.number not in answer.content.decode()
    member = Client()
    member.force_login(alice.people["admin"])
    assert member.get(ADDRESS, {"period": PERIOD}).status_code == 403
    assert Client().get(ADDRESS, {"period": PERIOD}).status_code == 401
