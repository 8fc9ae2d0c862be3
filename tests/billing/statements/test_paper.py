"""The PDF of a statement: made of what is frozen, kept as bytes, readable by all."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
import time_machine
from django.db import DatabaseError, connections
from django.utils import timezone, translation

from billing.models import Statement, StatementPdf
from billing.statements import paper, stored_pdfs
from portal.db import unit_of_work
from portal.health import invariants
from portal.paper.typesetting import TypesettingError
from tests.billing.statements.statement_tenants import (
    AFTER,
    LAST,
    MEMBERS,
    ApiReader,
    issue_version,
    open_tenant,
    send_all,
    send_day,
)
from tests.builders import Company
from tests.portal.paper.pdf_files import (
    alternative_texts,
    attached_files,
    pdf_text,
    structure,
)

# A name in Hebrew, with a letter that no font has at its end.
NAME = "\u05de\u05d1\u05d8\u05d7\u05d9 \u05d4\u05d9\u05dd \U0001d400"


@pytest.fixture(autouse=True)
def _after_the_period() -> Iterator[None]:
    with time_machine.travel(AFTER, tick=False):
        yield


@pytest.fixture
def company(db: None) -> Company:
    """A tenant with an issued version and a draft."""
    company = open_tenant("A-1", name=NAME)
    send_all(company, last=LAST - timedelta(days=1))
    issue_version(company, reason="the deadline is over")
    send_day(company, LAST, shift=900)
    return company


@pytest.fixture
def viewer(company: Company) -> ApiReader:
    return MEMBERS["viewer"](company)


def forget_pdfs() -> None:
    """Delete all PDFs, as if the versions had been issued before there were any."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("alter table billing_statementpdf disable trigger user")
        cursor.execute("delete from billing_statementpdf")
        cursor.execute("alter table billing_statementpdf enable trigger user")
    connections["owner"].close()


def test_it_embeds_what_the_api_serves_byte_for_byte(viewer: ApiReader) -> None:
    for version, called in (("latest", "v1"), ("draft", "draft")):
        answer = viewer.statement(".pdf", version=version)
        name = f"statement-A-1-2026-05-{called}"
        assert f'"{name}.pdf"' in answer.headers["Content-Disposition"]
        assert answer.headers["Content-Type"] == "application/pdf"
        parts = {".json": "", ".csv": ".csv", ".files.json": "/files"}
        assert attached_files(answer.content) == {
            name + ending: viewer.statement(address, version=version).content
            for ending, address in parts.items()
        }
        # A draft also states the instant of its figures.
        tag = viewer.statement(version=version).headers["ETag"].strip('"')
        assert answer.headers["ETag"].strip('"').startswith(tag)


