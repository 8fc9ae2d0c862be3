"""Upload receipts by mail: on request, once a day, of own files alone."""

import csv
import io
from collections.abc import Iterator
from datetime import date, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
import time_machine
from django.test import Client

from billing.mail import receipts as mail_receipts
from billing.models import ReceiptMail
from portal.db import unit_of_work
from portal.mail import switch as mail_switch
from portal.models import Membership, StaffRole
from tests.billing.lateness.late_tenants import DAY, HOUR
from tests.billing.reminders.cutting_mail_server import CuttingMailServer, running
from tests.billing.reminders.tenant_with_gaps import ENDED
from tests.billing.staff.staff_clients import staff_client
from tests.builders import Company
from usage.models import UsageFile

ASK = "/upload/receipt-mail"
UPLOADER = "uploader@a-100.example"


@pytest.fixture(autouse=True)
def _morning() -> Iterator[None]:
    with time_machine.travel(ENDED):
        yield


@pytest.fixture
def mail_server(alice: Company, settings: Any) -> Iterator[CuttingMailServer]:
    with running(settings) as server:
        yield server


def uploaded(company: Company, count: int = 2) -> list[UsageFile]:
    first = date(2026, 5, 1)
    return [
        company.send(data, name=f"day-{number}.usg")[0]
        for number, data in enumerate(
            company.server.days(first, first + timedelta(days=count - 1))
        )
    ]


def signed_in(company: Company, role: str = "uploader") -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(company.people[role])
    return client


