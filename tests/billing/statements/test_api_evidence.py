"""The evidence of a statement over the API: content, permission, audit trail."""

import csv
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine

from billing.statements import catalogue, verifier
from billing.statements.compute.catalogue import Kind
from portal.db import unit_of_work
from portal.models import AuditEntry, StaffRole
from tests.access.two_companies import content_of
from tests.billing.statements.schema_checks import check_files, check_statement
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
    usage,
)
from tests.builders import Company
from usage.review import decide
from usage.storage import store

VERSIONS = ("latest", "1", "draft")


@pytest.fixture(autouse=True)
def _after_the_period() -> Iterator[None]:
    with time_machine.travel(AFTER, tick=False):
        yield


@pytest.fixture
def company(db: None) -> Company:
    """A tenant with an issued version and a draft."""
    company = open_tenant("A-1")
    send_all(company, last=LAST - timedelta(days=1))
    issue_version(company, reason="the deadline is over")
    send_day(company, LAST)
    return company


@pytest.fixture
def admin(company: Company) -> ApiReader:
    return MEMBERS["admin"](company)


def package_of(response: Any) -> zipfile.ZipFile:
    assert response.status_code == 200
    assert response["Content-Type"] == "application/zip"
    found = zipfile.ZipFile(io.BytesIO(content_of(response)))
    assert found.testzip() is None
    return found


def downloads(company: Company) -> list[Any]:
    with unit_of_work.acting_for(company.id, reading=True):
        found = AuditEntry.objects.filter(act="evidence-downloaded").order_by("number")
        return list(found.values_list("actor", "subject", "details"))


@pytest.mark.parametrize("version", VERSIONS)
def test_the_package_has_statement_files_rows_users_and_verifier(
    admin: ApiReader, version: str
) -> None:
    response = admin.statement("/evidence", version=version)
    name = f"evidence-A-1-2026-05-{'draft' if version == 'draft' else 'v1'}.zip"
    assert response["Content-Disposition"] == f'attachment; filename="{name}"'
    with package_of(response) as package:
        content = {name: package.read(name) for name in package.namelist()}
    statement = check_statement(content.pop("statement.json"))
    assert content["files.json"] == admin.statement("/files", version=version).content
    listed = check_files(content.pop("files.json"), statement)["files"]
    opened = json.loads(content.pop("rows.json"))["files"]
    assert [one["sha256"] for one in opened] == [one["sha256"] for one in listed]
    content.pop("verifier.py")
    users = content.pop("users.csv").decode().splitlines()
    assert users[0] == "user,alike"
    assert len(users) == 1 + len(NAMES)
    assert sorted(content) == [one["rows"] for one in opened]
    for rows in content.values():
        heads, *lines = csv.reader(io.StringIO(rows.decode(), newline=""))
        assert heads == ["user", "licences", "login", "logout", "flags"]
        assert len(lines) == 6
        assert all(line[0].isdecimal() for line in lines)


