"""Receipts, lists and sums: their content, and that nothing in them does harm."""

import csv
import hashlib
import io
import subprocess
import time
import tracemalloc
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.db import unit_of_work
from tests.builders import NOW, Company
from tests.portal.paper.pdf_files import pdf_text, read_pdf
from tests.usage.files.customer_pages import body, confirm, signed_in
from usage.files import overview_queries
from usage.models import FileState, UsageFile
from usage.receipts import pdf as receipt_pdf
from usage.receipts import rows as receipt_rows
from usage.receipts import views as receipt_views
from usage.receipts.pdf import ReceiptHead
from usage.receipts.rows import RECEIPT_AT_MOST
from usage.review import decide

DAY = date(2026, 5, 1)

# Allowance for machines slower than that of docs/decisions/0069.
SLOWER = 3


def rows(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))


def request_receipt(company: Company, ids: object, **fields: str) -> Any:
    sent = {"ids": ids, "format": fields.pop("format", "csv")}
    return signed_in(company, fields.pop("role", "viewer")).post("/files/receipt", sent)


def test_a_receipt_says_all_that_is_known_of_a_file(alice: Company) -> None:
    file, _ = alice.send(alice.server.day(DAY), name="day.usg")
    confirm(alice)
    answer = request_receipt(alice, str(file.pk))
    assert "attachment" in answer.headers["Content-Disposition"]
    assert "receipt-A-100-" in answer.headers["Content-Disposition"]
    [row] = rows(body(answer))
    assert row == {
        "Name": "day.usg",
        "Size in bytes": str(file.size),
        "SHA-256": bytes(file.sha256).hex(),
        "Server": "IC01",
        "Series": str(file.series),
        "Number": "1",
        "Day": "2026-05-01",
        "Verdict": "Accepted",
        "Reasons": "",
        "Decision": "",
        "Decided": "",
        "Sent by": "test",
        "Way in": "API",
        "Received": "2026-05-20T20:00:00+02:00",
        "Archive": "Confirmed",
        "Confirmed in the archive": "2026-05-20T20:05:00+02:00",
    }


def test_a_batch_has_each_file_once_and_its_reasons(alice: Company) -> None:
    good, _ = alice.send(alice.server.day(DAY))
    bad, _ = alice.send(b"PK\x03\x04")
    ids = "\r\n".join([str(good.pk), str(bad.pk), str(good.pk), ""])
    found = rows(body(request_receipt(alice, ids)))
    assert {row["Verdict"] for row in found} == {"Accepted", "Rejected"}
    assert len(found) == 2
    assert "file-zip" in "".join(row["Reasons"] for row in found)


def test_a_receipt_says_what_was_decided_and_when(alice: Company) -> None:
    file, _ = alice.send(alice.server.day(DAY + timedelta(days=60)))
    decide.refuse(alice.id, file_id=file.pk, by="clerk", at=NOW, reason="A test.")
    [row] = rows(body(request_receipt(alice, str(file.pk))))
    assert row["Verdict"] == "Refused by decision"
    assert (row["Decision"], row["Decided"]) == ("A test.", "2026-05-20T20:00:00+02:00")
    with unit_of_work.acting_for(alice.id, reading=True):
        [found] = receipt_rows.receipt_lines(
            overview_queries.of_ids([file.pk]), zone=alice.zone
        )
    written = pdf_text(receipt_pdf.as_pdf([found], head_of("A")))
    at = "Wed 20 May 2026, 20:00 CEST"
    assert f"Decided by the billing team {at}: A test." in written


@pytest.mark.parametrize("ending", ["csv", "pdf"])
def test_of_foreign_and_unknown_files_only_the_number_is_said(
    alice: Company, charlie: Company, ending: str
) -> None:
    file, _ = alice.send(alice.server.day(DAY), name="secret.usg")
    own, _ = charlie.send(charlie.server.day(DAY), name="own.usg")
    ids = f"{file.pk}\n{uuid4()}\n{own.pk}"
    data = body(request_receipt(charlie, ids, format=ending))
    if ending == "csv":
        own_row, last = rows(data)
        assert own_row["Name"] == "own.usg"
        assert last["Name"] == "2 of the files asked for are not here."
        assert b"secret" not in data
    else:
        written = pdf_text(data)
        assert "own.usg" in written
        assert "2 of the files asked for are not here." in written
        assert "secret" not in written


