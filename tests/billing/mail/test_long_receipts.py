"""Receipts too long for one PDF are mailed in parts; a person has one at a time."""

import csv
import io
from collections.abc import Iterator
from datetime import date, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
import time_machine
from django.db import connections
from django.http import HttpResponse
from django.test import Client

from billing.mail import receipts as mail_receipts
from billing.mail.staff_presenters import mail_rows
from billing.models import ReceiptMail
from portal.db import unit_of_work
from portal.http import downloads
from portal.models import Membership, StaffRole
from tests.billing.lateness.late_tenants import HOUR
from tests.billing.reminders.cutting_mail_server import CuttingMailServer, running
from tests.billing.reminders.tenant_with_gaps import ENDED
from tests.billing.staff.staff_clients import staff_client
from tests.builders import Company
from usage.models import UsageFile
from usage.receipts import pdf as receipt_pdf

RECEIPT, MAIL = "/files/receipt", "/upload/receipt-mail"
UPLOADER = "uploader@a-100.example"


@pytest.fixture(autouse=True)
def _two_in_a_pdf(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(receipt_pdf, "PDF_AT_MOST", 2)
    with time_machine.travel(ENDED):
        yield


@pytest.fixture
def mail_server(alice: Company, settings: Any) -> Iterator[CuttingMailServer]:
    with running(settings) as server:
        yield server


@pytest.fixture
def files(alice: Company) -> list[UsageFile]:
    first = date(2026, 5, 1)
    days = alice.server.days(first, first + timedelta(days=4))
    return [
        alice.send(data, name=f"day-{number}.usg")[0]
        for number, data in enumerate(days)
    ]


def client_of(company: Company, role: str = "uploader") -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(company.people[role])
    return client


def request_pdf(
    company: Company, *ids: object, role: str = "uploader", **options: Any
) -> HttpResponse:
    fields = {"ids": "\n".join(map(str, ids)), "format": "pdf"}
    response: HttpResponse = client_of(company, role).post(RECEIPT, fields, **options)  # type: ignore[assignment]  # as Django's client
    return response


def send() -> None:
    while mail_receipts.send_waiting(now=lambda: ENDED + HOUR):
        pass


def rows(company: Company) -> list[ReceiptMail]:
    with unit_of_work.acting_for(company.id, reading=True):
        return list(ReceiptMail.objects.order_by("pk"))


def names_in(message: EmailMessage) -> list[str]:
    """Return the first cells of the attached table, without its head."""
    (data,) = (
        part.get_payload(decode=True)
        for part in message.iter_attachments()
        if part.get_content_type() == "text/csv"
    )
    assert isinstance(data, bytes)
    return [row[0] for row in csv.reader(io.StringIO(data.decode("utf-8-sig")))][1:]


def test_a_receipt_too_long_for_one_pdf_is_mailed_in_parts(
    alice: Company, files: list[UsageFile], mail_server: CuttingMailServer
) -> None:
    unknown = "0" * 32
    said = request_pdf(alice, unknown, *(one.pk for one in files), follow=True)
    text = f"mailed to {UPLOADER}. It is split into 3 mails of up to 2 files each."
    assert text in said.content.decode()
    send()
    parts = [names_in(one) for one in mail_server.taken]
    missing = "1 of the files asked for is not here."
    assert sorted(name for part in parts for name in part) == sorted(
        [missing, *(one.name for one in files)]
    )
    assert sorted(len(part) for part in parts) == [1, 2, 3]
    for number, message in enumerate(mail_server.taken, start=1):
        assert message["To"] == UPLOADER
        assert message["Subject"].endswith(f", part {number} of 3")
        (pdf,) = (
            part
            for part in message.iter_attachments()
            if part.get_content_type() == "application/pdf"
        )
        assert str(pdf.get_filename()).startswith(f"receipt-part-{number}-A-100-")
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        what = [row.what for row in mail_rows(ReceiptMail.objects.order_by("pk"))]
    assert what[1] == "Receipt of an upload, part 2 of 3"


def test_a_long_receipt_that_is_requested_again_is_not_mailed_twice(
    alice: Company, files: list[UsageFile], mail_server: CuttingMailServer
) -> None:
    ids = [one.pk for one in files]
    request_pdf(alice, *ids)
    said = request_pdf(alice, *reversed(ids), follow=True).content.decode()
    assert "was requested today already" in said
    assert f"whether it has gone to {UPLOADER}. It is split into 3 mails" in said
    fields = {"ids": "\n".join(map(str, ids))}
    said = client_of(alice).post(MAIL, fields, follow=True).content.decode()
    assert "was requested today already" in said
    send()
    assert len(rows(alice)) == len(mail_server.taken) == 3
    said = request_pdf(alice, *ids, follow=True).content.decode()
    assert f"went to {UPLOADER} today already. It is split into 3 mails" in said


def test_members_see_which_part_of_a_receipt_a_mail_is(
    alice: Company, files: list[UsageFile]
) -> None:
    request_pdf(alice, *(one.pk for one in files))
    page = client_of(alice).get("/people").content.decode()
    assert [page.count(f"Receipt of an upload, part {n} of 3") for n in (1, 2, 3)] == [
        *(1, 1, 1)
    ]


def test_no_part_is_mailed_to_a_former_member(
    alice: Company, files: list[UsageFile], mail_server: CuttingMailServer
) -> None:
    request_pdf(alice, *(one.pk for one in files))
    with unit_of_work.acting_for(alice.id):
        Membership.objects.filter(user=alice.people["uploader"]).delete()
    send()
    assert [row.problem for row in rows(alice)] == ["not-wanted"] * 3
    assert mail_server.taken == []


def test_files_of_another_company_are_not_mailed(
    alice: Company, charlie: Company, files: list[UsageFile]
) -> None:
    response = request_pdf(charlie, *(one.pk for one in files))
    assert response.status_code == 200  # a PDF that counts them as not there
    assert rows(alice) == rows(charlie) == []


def test_long_texts_are_split_into_several_pdfs_of_one_mail(
    alice: Company,
    files: list[UsageFile],
    mail_server: CuttingMailServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(receipt_pdf, "_CHARACTERS_AT_MOST", 30)
    assert request_pdf(alice, files[0].pk, files[1].pk).status_code == 302
    send()
    (message,) = mail_server.taken
    kinds = [part.get_content_type() for part in message.iter_attachments()]
    assert kinds == ["text/csv", *["application/pdf"] * 2]


@pytest.mark.parametrize("address", [RECEIPT, MAIL])
def test_requests_beyond_the_limit_of_waiting_receipts_are_refused(
    alice: Company,
    files: list[UsageFile],
    monkeypatch: pytest.MonkeyPatch,
    address: str,
) -> None:
    monkeypatch.setattr(mail_receipts, "_WAITING_AT_MOST", 3)
    assert request_pdf(alice, *(one.pk for one in files)).status_code == 302
    ids = "\n".join(str(one.pk) for one in files[:3])
    response = client_of(alice).post(address, {"ids": ids, "format": "pdf"})
    assert (response.status_code, response["Retry-After"]) == (429, "10")
    assert len(rows(alice)) == 3


class OtherProcess:
    """A connection of its own, as another process has one."""

    def __init__(self, company: Company, role: str = "uploader") -> None:
        self.lock = unit_of_work._PERSON_LOCK | company.people[role].pk

    def _ask(self, function: str) -> bool:
        with connections["owner"].cursor() as cursor:
            cursor.execute(f"select {function}(%s)", [self.lock])
            return bool(cursor.fetchone()[0])

    def try_begin(self) -> bool:
        return self._ask("pg_try_advisory_lock")

    def end(self) -> None:
        assert self._ask("pg_advisory_unlock")


def test_a_second_pdf_of_a_person_is_refused_while_one_is_typeset(
    alice: Company, files: list[UsageFile]
) -> None:
    other = OtherProcess(alice)
    assert other.try_begin()
    one = f"/files/{files[0].pk}/receipt"
    for response in (
        request_pdf(alice, files[0].pk),
        client_of(alice).get(one, {"format": "pdf"}),
    ):
        assert (response.status_code, response["Retry-After"]) == (429, "10")
        assert (
            "Your earlier receipts or lists are not finished yet."
            in response.content.decode()
        )
    # A CSV takes no time, and others have their own turn.
    assert client_of(alice).get(one, {"format": "csv"}).status_code == 200
    assert request_pdf(alice, files[0].pk, role="viewer").status_code == 200
    other.end()
    assert request_pdf(alice, files[0].pk).status_code == 200


def test_the_lock_of_a_person_lasts_until_the_document_is_typeset(
    alice: Company, files: list[UsageFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    other, begun = OtherProcess(alice), []

    def make(*_: object) -> bytes:
        begun.append(other.try_begin())
        return b"%PDF"

    monkeypatch.setattr(receipt_pdf, "as_pdf", make)
    assert request_pdf(alice, files[0].pk).status_code == 200
    assert begun == [False]
    assert other.try_begin()
    other.end()


@pytest.mark.parametrize(
    "address",
    [
        "/files/list.csv",
        "/safe-to-delete/list.csv",
        "/safe-to-delete/SHA256SUMS",
        "/staff/desk.csv",
        "/staff/late.csv",
        "/api/v1/statements/2026-05/evidence",
    ],
)
def test_every_streamed_download_takes_a_slot(
    alice: Company, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setattr(downloads, "SLOTS_OF_A_CALLER", 0)
    is_staff = address.startswith("/staff")
    client = (
        staff_client(StaffRole.CLERK) if is_staff else client_of(alice, role="admin")
    )
    response = client.get(address)
    assert (response.status_code, response["Retry-After"]) == (429, "10")
