"""Names of users stay in the files: no table, log or answer contains one."""

import hmac
import io
import logging
import zipfile
from datetime import timedelta

import pytest
import time_machine

from billing.models import NumberedUsers
from billing.statements import queries
from portal.db import unit_of_work
from portal.models import StaffRole
from tests.access.two_companies import content_of
from tests.billing.statements.name_scan import found_in, found_in_tables, traces
from tests.billing.statements.statement_tenants import (
    AFTER,
    LAST,
    MAY,
    MEMBERS,
    NAMES,
    ApiReader,
    add_staff,
    issue_version,
    open_tenant,
    person,
    send_all,
    send_day,
)
from usage import tenant_keys
from usage.usg.summary import fold

ADDRESSES = ("", ".csv", ".focus.csv", "/files", "/evidence")


def read_all(reader: ApiReader, *, tenant: str) -> bytes:
    """Return everything that the API answers about the period, packages opened."""
    found = [reader.get("/statements").content]
    for version in ("latest", "1", "draft"):
        for address in ADDRESSES:
            response = reader.statement(address, version=version, tenant=tenant)
            assert response.status_code == 200
            content = content_of(response)
            found += [content, str(response.headers).encode()]
            if address == "/evidence":
                with zipfile.ZipFile(io.BytesIO(content)) as package:
                    found += [package.read(name) for name in package.namelist()]
    return b"\n".join(found)


@time_machine.travel(AFTER, tick=False)
def test_no_table_log_or_answer_contains_a_name(
    db: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    company = open_tenant("A-1")
    send_all(company, last=LAST - timedelta(days=1))
    issue_version(company, reason="the deadline is over")
    send_day(company, LAST)
    staff = person(add_staff(StaffRole.CLERK))
    answers = read_all(MEMBERS["admin"](company), tenant="")
    answers += read_all(staff, tenant=company.number)
    known = traces(NAMES)
    assert found_in(answers, known) == set()
    assert found_in(caplog.text.encode(), known) == set()
    assert found_in_tables(NAMES) == []


def test_users_are_stored_by_an_hmac_of_their_names(db: None) -> None:
    company = open_tenant("A-1")
    send_all(company)
    queries.serve(company.id, MAY, version="latest", at=AFTER)
    with unit_of_work.acting_for(company.id):
        secret = tenant_keys.name_secret(company.id, at=AFTER)
        rows = list(NumberedUsers.objects.all())
    assert [row.first_number for row in rows] == [0]
    stored = bytes(rows[0].keys)
    keys = {stored[start : start + 16] for start in range(0, len(stored), 16)}
    assert keys == {
        hmac.digest(secret, name.encode(), "sha256")[:16] for name in fold(NAMES)
    }


def test_the_scan_finds_what_is_stored(db: None) -> None:
    company = open_tenant("A-1", name="Zephyrine.Quux")
    send_all(company)
    issue_version(company)
    found = found_in_tables(["Zephyrine.Quux", "I3_ACCESS_RECORDER"])
    for column in (
        "portal_tenant.name",
        "billing_statement.document",
        "billing_statement.csv",
        "billing_currentstatement.figures",
        "billing_usageday.usage",
    ):
        assert any(one.startswith(f"{column}: ") for one in found), column


def test_the_scan_recognises_encoded_forms_of_a_name() -> None:
    known = traces(["Zephyrine.Quux"])
    for hidden in (
        b'{"user": "emVwaHlyaW5lLnF1dXg="}',
        b"user=" + b"zephyrine.quux".hex().encode(),
        "Zephyrine.Quux".encode("utf-16-le"),
    ):
        assert found_in(hidden, known) != set()