def test_a_stranger_computes_the_figures_with_the_verifier_in_the_package(
    admin: ApiReader, tmp_path: Path
) -> None:
    path = tmp_path / "evidence.zip"
    path.write_bytes(content_of(admin.statement("/evidence", version="draft")))
    with zipfile.ZipFile(path) as package:
        package.extract("verifier.py", tmp_path)
    done = subprocess.run(
        [sys.executable, "-I", tmp_path / "verifier.py", path],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={},
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_same_evidence_is_the_same_package(admin: ApiReader) -> None:
    one, other = (content_of(admin.statement("/evidence")) for _ in range(2))
    assert one == other


def test_every_download_is_in_the_audit_trail(
    company: Company, admin: ApiReader
) -> None:
    staff = person(add_staff(StaffRole.AUDITOR))
    package_of(admin.statement("/evidence", version=1))
    package_of(staff.statement("/evidence", version="draft", tenant="A-1"))
    package_of(person(company.people["admin"]).statement("/evidence"))
    [first, second, third] = downloads(company)
    head = admin.statement("", version=1)["ETag"].strip('"')
    assert first == (
        company.people["admin"].email,
        "A-1-2026-05-1",
        {"sha256": head, "state": "issued"},
    )
    assert second[:2] == ("auditor@staff.example", "A-1-2026-05")
    assert second[2]["state"] == "draft"
    assert third[0] == company.people["admin"].email


@pytest.mark.parametrize(
    "member", ["viewer", "uploader", "token of scope read", "token of scope upload"]
)
def test_members_who_are_no_admins_get_no_evidence(
    company: Company, member: str
) -> None:
    response = MEMBERS[member](company).statement("/evidence")
    assert response.status_code == 403
    assert response.json()["code"] == "not-allowed"
    assert downloads(company) == []


def test_evidence_whose_files_do_not_count_any_more_is_refused(db: None) -> None:
    company = open_tenant("A-1")
    send_all(company)
    issue_version(company)
    admin = MEMBERS["admin"](company)
    choose_another_last_file(company)
    response = admin.statement("/evidence", version=1)
    assert response.status_code == 409
    assert response.json()["code"] == "evidence-gone"
    assert downloads(company) == []
    # What was issued is still served, and the draft has evidence.
    statement = check_statement(admin.statement("", version=1).content)
    check_files(admin.statement("/files", version=1).content, statement)
    package_of(admin.statement("/evidence", version="draft"))


def verified(package: Path) -> tuple[int, str]:
    """Run the verifier as a stranger does; return exit code and last line printed."""
    done = subprocess.run(
        [sys.executable, "-I", verifier.__file__, package],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        # Nothing of this process, such as the tracing of coverage: that takes seconds.
        env={},
    )
    return done.returncode, (done.stdout + done.stderr).splitlines()[-1]


def test_the_verifier_names_a_file_that_the_package_lacks(
    db: None, tmp_path: Path
) -> None:
    company = open_tenant("A-1")
    send_all(company)
    issue_version(company)
    store.remove(company.files()[1].stored_as)
    path = tmp_path / "evidence.zip"
    path.write_bytes(content_of(MEMBERS["admin"](company).statement("/evidence")))
    with zipfile.ZipFile(path) as package:
        rows = [name for name in package.namelist() if name.startswith("rows/")]
    assert rows == ["rows/00001.csv", "rows/00003.csv"]
    code, text = verified(path)
    assert code == 2
    assert "rows/00002.csv" in text


def test_keys_that_hold_separators_are_the_same_for_the_verifier(
    db: None, tmp_path: Path
) -> None:
    company = open_tenant("A-1")
    odd = "ODD|KEY%7C%"
    sessions = usage()
    sets = [[*keys, odd] for keys in sessions.licence_sets]
    company.send(
        company.server.day(LAST, sessions=replace(sessions, licence_sets=sets)),
        at=AFTER,
    )
    with unit_of_work.acting_for(unit_of_work.STAFF):
        kinds = {odd: Kind.ADD_ON}
        catalogue.classify(kinds, valid_from=MAY, reason="odd", by="clara", at=AFTER)
    admin = MEMBERS["admin"](company)
    statement = check_statement(admin.statement().content)
    of_key = [one for one in statement["lines"] if one["licence_key"] == odd]
    assert [one["named_users"] for one in of_key] == [len(NAMES)]
    path = tmp_path / "evidence.zip"
    path.write_bytes(content_of(admin.statement("/evidence")))
    code, text = verified(path)
    assert code == 0, text
    assert text.endswith("figures agree.")


def choose_another_last_file(company: Company) -> None:
    """Have another file count that has the number of the last one."""
    *_, before, last = company.files()
    data = company.server.day(
        LAST,
        sessions=usage(shift=60),
        sequence=last.sequence,
        previous=bytes(before.sha256),
    )
    rival, _ = company.send(data, at=AFTER)
    decide.choose(
        company.id,
        file_id=rival.pk,
        seen={rival.pk, last.pk},
        by="clara",
        at=AFTER,
        reason="a restored machine",
    )