def request_receipt(company: Company, *ids: object, role: str = "uploader") -> str:
    fields = {"ids": "\n".join(str(one) for one in ids)}
    answer = signed_in(company, role).post(ASK, fields, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def send(hours: int = 1) -> None:
    while mail_receipts.send_waiting(now=lambda: ENDED + hours * HOUR):
        pass


def rows(company: Company) -> list[ReceiptMail]:
    with unit_of_work.acting_for(company.id, reading=True):
        return list(ReceiptMail.objects.order_by("pk"))


def attached(message: EmailMessage) -> dict[str, bytes]:
    found = {}
    for part in message.iter_attachments():
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        found[str(part.get_content_type())] = content
    return found


def test_it_goes_to_who_asked_and_to_nobody_else(
    alice: Company, mail_server: CuttingMailServer
) -> None:
    files = uploaded(alice)
    said = request_receipt(alice, *(file.pk for file in files))
    assert f"The receipt is on its way to {UPLOADER}." in said
    send()
    (message,) = mail_server.taken
    assert message["To"] == UPLOADER
    assert (message["Cc"], message["Bcc"]) == (None, None)
    found = attached(message)
    table = list(csv.DictReader(io.StringIO(found["text/csv"].decode("utf-8-sig"))))
    assert {"day-0.usg", "day-1.usg"} <= {
        cell for row in table for cell in row.values()
    }
    assert found["application/pdf"].startswith(b"%PDF-")
    (row,) = rows(alice)
    assert (row.shown_state, row.recipient, row.asked_by) == (
        "sent",
        UPLOADER,
        UPLOADER,
    )


def test_another_address_in_the_form_is_not_heard(
    alice: Company, mail_server: CuttingMailServer
) -> None:
    (file,) = uploaded(alice, 1)
    given = {"to": "spy@evil.example", "recipient": "x@y.example"}
    signed_in(alice).post(ASK, {"ids": str(file.pk), **given})
    send()
    assert [one["To"] for one in mail_server.taken] == [UPLOADER]


def test_files_of_another_company_are_in_no_receipt(
    alice: Company, charlie: Company, mail_server: CuttingMailServer
) -> None:
    (own,), (foreign,) = uploaded(alice, 1), uploaded(charlie, 1)
    client = signed_in(charlie)
    assert client.post(ASK, {"ids": str(own.pk)}).status_code == 404
    request_receipt(charlie, own.pk, foreign.pk)
    send()
    (message,) = mail_server.taken
    assert message["To"] == "uploader@c-300.example"
    assert b"Alice" not in message.as_bytes()
    assert str(own.pk).encode() not in attached(message)["text/csv"]
    assert [row.missing for row in rows(charlie)] == [1]
    assert rows(alice) == []


def test_asked_twice_it_is_mailed_once_a_day(
    alice: Company, mail_server: CuttingMailServer
) -> None:
    first, second = (file.pk for file in uploaded(alice))
    request_receipt(alice, first, second)
    assert "was requested today already" in request_receipt(alice, second, first)
    send()
    assert "went to" in request_receipt(alice, first, second)
    send()
    assert len(mail_server.taken) == 1
    # Of other files, by another person, on another day it is another one.
    request_receipt(alice, first)
    request_receipt(alice, first, second, role="viewer")
    send()
    with time_machine.travel(ENDED + DAY):
        request_receipt(alice, first, second)
        send(25)
    assert len(mail_server.taken) == 4
    assert len({one["Message-ID"] for one in mail_server.taken}) == 4


def test_a_receipt_that_says_something_else_by_now_is_mailed_again(
    alice: Company, mail_server: CuttingMailServer
) -> None:
    (file,) = uploaded(alice, 1)
    request_receipt(alice, file.pk)
    send()
    with unit_of_work.acting_for(alice.id):
        UsageFile.objects.update(decided_at=ENDED, decided_by="clerk")
    assert "on its way" in request_receipt(alice, file.pk)
    send()
    assert len(mail_server.taken) == 2


def test_one_that_was_cut_is_not_sent_again(
    alice: Company, mail_server: CuttingMailServer
) -> None:
    (file,) = uploaded(alice, 1)
    request_receipt(alice, file.pk)
    mail_server.cut_at = "answer"
    send()
    mail_server.cut_at = ""
    for hours in (2, 12):
        send(hours)
    assert [row.shown_state for row in rows(alice)] == ["unsure"]
    assert len(mail_server.taken) == 1
    clerk = staff_client(StaffRole.CLERK)
    said = clerk.get("/staff/mail?kind=receipt&told=unsure").content.decode()
    assert UPLOADER in said
    address = f"/staff/mail/receipt/{rows(alice)[0].pk}/arrived"
    said = clerk.post(address, follow=True).content.decode()
    assert "It counts as sent" in said


def test_who_left_meanwhile_gets_none(
    alice: Company, mail_server: CuttingMailServer
) -> None:
    (file,) = uploaded(alice, 1)
    request_receipt(alice, file.pk)
    with unit_of_work.acting_for(alice.id):
        Membership.objects.filter(user=alice.people["uploader"]).delete()
    send()
    assert [row.problem for row in rows(alice)] == ["not-wanted"]
    assert mail_server.taken == []


def test_a_stop_does_not_hold_what_somebody_asks_for(
    alice: Company, mail_server: CuttingMailServer
) -> None:
    (file,) = uploaded(alice, 1)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        mail_switch.stop(reason="x", by="clerk", at=ENDED)
    request_receipt(alice, file.pk)
    send()
    assert [row.shown_state for row in rows(alice)] == ["sent"]
    assert len(mail_server.taken) == 1


def test_a_restored_copy_holds_it(
    alice: Company, mail_server: CuttingMailServer, settings: Any
) -> None:
    (file,) = uploaded(alice, 1)
    request_receipt(alice, file.pk)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        mail_switch.stop(reason="x", by="clerk", at=ENDED)
        assert mail_switch.send_permission().held == mail_switch.STOPPED
    (settings.VAR / "mail-stamp").unlink()
    send()
    assert [row.shown_state for row in rows(alice)] == ["waiting"]
    with unit_of_work.acting_for(unit_of_work.STAFF):
        mail_switch.resume(reason="x", by="clerk", at=ENDED)
    mail_switch.claim(by="operator", at=ENDED + HOUR)
    send(3)
    assert [row.problem for row in rows(alice)] == ["restored"]
    assert mail_server.taken == []


@pytest.mark.parametrize("ids", ["", "x", "../..", "0" * 32])
def test_what_names_no_file_is_refused(alice: Company, ids: str) -> None:
    client = signed_in(alice)
    assert client.post(ASK, {"ids": ids}).status_code in (404, 422)
    assert rows(alice) == []


@pytest.mark.parametrize("end", ["550 no such person", "answer"])
def test_a_failed_or_unsure_receipt_is_sent_when_it_is_requested_again(
    alice: Company, mail_server: CuttingMailServer, end: str
) -> None:
    (file,) = uploaded(alice, 1)
    request_receipt(alice, file.pk)
    if end == "answer":
        mail_server.cut_at = end
    else:
        mail_server.refuses = {UPLOADER: end}
    send()
    assert [row.shown_state for row in rows(alice)] in (["failed"], ["unsure"])
    mail_server.cut_at, mail_server.refuses = "", {}
    before = len(mail_server.taken)
    said = request_receipt(alice, file.pk)
    assert "requested today already" not in said
    send(2)
    assert [row.shown_state for row in rows(alice)] == ["sent"]
    assert len(mail_server.taken) == before + 1


@pytest.mark.parametrize(
    ("came_from", "leads_to"),
    [
        ("http://testserver/upload?period=2026-04", "/upload?period=2026-04"),
        ("http://testserver/files?how=api", "/files?how=api"),
        ("http://evil.example/files", "/upload"),
        # A page that only a form leads to.
        ("http://testserver/upload/receipt-mail", "/upload"),
        ("http://testserver//evil.example", "/upload"),
        ("", "/upload"),
    ],
)
def test_a_requested_receipt_leads_back_to_the_page_it_was_requested_on(
    alice: Company, came_from: str, leads_to: str
) -> None:
    (file,) = uploaded(alice, 1)
    client = signed_in(alice)
    fields = {"ids": str(file.pk)}
    response = client.post(ASK, fields, headers={"Referer": came_from})
    assert response.headers["Location"] == leads_to