@pytest.mark.parametrize(
    ("ids", "ending"),
    [("", "csv"), ("nothing", "csv"), ("0" * 32, "exe"), ("\0", "csv")],
)
def test_what_is_no_list_of_files_is_refused(
    alice: Company, ids: str, ending: str
) -> None:
    assert request_receipt(alice, ids, format=ending).status_code == 422


def test_a_receipt_is_of_10_000_files_at_most(alice: Company) -> None:
    ids = [str(uuid4()) for _ in range(RECEIPT_AT_MOST + 1)]
    assert request_receipt(alice, "\n".join(ids)).status_code == 422
    assert len(rows(body(request_receipt(alice, "\n".join(ids[1:]))))) == 1


def test_a_receipt_needs_the_token_of_a_page(alice: Company) -> None:
    client = signed_in(alice, enforce_csrf_checks=True)
    answer = client.post("/files/receipt", {"ids": str(uuid4()), "format": "csv"})
    assert answer.status_code == 403


def test_one_file_has_its_receipt_in_both_forms(alice: Company) -> None:
    file, _ = alice.send(alice.server.day(DAY))
    client = signed_in(alice)
    assert len(rows(body(client.get(f"/files/{file.pk}/receipt?format=csv")))) == 1
    pdf = client.get(f"/files/{file.pk}/receipt?format=pdf")
    assert body(pdf).startswith(b"%PDF")
    assert pdf.headers["Content-Type"] == "application/pdf"
    assert "no-store" in pdf.headers["Cache-Control"]
    assert client.get(f"/files/{file.pk}/receipt").status_code == 422


@pytest.mark.parametrize(
    "name", ["=1+1.usg", "+1.usg", "-5.usg", "@SUM(A1).usg", " =1.usg", "\uff1d1.usg"]
)
def test_a_name_is_no_formula_to_a_spreadsheet(alice: Company, name: str) -> None:
    file, _ = alice.send(alice.server.day(DAY), name=name)
    text = body(request_receipt(alice, str(file.pk))).decode("utf-8-sig")
    [row] = rows(text.encode())
    assert row["Name"].startswith("'")
    # A number is no formula, and stays one.
    assert f",{file.size}," in text


def head_of(name: str, *, missing: int = 0) -> ReceiptHead:
    return ReceiptHead(
        tenant=name, number="1", made_by=name, made_at=NOW, missing=missing
    )


@settings(deadline=None, max_examples=50)
@given(name=st.text(min_size=1, max_size=300))
def test_any_name_can_be_printed(name: str) -> None:
    data = receipt_pdf.as_pdf([line(name)], head_of(name, missing=3))
    # Whatever the name is, other texts are not escaped.
    assert "3 of the files asked for are not here." in pdf_text(data)
    assert "Rejected" in pdf_text(data)


def test_a_document_has_so_many_files_and_so_much_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(receipt_pdf, "PDF_AT_MOST", 3)
    some = [line(str(number)) for number in range(7)]
    split = receipt_pdf.documents(some)
    assert [len(one) for one in split] == [3, 3, 1]
    assert [one for part in split for one in part] == some
    monkeypatch.setattr(receipt_pdf, "PDF_AT_MOST", 1_000)
    # Seven texts of 250 characters in each.
    long = [line("北" * 250)] * 400
    assert [len(one) for one in receipt_pdf.documents(long)] == [171, 171, 58]
    assert receipt_pdf.documents([]) == []
    with pytest.raises(ValueError, match="several documents"):
        receipt_pdf.as_pdf(long, head_of("A"))


def line(name: str) -> receipt_rows.ReceiptLine:
    return receipt_rows.ReceiptLine(
        name=name,
        size=1,
        sha256="0" * 64,
        server=name,
        series="",
        sequence=1,
        day=DAY,
        mark="missing",
        verdict="Rejected",
        reasons=[name * 3],
        decision=name,
        decided_at=NOW,
        sent_by=name,
        how="API",
        received_at=NOW,
        archive="Not kept",
        forwarded_at=None,
    )


