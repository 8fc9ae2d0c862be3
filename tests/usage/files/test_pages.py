"""The list of files and the page of a file: text, permissions, number of queries."""

from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.test import Client

from portal.db import unit_of_work
from portal.models import Role, StaffRole, Tenant
from portal.tenants import create
from tests.builders import NOW, Company
from tests.usage.files.customer_pages import body, confirm, page, queries_of, signed_in
from usage.models import FileState, UsageFile
from usage.review import decide

DAY = date(2026, 5, 1)

# Of a whole list page: session, person and frame among them, and each unit of work
# begins, names its tenant and ends.
QUERIES = 20

# A long series has to end before it is sent.
LONG_AGO = date(2025, 10, 1)


def send(company: Company, count: int = 1, *, first: date = DAY) -> list[UsageFile]:
    days = company.server.days(first, first + timedelta(days=count - 1))
    sent = [
        company.send(data, name=f"day-{number}.usg", at=NOW + timedelta(minutes=number))
        for number, data in enumerate(days)
    ]
    return [file for file, _ in sent]


def test_without_files_the_page_says_what_to_do_first(alice: Company) -> None:
    assert "Upload usage files" in page(alice, "/files", role="uploader")
    seen = page(alice, "/files", role="viewer")
    assert "No files yet" in seen
    assert "Upload usage files" not in seen


def test_every_file_is_listed_newest_first_with_all_that_tells_it(
    alice: Company,
) -> None:
    send(alice, 2)
    alice.send(b"PK\x03\x04", name="bad.usg", at=NOW + timedelta(hours=1))
    seen = page(alice, "/files")
    names = ("bad.usg", "day-1.usg", "day-0.usg")
    assert sorted(names, key=seen.index) == list(names)
    for words in (
        "IC01",
        "number 2",
        "Fri 1 May",
        "1 KB",
        "API, <bdi>test</bdi>",
        "CEST",
    ):
        assert words in seen
    assert "Rejected" in seen
    assert "Not kept" in seen
    assert "Waiting" in seen


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"state": "accepted"}, {"may.usg", "april.usg"}),
        ({"state": "held"}, {"other.usg"}),
        ({"server": "ic77"}, {"other.usg"}),
        ({"period": "2026-05", "server": "IC01"}, {"may.usg"}),
        ({"who": "test"}, {"may.usg", "april.usg", "other.usg"}),
        ({"who": "nobody"}, set()),
        ({"how": "browser"}, set()),
        ({"state": "", "page": "7"}, {"may.usg", "april.usg", "other.usg"}),
    ],
)
@time_machine.travel(NOW, tick=False)
def test_filters_narrow_the_list_and_its_csv_alike(
    alice: Company, query: dict[str, str], expected: set[str]
) -> None:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        alice_row = Tenant.objects.get(pk=alice.id)
        alice_row.first_owed_on = date(2026, 3, 28)
        alice_row.save()
    alice.send(alice.server.day(date(2026, 4, 27)), name="april.usg")
    alice.send(alice.server.day(date(2026, 4, 28)), name="may.usg")
    alice.send(alice.writer("IC77").day(DAY), name="other.usg")
    every = {"may.usg", "april.usg", "other.usg"}
    seen = page(alice, "/files", **query)
    assert {name for name in every if name in seen} == expected
    csv = body(signed_in(alice).get("/files/list.csv", query)).decode()
    assert {name for name in every if name in csv} == expected


@pytest.mark.parametrize(
    "query", [{"state": "lost"}, {"how": "\0"}, {"period": "2026-13"}, {"who": "a\0"}]
)
def test_a_filter_that_no_page_offers_is_refused(
    alice: Company, query: dict[str, str]
) -> None:
    for path in ("/files", "/files/list.csv"):
        assert signed_in(alice).get(path, query).status_code == 422


def test_a_long_list_has_pages(alice: Company) -> None:
    send(alice, 51, first=LONG_AGO)
    first, second = page(alice, "/files"), page(alice, "/files", page="2")
    assert "1 to 50 of 51 files" in first
    assert "day-50.usg" in first
    assert "day-0.usg" not in first
    assert "day-0.usg" in second
    kept = page(alice, "/files", how="api", state="")
    assert "?how=api&amp;page=2" in kept


def test_the_lists_ask_as_little_for_80_files_as_for_3(alice: Company) -> None:
    client = signed_in(alice)
    send(alice, 3, first=LONG_AGO)
    confirm(alice)
    paths = ("/files", "/safe-to-delete", "/servers", "/files?state=accepted")
    before = {path: queries_of(client, path) for path in paths}
    send(alice, 77, first=LONG_AGO + timedelta(days=3))
    for number in range(4):
        alice.registered(f"IC9{number}")
    confirm(alice)
    assert {path: queries_of(client, path) for path in paths} == before
    assert max(before.values()) <= QUERIES


def test_a_file_page_shows_its_timeline_and_facts(alice: Company) -> None:
    [file] = send(alice)
    seen = page(alice, f"/files/{file.pk}")
    for words in (
        *("This file counts.", "Wed 20 May 2026, 20:00", "CEST", "IC01"),
        *("waits to be sent", bytes(file.sha256).hex(), str(file.series)),
        *("Fri 1 May 2026, 00:00:00", "UTC+2", "1 login, 1 user", "API"),
    ):
        assert words in seen
    assert "Keep it at home" in seen
    confirm(alice)
    seen = page(alice, f"/files/{file.pk}")
    assert "safe to delete at home" in seen
    assert "Wed 20 May 2026, 20:05" in seen


