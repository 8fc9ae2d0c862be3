"""The API of statements: heads, documents, versions, entity tags, schemas."""

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
import time_machine

from portal.http.endpoints import ENDPOINTS
from portal.models import StaffRole
from tests.billing.statements.schema_checks import (
    check_files,
    check_heads,
    check_statement,
)
from tests.billing.statements.statement_tenants import (
    AFTER,
    FIRST,
    LAST,
    MEMBERS,
    ApiReader,
    add_staff,
    issue_version,
    open_tenant,
    person,
    send_all,
    send_day,
)
from tests.builders import Company

ADDRESSES = ("", ".csv", ".focus.csv", "/files")
VERSIONS = ("latest", "1", "draft")


@pytest.fixture(autouse=True)
def _after_the_period() -> Iterator[None]:
    with time_machine.travel(AFTER, tick=False):
        yield


@pytest.fixture
def company(db: None) -> Company:
    return open_tenant("A-1")


@pytest.fixture
def viewer(company: Company) -> ApiReader:
    return MEMBERS["viewer"](company)


@pytest.fixture
def staff(db: None) -> ApiReader:
    return person(add_staff())


def heads(reader: ApiReader) -> list[Any]:
    """Return the heads of the period; the running one has no version either."""
    found = check_heads(reader.get("/statements").content)["items"]
    assert found[0]["period"] == "2026-06"
    assert found[0]["state"] == "provisional"
    return list(found[1:])