def test_an_issued_version_has_the_pdf_of_its_issue_for_ever(
    company: Company, viewer: ApiReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = viewer.statement(".pdf").content
    monkeypatch.setattr(paper, "as_pdf", lambda _: b"%PDF of a later release")
    assert viewer.statement(".pdf").content == before
    assert viewer.statement(".pdf", version="draft").content.startswith(b"%PDF of a")
    with unit_of_work.acting_for(company.id, reading=True):
        [kept] = StatementPdf.objects.all()
    assert bytes(kept.content) == before


def test_a_version_without_a_pdf_gets_it_once(
    company: Company, viewer: ApiReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_issue = viewer.statement(".pdf").content
    forget_pdfs()
    # Made from the frozen bytes alone, whatever has happened since.
    assert viewer.statement(".pdf").content == at_issue
    monkeypatch.setattr(paper, "as_pdf", lambda _: b"another")
    assert viewer.statement(".pdf").content == at_issue


def test_an_unchanged_pdf_is_not_typeset_again(
    viewer: ApiReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored_pdfs.pdf_of_current.cache_clear()
    first = viewer.statement(".pdf", version="draft")
    made: list[datetime] = []

    def as_pdf(source: paper.PaperSource) -> bytes:
        made.append(source.as_of)
        return b"PDF"

    monkeypatch.setattr(paper, "as_pdf", as_pdf)
    assert viewer.statement(".pdf", version="draft").content == first.content
    stored_pdfs.pdf_of_current.cache_clear()
    tag = {"If-None-Match": first.headers["ETag"]}
    address = "/statements/2026-05.pdf?version=draft"
    assert viewer.get(address, **tag).status_code == 304
    assert made == []


def test_a_failure_of_the_typesetter_does_not_prevent_issuing(
    company: Company, viewer: ApiReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(source: paper.PaperSource) -> bytes:
        raise TypesettingError(source.as_of)

    with monkeypatch.context() as patch:
        patch.setattr(paper, "as_pdf", fail)
        assert issue_version(company, reason="a file came late").version == 2
        assert viewer.statement(".pdf").status_code == 500
    assert "Issued, version 2" in pdf_text(viewer.statement(".pdf").content)


def test_the_tenant_is_not_held_while_the_pdf_is_typeset(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    def as_pdf(source: paper.PaperSource) -> bytes:
        assert issued_versions(company) == [1, 2]
        with unit_of_work.acting_for(company.id, holding=True):
            return b"PDF"

    monkeypatch.setattr(paper, "as_pdf", as_pdf)
    issue_version(company, reason="a file came late")
    with unit_of_work.acting_for(company.id, reading=True):
        stored = StatementPdf.objects.get(statement__version=2)
    assert bytes(stored.content) == b"PDF"


def issued_versions(company: Company) -> list[int]:
    with unit_of_work.acting_for(company.id, reading=True):
        return sorted(Statement.objects.values_list("version", flat=True))


def test_readers_at_once_get_the_same_pdf(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_pdfs()
    both = threading.Barrier(2, timeout=30)
    found: list[bytes] = []

    def as_pdf(source: paper.PaperSource) -> bytes:
        both.wait()
        return threading.current_thread().name.encode()

    def read() -> None:
        found.append(stored_pdfs.pdf_of_version(company.id, "A-1-2026-05-1"))
        connections.close_all()

    monkeypatch.setattr(paper, "as_pdf", as_pdf)
    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    assert found[0] == found[1]


def source_of(company: Company) -> paper.PaperSource:
    with unit_of_work.acting_for(company.id, reading=True):
        issued = Statement.objects.get()
    return paper.PaperSource(
        document=bytes(issued.document),
        csv=bytes(issued.csv),
        files=bytes(issued.files),
        as_of=issued.issued_at,
    )


def test_its_bytes_depend_on_the_version_alone(
    company: Company, viewer: ApiReader
) -> None:
    source, kept = source_of(company), viewer.statement(".pdf").content
    with (
        time_machine.travel(datetime.fromisoformat("2033-01-01T00:00:00Z")),
        timezone.override("Pacific/Kiritimati"),
        translation.override("tr"),
    ):
        assert paper.as_pdf(source) == kept


def test_a_long_licence_key_breaks_within_its_column(company: Company) -> None:
    source, key = source_of(company), "I3_ACCESS_HISTORICAL_REPORT_SUPERVISOR_PLUGIN"
    document = source.document.replace(b"I3_ACCESS_RECORDER", key.encode())
    written = pdf_text(paper.as_pdf(replace(source, document=document)))
    assert key not in written
    assert key in written.replace("\u200b", "").replace(" ", "")


def test_the_database_refuses_to_change_it(company: Company) -> None:
    for change in ("update billing_statementpdf set sha256 = ''", "delete from {0}"):
        with pytest.raises(DatabaseError), connections["owner"].cursor() as cursor:
            cursor.execute(change.format("billing_statementpdf"))
        connections["owner"].close()


def test_the_invariant_finds_a_changed_pdf(company: Company) -> None:
    def breaches() -> list[str]:
        found = invariants.findings(
            tenants=[(company.id, company.number)],
            reads=invariants.CheckCost.ROWS,
            at=AFTER,
        )
        problems = (one.finding.text for one in found)
        return [problem for problem in problems if "PDF" in problem]

    assert breaches() == []
    with connections["owner"].cursor() as cursor:
        cursor.execute("alter table billing_statementpdf disable trigger user")
        cursor.execute("update billing_statementpdf set content = 'x'")
        cursor.execute("alter table billing_statementpdf enable trigger user")
    connections["owner"].close()
    assert breaches() == ["has a PDF that does not match its SHA-256"]


def test_it_is_tagged_with_a_text_for_each_chart(viewer: ApiReader) -> None:
    data = viewer.statement(".pdf").content
    tags = structure(data)
    assert tags.count("/H1") == 1
    levels = [int(tag[2]) for tag in tags if tag[:2] == "/H" and tag[2:].isdigit()]
    steps = pairwise(levels)
    assert all(after <= before + 1 for before, after in steps)
    assert tags.count("/Figure") == 3
    assert "/TH" in tags
    assert "/Table" in tags
    assert [text for text in alternative_texts(data) if "Peak of Agents" in text]


def test_the_name_is_on_it_with_what_no_font_has_as_a_number(
    viewer: ApiReader,
) -> None:
    written = pdf_text(viewer.statement(".pdf").content)
    assert "{1d400}" in written
    assert any(word in written for word in ("\u05d4\u05d9\u05dd", "\u05dd\u05d9\u05d4"))


def test_it_names_its_state(company: Company, viewer: ApiReader) -> None:
    issued = pdf_text(viewer.statement(".pdf").content)
    assert "Issued, version 1" in issued
    assert "A-1-2026-05-1" in issued
    assert "the deadline is over" in issued
    draft = pdf_text(viewer.statement(".pdf", version="draft").content)
    assert "Draft: the figures known now differ from those of version 1." in draft
    assert "Figures as of" in draft
    other = open_tenant("B-1")
    written = pdf_text(MEMBERS["viewer"](other).statement(".pdf").content)
    assert "Provisional: these figures change as files arrive" in written
    assert "No usage files for this period." in written


def test_it_says_what_a_later_version_changed_and_why(
    company: Company, viewer: ApiReader
) -> None:
    issue_version(company, reason="a file came late")
    [late] = [
        one["sequence"]
        for one in json.loads(viewer.statement("/files").content)["files"]
        if one["day"] == LAST.isoformat()
    ]
    written = pdf_text(viewer.statement(".pdf").content)
    assert "Differences from version 1" in written
    assert f"1. file {late} of Wed 27 May (" in written
    assert "Named users and peaks of Agents and Business Users have not" in written
    assert "How these figures are counted" in written
    assert "Agents, logins" in written
    assert "a file came late" in written