def test_a_rejected_file_says_every_reason_and_what_to_do(alice: Company) -> None:
    file, _ = alice.send(b"PK\x03\x04 and more")
    seen = page(alice, f"/files/{file.pk}")
    assert "It is your turn" in seen
    assert "file-zip" in seen
    assert "Confirmed in the archive" not in seen


def test_a_held_file_says_whose_turn_it_is(alice: Company) -> None:
    unknown, _ = alice.send(alice.writer("IC77").day(DAY))
    early, _ = alice.send(alice.server.day(DAY + timedelta(days=60)))
    assert early.state == FileState.HELD
    seen = page(alice, f"/files/{unknown.pk}", role="admin")
    assert "It is your turn: compare and confirm the server&#x27;s key." in seen
    assert 'href="/servers"' in seen
    for role in ("uploader", "viewer"):
        seen = page(alice, f"/files/{unknown.pk}", role=role)
        assert "ask admin of Alice Assurance to confirm the server&#x27;s key" in seen
        assert 'href="/servers"' not in seen
    for role in Role.values:
        seen = page(alice, f"/files/{early.pk}", role=role)
        assert "waiting for the billing team" in seen
        assert 'href="/servers"' not in seen


def test_what_was_found_is_told_with_days_and_times_as_people_read_them(
    alice: Company,
) -> None:
    early, _ = alice.send(alice.server.day(DAY + timedelta(days=60)))
    seen = page(alice, f"/files/{early.pk}")
    assert "it was closed at Tue 30 June 2026, 22:00 UTC." in seen


def test_a_held_file_that_needs_a_key_and_a_decision_says_both(alice: Company) -> None:
    early, _ = alice.send(alice.writer("IC77").day(DAY + timedelta(days=60)))
    seen = page(alice, f"/files/{early.pk}", role="admin")
    assert "server&#x27;s key. After that the billing team decides." in seen


def test_where_nothing_is_forwarded_no_file_is_said_to_wait(
    alice: Company, settings: Any
) -> None:
    settings.FORWARDING = False
    [file] = send(alice)
    seen = page(alice, "/files")
    assert "Not forwarded" in seen
    assert "Waiting" not in seen
    seen = page(alice, f"/files/{file.pk}")
    assert "This portal keeps it and forwards no files: keep yours too." in seen
    assert "until the archive confirms it" not in seen
    assert "This portal forwards no files to an archive." in page(alice, "/")


def test_a_refused_file_shows_the_reason_of_the_staff(alice: Company) -> None:
    file, _ = alice.send(alice.server.day(DAY + timedelta(days=60)))
    with unit_of_work.acting_for(unit_of_work.STAFF):
        clerk = create.add_person(
            email="clerk@vendor.example",
            name="Clara Clerk",
            password=None,
            at=NOW,
            staff_role=StaffRole.CLERK,
        )
    decide.refuse(alice.id, file_id=file.pk, by=clerk.email, at=NOW, reason="A test.")
    seen = page(alice, f"/files/{file.pk}")
    assert "A test." in seen
    assert "does not count" in seen
    assert "billing team will look at it" not in seen
    assert "clerk@vendor.example" not in seen
    [row] = [part for part in page(alice, "/files").split("<tr>") if "day.usg" in part]
    assert "Refused by decision" in row
    assert "A test." in row
    assert "Wed 20 May 2026, 20:00" in row.partition("Refused by decision")[2]


def test_a_name_is_shown_as_text_and_never_as_markup(alice: Company) -> None:
    file, _ = alice.send(alice.server.day(DAY), name="<b>&amp;.usg")
    for path in ("/files", f"/files/{file.pk}"):
        assert "<b>&amp;" not in page(alice, path)
        assert "&lt;b&gt;" in page(alice, path)


def test_charlie_sees_nothing_of_a_file(alice: Company, charlie: Company) -> None:
    [file] = send(alice)
    for role in Role.values:
        client = signed_in(charlie, role)
        for path in (f"/files/{file.pk}", f"/files/{file.pk}/receipt?format=csv"):
            answer = client.get(path)
            unknown = client.get(path.replace(str(file.pk), str(uuid4())))
            assert answer.status_code == unknown.status_code == 404
            assert b"day-0.usg" not in answer.content
        assert "day-0.usg" not in page(charlie, "/files", role=role)


def test_a_member_of_both_is_offered_the_switch(
    alice: Company, charlie: Company
) -> None:
    [file] = send(alice)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        create.add_member(
            alice.id, user=charlie.people["admin"], role=Role.VIEWER, by="t", at=NOW
        )
    client = signed_in(charlie, "admin")
    session = client.session
    session["tenant"] = charlie.id
    session.save()
    answer = client.get(f"/files/{file.pk}")
    assert answer.status_code == 404
    assert "Switch to <bdi>Alice Assurance</bdi>" in answer.content.decode()


def test_nobody_sees_a_page_without_signing_in(db: None) -> None:
    for path in ("/files", f"/files/{uuid4()}", "/safe-to-delete", "/servers"):
        answer = Client().get(path)
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith("/sign-in")
