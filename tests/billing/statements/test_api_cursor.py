"""Staff read all issued versions by their positions: each exactly once, in order."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection

from tests.billing.periods.paused_threads import paused, running
from tests.billing.statements.schema_checks import check_heads, check_statement
from tests.billing.statements.statement_tenants import (
    AFTER,
    FIRST,
    MEMBERS,
    ApiReader,
    add_staff,
    issue_version,
    open_tenant,
    person,
    send_day,
)
from tests.builders import Company

_DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _after_the_period() -> Iterator[None]:
    with time_machine.travel(AFTER, tick=False):
        yield


@pytest.fixture
def staff(db: None) -> ApiReader:
    return person(add_staff())


def page(reader: ApiReader, **query: int) -> Any:
    text = "&".join(f"{name}={value}" for name, value in query.items())
    response = reader.get(f"/statements?{text}")
    assert response.status_code == 200
    return check_heads(response.content)


def issue_three(company: Company) -> None:
    """Issue a version without files, and one after each of two late files."""
    issue_version(company, reason="no files")
    for number in range(2):
        send_day(company, FIRST + number * _DAY)
        issue_version(company, reason="a late file")


def test_staff_read_the_versions_of_all_tenants_in_the_order_of_issue(
    staff: ApiReader,
) -> None:
    assert page(staff) == {"items": [], "next": None}
    companies = [open_tenant(number) for number in ("A-1", "B-2")]
    for reason in ("no files", "a late file"):
        for company in companies:
            issue_version(company, reason=reason)
            send_day(company, FIRST)
    found = page(staff)
    named = [(one["tenant"], one["version"]) for one in found["items"]]
    assert named == [("A-1", 1), ("B-2", 1), ("A-1", 2), ("B-2", 2)]
    assert [one["position"] for one in found["items"]] == [1, 2, 3, 4]
    assert found["next"] is None
    for head in found["items"]:
        response = staff.statement("", tenant=head["tenant"], version=head["version"])
        stated = check_statement(response.content)
        assert stated["statement"]["number"] == head["number"]
        assert response["ETag"] == f'"{head["sha256"]}"'


def test_pages_of_any_size_have_each_version_once(staff: ApiReader) -> None:
    issue_three(open_tenant("A-1"))
    issue_version(open_tenant("B-2"), reason="no files")
    for limit in (1, 2, 3, 4, 5, 500):
        seen: list[int] = []
        after: int | None = 0
        while after is not None:
            found = page(staff, after=after, limit=limit)
            assert len(found["items"]) <= limit
            seen += [one["position"] for one in found["items"]]
            after = found["next"]
        assert seen == [1, 2, 3, 4]
    assert page(staff, after=4) == {"items": [], "next": None}
    assert page(staff, after=2**62)["items"] == []


def test_a_page_begins_and_ends_within_its_bounds(staff: ApiReader) -> None:
    for query in ("after=-1", "limit=0", "limit=501", "after=x", f"after={2**63}"):
        response = staff.get(f"/statements?{query}")
        assert response.status_code == 422, query
        assert response.json()["code"] == "input-invalid"


def test_members_read_their_own_heads_whatever_the_cursor_is(db: None) -> None:
    company, other = open_tenant("A-1"), open_tenant("B-2")
    issue_three(company)
    issue_version(other, reason="no files")
    reader = MEMBERS["token of scope read"](company)
    plain = page(reader)
    assert {one["tenant"] for one in plain["items"]} == {"A-1"}
    assert page(reader, after=2, limit=1) == plain


def issue_in_thread(company: Company) -> None:
    try:
        issue_three(company)
    finally:
        connection.close()


def poll(reader: ApiReader, seen: list[Any]) -> bool:
    """Read the next two heads after the last one seen; return whether there are any."""
    last = seen[-1]["position"] if seen else 0
    found = page(reader, after=last, limit=2)["items"]
    seen += found
    return bool(found)


def test_a_reader_who_polls_while_versions_are_issued_gets_each_once_in_order(
    staff: ApiReader,
) -> None:
    companies = [open_tenant(number) for number in ("A-1", "B-2", "C-3")]
    seen: list[Any] = []
    with ThreadPoolExecutor(len(companies)) as pool:
        work = [pool.submit(issue_in_thread, company) for company in companies]
        while not all(one.done() for one in work):
            poll(staff, seen)
        for one in work:
            one.result()
    while poll(staff, seen):
        pass
    assert [one["position"] for one in seen] == list(range(1, 10))
    for company in companies:
        own = [one["version"] for one in seen if one["tenant"] == company.number]
        assert own == [1, 2, 3]


def test_a_version_that_is_not_committed_holds_back_the_later_ones(
    staff: ApiReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = open_tenant("A-1"), open_tenant("B-2")

    def issue_first() -> None:
        issue_version(first, reason="no files")

    def issue_second() -> None:
        issue_version(second, reason="no files")

    with paused(issue_first, "statement:issued", monkeypatch) as slow:
        fast = running(issue_second)
        assert fast.is_waiting
        assert page(staff)["items"] == []
        slow.finish()
        fast.finish()
    named = [(one["position"], one["tenant"]) for one in page(staff)["items"]]
    assert named == [(1, "A-1"), (2, "B-2")]


def test_a_version_that_commits_later_has_the_later_position(
    staff: ApiReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = open_tenant("A-1"), open_tenant("B-2")

    def issue_first() -> None:
        issue_version(first, reason="no files")

    with paused(issue_first, "statement:written", monkeypatch) as slow:
        issue_version(second, reason="no files")
        [head] = page(staff)["items"]
        assert (head["position"], head["tenant"]) == (1, "B-2")
        slow.finish()
    [head] = page(staff, after=1)["items"]
    assert (head["position"], head["tenant"]) == (2, "A-1")