def test_a_long_list_is_read_as_it_goes_out(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipt_views, "_CHUNK", 3)
    for data in alice.server.days(DAY, DAY + timedelta(days=7)):
        alice.send(data)
    alice.send(b"rubbish", name="goes.usg")
    pieces = iter(signed_in(alice).get("/files/list.csv"))
    with CaptureQueriesContext(connection) as begun:
        head = [next(pieces) for _ in range(2)]
    with unit_of_work.acting_for(alice.id):
        UsageFile.objects.filter(state=FileState.REJECTED).delete()
    rest = list(pieces)
    # A unit of work and one query for three files, and no more until they are read.
    assert len([one for one in begun if "usage_usagefile" in one["sql"]]) == 1
    assert b"".join(head + rest).count(b",Accepted,") == 8


def add_rejected(company: Company, file: UsageFile, numbers: range) -> None:
    with unit_of_work.acting_for(company.id):
        UsageFile.objects.bulk_create(
            [
                UsageFile(
                    tenant_id=company.id,
                    state=FileState.REJECTED,
                    name=f"{number}{'x' * 200}.usg",
                    size=1,
                    sha256=number.to_bytes(32),
                    tail=b"",
                    how=file.how,
                    sent_by=file.sent_by,
                    received_at=file.received_at,
                    settled_at=file.settled_at,
                    problems=file.problems,
                )
                for number in numbers
            ],
            batch_size=2_000,
        )


def cost_of_list(client: Client) -> tuple[int, int, int]:
    """Return the lines of the list, its bytes, and the most memory it has taken."""
    tracemalloc.start()
    try:
        size = lines = 0
        for piece in client.get("/files/list.csv"):
            size += len(piece)
            lines += 1
        return lines, size, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_the_memory_of_a_list_does_not_grow_with_its_rows(alice: Company) -> None:
    client = signed_in(alice)
    file, _ = alice.send(b"rubbish")
    add_rejected(alice, file, range(1, 2_000))
    cost_of_list(client)
    lines, _, before = cost_of_list(client)
    assert lines == 2_001
    add_rejected(alice, file, range(2_000, 9_000))
    lines, size, after = cost_of_list(client)
    assert lines == 9_001
    # Four times the rows: 16 bytes for each more, copied once, not the 3 MB of text.
    assert size > 3_000_000
    assert after - before < 500_000, (before, after)


def test_a_receipt_on_paper_has_as_many_pages_as_it_needs() -> None:
    lines = [line(f"day-{n}.usg") for n in range(100)]
    pages = read_pdf(receipt_pdf.as_pdf(lines, head_of("A"))).pages
    assert 5 < len(pages) < 15
    for number, page in enumerate(pages, start=1):
        assert f"{number} / {len(pages)}" in page.extract_text()
    written = pdf_text(receipt_pdf.as_pdf(lines, head_of("A")))
    assert all(f"day-{n}.usg" in written for n in range(100))
    assert "0 usage files" in pdf_text(receipt_pdf.as_pdf([], head_of("A")))


def test_a_receipt_of_1_000_files_is_typeset_in_seconds() -> None:
    lines = [line(f"IC-day-{n:04}.usg") for n in range(1_000)]
    receipt_pdf.as_pdf(lines[:1], head_of("A"))  # fonts are read once
    started = time.process_time()
    receipt_pdf.as_pdf(lines, head_of("A"))
    assert time.process_time() - started < 2 * SLOWER


def test_the_sums_are_what_sha256sum_checks(alice: Company, tmp_path: Path) -> None:
    for number in range(3):
        data = alice.server.day(DAY + timedelta(days=number))
        alice.send(data, name=f"day {number} ü.usg")
        (tmp_path / f"day {number} ü.usg").write_bytes(data)
    confirm(alice)
    sums = body(signed_in(alice).get("/safe-to-delete/SHA256SUMS"))
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict"],
        input=sums,
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.count(b": OK") == 3


def test_a_name_that_would_break_a_line_of_the_sums_is_escaped(tmp_path: Path) -> None:
    content = b"content"
    name = "a\\b\nc.usg"
    (tmp_path / name).write_bytes(content)
    file = UsageFile(name=name, sha256=hashlib.sha256(content).digest())
    [written] = receipt_rows.checksum_pieces([file])
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict"],
        input=written.encode(),
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr
