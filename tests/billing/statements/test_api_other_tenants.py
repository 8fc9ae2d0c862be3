"""Charlie, of another tenant, sees nothing of the statements of Alice's tenant."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
import time_machine

from portal.db import unit_of_work
from portal.models import AuditEntry
from tests.access.two_companies import content_of
from tests.billing.statements.schema_checks import check_statement
from tests.billing.statements.statement_tenants import (
    AFTER,
    FIRST,
    LAST,
    MEMBERS,
    ApiReader,
    issue_version,
    open_tenant,
    send_all,
    send_day,
)
from tests.builders import Company

ADDRESSES = ("", ".csv", ".focus.csv", "/files", "/evidence")
VERSIONS = ("latest", "1", "2", "3", "draft")
NUMBER = "ZQX-ALICE-77"
SERVER = "ZQXSERVER01"


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    status: int
    content: bytes
    headers: tuple[tuple[str, str], ...]


@pytest.fixture(autouse=True)
def _after_the_period() -> Iterator[None]:
    with time_machine.travel(AFTER, tick=False):
        yield


@pytest.fixture
def charlie(db: None) -> Company:
    """The other tenant, with one issued version."""
    company = open_tenant("C-300", name="Charlie Cargo")
    send_day(company, FIRST)
    issue_version(company, reason="one file")
    return company


def open_alice() -> Company:
    """Open a tenant with two issued versions and a draft."""
    company = open_tenant(NUMBER, name="Zephyrine Assurance")
    company.server = company.registered(SERVER)
    send_all(company, last=LAST - timedelta(days=1))
    issue_version(company, reason="a secret reason")
    send_day(company, LAST)
    issue_version(company, reason="a late file")
    other = company.registered("ZQXOTHER02")
    company.send(other.day(LAST), at=AFTER)
    return company


def answer(reader: ApiReader, path: str, **headers: str) -> ApiAnswer:
    response = reader.get(path, **headers)
    shown = tuple(sorted(response.headers.items()))
    return ApiAnswer(response.status_code, content_of(response), shown)


def paths(company_id: int) -> list[str]:
    """Return addresses that name what belongs to Alice, in every parameter."""
    found = [f"/statements?after={number}&limit=1" for number in range(4)]
    found.append("/statements")
    for name in (NUMBER, str(company_id), NUMBER.lower(), "Zephyrine Assurance"):
        for parameter in ("tenant", "tenant_id", "number", "customer", "as"):
            found.append(f"/statements?{parameter}={name}")
        found += [
            f"/statements/2026-05?tenant={name}&version=1",
            f"/statements/2026-05?tenant=C-300&tenant={name}",
            f"/statements/{name}",
            f"/statements/{name}/2026-05",
            f"/statements/2026-05/{name}",
        ]
    for address, version in product(ADDRESSES, VERSIONS):
        path = f"/statements/2026-05{address}?version={version}"
        found += [path, f"{path}&tenant={NUMBER}"]
    found.append(f"/statements/{NUMBER}-2026-05-1")
    found.append(f"/statements/2026-05?version=1&number={NUMBER}-2026-05-1")
    return found


def downloads(company: Company) -> int:
    with unit_of_work.acting_for(company.id, reading=True):
        return AuditEntry.objects.filter(act="evidence-downloaded").count()


def test_answers_to_charlie_do_not_depend_on_alices_statements(
    charlie: Company,
) -> None:
    readers = [MEMBERS[name](charlie) for name in ("admin", "token of scope upload")]
    # The id that the next tenant will get.
    requested = list(product(readers, paths(charlie.id + 1)))
    before = [answer(reader, path) for reader, path in requested]
    alice = open_alice()
    assert alice.id == charlie.id + 1
    wrong = [
        (reader.headers, path)
        for (reader, path), known in zip(requested, before, strict=True)
        if answer(reader, path) != known
    ]
    assert wrong == []
    # Evidence is for no token.
    assert {found.status for found in before} == {200, 403, 404, 422}
    assert downloads(alice) == 0


def alices_secrets(alice: Company) -> set[str]:
    """Return all of Alice's that no other tenant's statement has by chance."""
    reader = MEMBERS["admin"](alice)
    found = {NUMBER, "Zephyrine Assurance", SERVER, "ZQXOTHER02", "secret reason"}
    for version in ("1", "2", "draft"):
        response = reader.statement("", version=version)
        statement = check_statement(response.content)
        found |= {
            response["ETag"].strip('"'),
            statement["figures_sha256"],
            statement["files"]["manifest_sha256"],
            str(statement["totals"]["used_seconds"]),
        }
        listed = reader.statement("/files", version=version).json()["files"]
        for one in listed:
            found |= {one["sha256"], one["series"]}
    return found


def test_no_answer_to_charlie_contains_anything_of_alices(charlie: Company) -> None:
    alice = open_alice()
    secrets = alices_secrets(alice)
    shown = [
        f"{name}, {path}: {secret}"
        for name, member in MEMBERS.items()
        for path, text in asked(member(charlie), alice)
        for secret in sorted(secrets)
        if secret in text and secret not in path
    ]
    assert shown == []


def asked(reader: ApiReader, alice: Company) -> Iterator[tuple[str, str]]:
    """Yield one address in three, and what is answered there."""
    for path in paths(alice.id)[::3]:
        found = answer(reader, path)
        yield path, found.content.decode("latin-1") + str(found.headers)


def test_tags_of_alices_versions_are_unknown_to_charlie(charlie: Company) -> None:
    alice = open_alice()
    hers = MEMBERS["admin"](alice)
    tags = [
        hers.statement("", version=version)["ETag"] for version in ("1", "2", "draft")
    ]
    reader: Any = MEMBERS["admin"](charlie)
    for address in ("", ".csv", ".focus.csv", "/files"):
        path = f"/statements/2026-05{address}"
        own = answer(reader, path)
        assert own.status == 200
        for tag in (*tags, ", ".join(tags)):
            assert answer(reader, path, **{"If-None-Match": tag}) == own
            foreign = f"{path}?tenant={NUMBER}"
            for known in (tag, "*"):
                found = answer(reader, foreign, **{"If-None-Match": known})
                assert found.status == 404
                assert "etag" not in dict(found.headers)