def refusal(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def issue_two(company: Company) -> None:
    """Issue an incomplete version, and another one after a late file."""
    send_all(company, last=LAST - timedelta(days=1))
    issue_version(company, reason="the deadline is over")
    send_day(company, LAST)
    issue_version(company, reason="a late file")


# Heads


def test_a_period_that_is_not_issued_has_a_provisional_head(
    company: Company, viewer: ApiReader
) -> None:
    [head] = heads(viewer)
    assert head == {
        "number": None,
        "tenant": "A-1",
        "period": "2026-05",
        "version": None,
        "state": "provisional",
        "issued_at": None,
        "sha256": None,
        "replaces": None,
        "position": None,
    }


def test_every_member_reads_heads_and_every_version(company: Company) -> None:
    issue_two(company)
    for name, member in MEMBERS.items():
        reader = member(company)
        second, first = heads(reader)
        assert (first["version"], second["version"]) == (1, 2), name
        assert second["replaces"] == {"version": 1, "sha256": first["sha256"]}
        assert second["position"] == first["position"] + 1
        for head in (first, second):
            response = reader.statement("", version=head["version"])
            assert hashlib.sha256(response.content).hexdigest() == head["sha256"], name
            stated = check_statement(response.content)["statement"]
            for of_head in ("number", "version", "state", "issued_at", "replaces"):
                assert stated[of_head] == head[of_head], name


def test_a_draft_has_a_head_before_the_version_it_would_replace(
    company: Company, viewer: ApiReader
) -> None:
    send_all(company, last=LAST - timedelta(days=1))
    first = issue_version(company, reason="the deadline is over")
    [issued] = heads(viewer)
    assert issued["sha256"] == first.sha256
    send_day(company, LAST)
    assert viewer.statement("", version="draft").status_code == 200
    draft, issued = heads(viewer)
    assert (draft["state"], issued["state"]) == ("draft", "issued")
    assert draft["replaces"] == {"version": 1, "sha256": first.sha256}


# Documents


def test_staff_read_the_statement_of_the_tenant_that_they_name(
    company: Company,
) -> None:
    send_all(company, last=LAST - timedelta(days=1))
    issue_version(company, reason="the deadline is over")
    send_day(company, LAST)
    own = MEMBERS["admin"](company)
    readers = {role: person(add_staff(role)) for role in StaffRole.values}
    for address, version in product(ADDRESSES, VERSIONS):
        hers = own.statement(address, version=version)
        for role, reader in readers.items():
            theirs = reader.statement(address, version=version, tenant="A-1")
            assert (hers.status_code, theirs.status_code) == (200, 200), role
            assert hers.content == theirs.content, role
            assert hers["ETag"] == theirs["ETag"], role


def test_a_tenant_that_does_not_exist_is_not_found(
    company: Company, staff: ApiReader
) -> None:
    for tenant in ("", "B-2", "a-1", "%", "\N{SNOWMAN}"):
        response = staff.statement("", tenant=tenant)
        assert refusal(response) == (404, "not-found"), tenant


def test_members_find_statements_of_their_own_tenant_only(
    viewer: ApiReader,
) -> None:
    for tenant in ("A-1", ""):
        assert viewer.statement("", tenant=tenant).status_code == 200
    for tenant in ("B-2", "a-1", "A-1 1", "1"):
        response = viewer.statement("", tenant=tenant)
        assert refusal(response) == (404, "not-found"), tenant


def test_the_latest_version_is_provisional_until_one_is_issued(
    company: Company, viewer: ApiReader
) -> None:
    send_all(company)
    before = check_statement(viewer.statement().content)
    assert before["statement"]["state"] == "provisional"
    assert viewer.statement("", version="draft").status_code == 404
    issued = issue_version(company)
    response = viewer.statement()
    after = check_statement(response.content)
    assert after["statement"]["state"] == "issued"
    assert after["figures_sha256"] == before["figures_sha256"]
    assert after["schema"].endswith("/api/v1/schemas/statement-1.json")
    assert response.content == bytes(issued.document)
    assert viewer.statement("", version=1).content == response.content


def test_a_provisional_statement_follows_the_files(
    company: Company, viewer: ApiReader
) -> None:
    empty = check_statement(viewer.statement().content)
    assert (empty["totals"]["peak"], empty["completeness"]["missing"]) == (0, 3)
    send_day(company, FIRST)
    response = viewer.statement()
    found = check_statement(response.content)
    check_files(viewer.statement("/files").content, found)
    assert found["completeness"]["received"] == 1
    assert found["totals"]["named_users"] == 5
    assert found["doubtful"]["alike_groups"] == 1
    assert found["lines"][0]["named_users"] == 2
    # One agent is logged in a second time as a business user: 3 and 2 hours.
    assert found["lines"][0]["used_seconds"] == (3 + 7) * 3_600
    assert found["lines"][1]["used_seconds"] == (1 + 2 * 2 + 2) * 3_600
    assert found["lines"][1]["row_seconds"] == (1 + 2 * 2 + 3) * 3_600


def test_the_latest_version_is_the_issued_one_while_a_draft_exists(
    company: Company, viewer: ApiReader
) -> None:
    send_all(company, last=LAST - timedelta(days=1))
    issue_version(company, reason="the deadline is over")
    assert refusal(viewer.statement("", version="draft")) == (404, "not-found")
    sha256 = send_day(company, LAST)
    draft = check_statement(viewer.statement("", version="draft").content)
    assert draft["statement"]["replaces"]["version"] == 1
    causes = {one for found in draft["differences"] for one in found["because"]}
    assert causes == {f"file:{sha256}"}
    latest = check_statement(viewer.statement().content)
    assert latest["statement"]["version"] == 1
    issue_version(company, reason="a late file")
    assert refusal(viewer.statement("", version="draft")) == (404, "not-found")
    latest = check_statement(viewer.statement().content)
    assert latest["statement"]["version"] == 2
    assert latest["differences"] == draft["differences"]


REFUSED = (
    ("2026-05", "2", (404, "not-found")),
    ("2026-05", "999999", (404, "not-found")),
    ("2026-05", "draft", (404, "not-found")),
    ("2019-01", "latest", (404, "not-found")),
    ("2019-01", "1", (404, "not-found")),
    ("2026-13", "latest", (422, "period-invalid")),
    ("may", "latest", (422, "period-invalid")),
    ("2026-05", "0", (422, "input-invalid")),
    ("2026-05", "1000000", (422, "input-invalid")),
    ("2026-05", "first", (422, "input-invalid")),
    ("2026-05", "\N{ARABIC-INDIC DIGIT ONE}", (422, "input-invalid")),
)


def test_versions_and_periods_that_do_not_exist_are_refused(company: Company) -> None:
    issue_version(company, reason="no files")
    reader = MEMBERS["admin"](company)
    for address, asked in product([*ADDRESSES, "/evidence"], REFUSED):
        period, version, expected = asked
        path = f"/statements/{period}{address}?version={version}"
        assert refusal(reader.get(path)) == expected, path


# Entity tags


def test_a_version_with_a_known_entity_tag_is_answered_with_304(
    company: Company, viewer: ApiReader
) -> None:
    send_all(company, last=LAST - timedelta(days=1))
    issue_version(company, reason="the deadline is over")
    send_day(company, LAST)
    for version, address in product(VERSIONS, ADDRESSES):
        document = viewer.statement("", version=version).content
        tag = f'"{hashlib.sha256(document).hexdigest()}"'
        path = f"/statements/2026-05{address}?version={version}"
        first = viewer.get(path)
        assert first["ETag"] == tag
        for known in (tag, f'"a", {tag}', "*", f"W/{tag}"):
            again = viewer.get(path, **{"If-None-Match": known})
            assert (again.status_code, again.content) == (304, b""), (path, known)
            assert again["ETag"] == tag
        for unknown in ('"a"', tag.strip('"'), ""):
            again = viewer.get(path, **{"If-None-Match": unknown})
            assert (again.status_code, again.content) == (200, first.content), path


def test_a_provisional_statement_with_other_figures_has_another_tag(
    company: Company, viewer: ApiReader
) -> None:
    first = viewer.statement()
    send_day(company, FIRST)
    again = viewer.get("/statements/2026-05", **{"If-None-Match": first["ETag"]})
    assert again.status_code == 200
    assert again["ETag"] != first["ETag"]


def test_every_endpoint_of_statements_is_read_only() -> None:
    names = [name for name in ENDPOINTS if name.startswith("api:statement")]
    assert len(names) == 7
    assert all(set(ENDPOINTS[name]) == {"GET"} for name in names)
