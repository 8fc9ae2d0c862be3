"""Files on staff pages: uploaded for a customer, listed, decided."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from portal.db import unit_of_work
from portal.http.endpoint_types import FILES_OF_FORM
from portal.models import AuditEntry, StaffRole
from tests.billing.desk.bulk_page import read
from tests.billing.staff.staff_clients import signed_in, staff
from tests.billing.staff.staff_data import DAY, conflict, held_file
from tests.builders import Company
from usage.models import FileState, UsageFile
from usage.usg import fingerprint


@pytest.fixture
def clerk(db: None) -> Client:
    return signed_in(staff(StaffRole.CLERK))


# Uploading for them


def usg(name: str, data: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data)


def test_a_form_for_a_customer_without_files_says_so(
    alice: Company, clerk: Client
) -> None:
    address = f"/staff/tenants/{alice.number}/upload"
    page = clerk.post(address, {"end": "end"}).content.decode()
    assert "No file was chosen, so nothing was sent" in page
    assert "No file was chosen" not in clerk.get(address).content.decode()


def test_files_are_uploaded_on_behalf_of_a_customer(
    alice: Company, clerk: Client
) -> None:
    days = alice.server.days(DAY, DAY + timedelta(days=1))
    files = [usg(f"{number}.usg", data) for number, data in enumerate(days)]
    files.append(usg("notes.usg", b"hello"))
    address = f"/staff/tenants/{alice.number}/upload"
    answer = clerk.post(address, {"files": files, "end": "end"})
    page = answer.content.decode()
    assert answer.status_code == 200
    assert page.count("Accepted") == 2
    assert "Rejected" in page
    assert "not a usage file" in page
    assert "cut on its way" not in page
    with unit_of_work.acting_for(alice.id, reading=True):
        kept = list(UsageFile.objects.filter(state=FileState.ACCEPTED))
        entries = AuditEntry.objects.filter(act="file-accepted")
        actors = set(entries.values_list("actor", "by_staff"))
    name = "clerk@vendor.example for the customer"
    assert {(one.how, one.sent_by) for one in kept} == {("form", name)}
    # The entry is by the person, so the filter *billing staff* finds it.
    assert actors == {("clerk@vendor.example", True)}


def test_a_form_that_was_cut_is_noticed(alice: Company, clerk: Client) -> None:
    address = f"/staff/tenants/{alice.number}/upload"
    answer = clerk.post(address, {"files": [usg("1.usg", alice.server.day(DAY))]})
    assert "cut on its way" in answer.content.decode()
    assert [one.state for one in alice.files()] == [FileState.ACCEPTED]


def test_a_form_that_is_too_large_is_not_even_begun(
    alice: Company, clerk: Client
) -> None:
    address = f"/staff/tenants/{alice.number}/upload"
    answer = clerk.post(address, b"", "multipart/form-data; boundary=x")
    assert answer.status_code != 413
    length = str(FILES_OF_FORM + 1)
    answer = clerk.generic(
        "POST", address, b"", "multipart/form-data", CONTENT_LENGTH=length
    )
    assert answer.status_code == 413
    assert "256 MB" in answer.content.decode()


# Deciding


def test_a_day_is_assigned_by_the_page(alice: Company, clerk: Client) -> None:
    data = alice.server.day(DAY, zone="Mars/Olympus")
    file, _ = alice.send(data)
    page = f"/staff/held/{file.pk}"
    html = clerk.get(page).content.decode()
    assert "Its clock or zone cannot be right" in html
    assert "A decision changes no issued statement" in html
    answer = clerk.post(f"{page}/day", {"day": "soon", "reason": "x"}, follow=True)
    assert "valid date" in answer.content.decode()
    answer = clerk.post(
        f"{page}/day", {"day": "2026-05-07", "reason": "as told"}, follow=True
    )
    assert "is now: accepted" in answer.content.decode()
    assert "It counts." in answer.content.decode()
    again = {"day": "2026-05-07", "reason": "x"}
    answer = clerk.post(f"{page}/day", again, follow=True)
    assert "Look at what is there now" in answer.content.decode()


def test_a_file_is_refused_and_taken_back_by_the_page(
    alice: Company, clerk: Client
) -> None:
    file = held_file(alice)
    page = f"/staff/held/{file.pk}"
    answer = clerk.post(f"{page}/refuse", {"reason": ""}, follow=True)
    assert "needs a reason" in answer.content.decode()
    answer = clerk.post(f"{page}/refuse", {"reason": "not theirs"}, follow=True)
    assert "It does not count, by decision." in answer.content.decode()
    answer = clerk.post(f"{page}/reopen", {"reason": "theirs after all"}, follow=True)
    assert "is now: held" in answer.content.decode()


def test_of_two_files_one_is_chosen_by_the_page(alice: Company, clerk: Client) -> None:
    first, second = conflict(alice)
    alice.server.previous = bytes(second.sha256)
    alice.send(alice.server.day(DAY + timedelta(days=1)), name="third.usg")
    page = f"/staff/held/{second.pk}"
    shown = clerk.get(page).content.decode()
    assert "Two files claim number 1 of <bdi>IC01</bdi>." in shown
    assert "because number 2 follows it" in shown
    fields = {
        "counts": str(second.pk),
        "seen": [str(first.pk), str(second.pk)],
        "reason": "snapshot",
    }
    assert clerk.post(f"{page}/choose", {**fields, "counts": "x"}).status_code == 404
    answer = clerk.post(f"{page}/choose", fields, follow=True)
    assert "second.usg is now: accepted" in answer.content.decode()
    answer = clerk.post(f"{page}/choose", fields, follow=True)
    assert "your decision was not made" in answer.content.decode()


def test_of_two_files_both_count_by_the_page(alice: Company, clerk: Client) -> None:
    first, second = conflict(alice)
    page = f"/staff/held/{second.pk}"
    assert f'formaction="{page}/both"' in clerk.get(page).content.decode()
    fields = {
        "apart": str(second.pk),
        "seen": [str(first.pk), str(second.pk)],
        "reason": "put back",
    }
    answer = clerk.post(f"{page}/both", fields, follow=True)
    assert "second.usg is now: accepted" in answer.content.decode()
    answer = clerk.post(f"{page}/both", fields, follow=True)
    assert "your decision was not made" in answer.content.decode()


@pytest.mark.parametrize("kind", ["key", "time", "conflict"])
def test_held_files_are_listed_by_what_they_wait_for(
    alice: Company, charlie: Company, clerk: Client, kind: str
) -> None:
    strange = alice.writer("IC02")
    alice.send(strange.day(DAY), name="a-key.usg")
    charlie.send(charlie.server.day(DAY, zone="Mars/Olympus"), name="a-time.usg")
    conflict(alice)
    key = fingerprint(strange.pair.public)
    names = {"key": key, "time": "a-time.usg", "conflict": "second.usg"}
    everything = clerk.get("/staff/held").content.decode()
    assert all(name in everything for name in names.values())
    shown = clerk.get(f"/staff/held?kind={kind}").content.decode()
    assert {name for name in names.values() if name in shown} == {names[kind]}


def test_the_files_of_a_tenant_are_filtered(alice: Company, clerk: Client) -> None:
    held_file(alice)
    alice.send(alice.server.day(DAY), name="good.usg")
    page = f"/staff/tenants/{alice.number}/files"
    shown = clerk.get(f"{page}?state=held&how=api&server=IC02").content.decode()
    assert "strange.usg" in shown
    assert "good.usg" not in shown
    assert "No such files" in clerk.get(f"{page}?how=inbox").content.decode()
    assert clerk.get(f"{page}?state=x&after=x&server=%00").status_code == 200


def test_ten_files_of_one_unknown_key_are_one_line_with_their_number(
    alice: Company, clerk: Client
) -> None:
    alice.send(alice.server.day(DAY - timedelta(days=1)))
    strange = alice.writer("IC02")
    for data in strange.days(DAY, DAY + timedelta(days=9)):
        alice.send(data)
    alice.send(alice.server.day(DAY, zone="Mars/Olympus"), name="a-time.usg")
    tab = f"/staff/tenants/{alice.number}/to-decide"
    queue, own = (
        read(clerk.get(page).content.decode()) for page in ("/staff/held", tab)
    )
    # One key, which the tenant confirms, and one file whose clock cannot be right.
    assert "To decide 1" in own
    assert "1 All decisions 1 Unknown server key 1 Clock or zone" in queue
    assert f"{fingerprint(strange.pair.public)} Alice Assurance A-100 IC02 10" in queue
    assert "their tenant admin confirms it" in queue
    assert "10 files are held for it" in own
    assert queue.count(".usg") == own.count(".usg") == 1
    files = f"/staff/tenants/{alice.number}/files"
    link = f"{files}?state=held&amp;server=IC02"
    for page in ("/staff/held", tab):
        assert f'href="{link}"' in clerk.get(page).content.decode()
    assert "Up to 400 files and 256 MB at once" in clerk.get(files).content.decode()
