"""The staff's page about the S3 inboxes: what it shows, what a clerk can do there."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billing.staff import inbox_views
from portal import access, tenants, work
from portal.models import AuditEntry, StaffRole
from portal.work import State
from tests.builders import NOW, PASSWORD, Company
from tests.usage.inboxes import objects, open_inboxes, put, ring
from usage import bucket, deciding, settling
from usage.inbox_rows import InboxListing

DAY = date(2026, 5, 7)


@pytest.fixture(autouse=True)
def _inbox(db: None, settings: Any) -> Iterator[None]:
    open_inboxes(settings)
    yield
    bucket._client.cache_clear()


def staff(role: str) -> Client:
    with access.acting_for(access.STAFF):
        person = tenants.add_person(
            email=f"{role}@vendor.example",
            name=role.title(),
            password=PASSWORD,
            staff_role=role,
            at=NOW,
        )
    client = Client(raise_request_exception=False)
    client.force_login(person)
    return client


@pytest.fixture
def clerk(db: None) -> Client:
    return staff(StaffRole.CLERK)


@pytest.fixture
def auditor(db: None) -> Client:
    return staff(StaffRole.AUDITOR)


def set_aside(company: Company, name: str = "broken.usg") -> int:
    """Leave an object that could not be taken, whoever tried; return its id."""
    put(company, name, b"broken")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settling, "take_in", lambda *_, **__: 1 / 0)
        for number in range(work.MOST_FAULTS):
            ring(NOW + timedelta(hours=number))
    (row,) = (row for row in objects(company) if row.state == State.SET_ASIDE)
    return row.pk


def page(client: Client, **query: Any) -> str:
    answer = client.get("/staff/inbox", query)
    assert answer.status_code == 200
    text = answer.content.decode()
    return text[text.index("<main") :]


def test_it_says_that_nothing_is_looked_at(clerk: Client, settings: Any) -> None:
    assert "S3_INBOX_BUCKET" not in page(clerk)
    settings.INBOX_BUCKET = ""
    assert "No inbox is looked at" in page(clerk)


def test_it_shows_the_objects_of_all_tenants_and_why_they_are_bad(
    alice: Company, charlie: Company, clerk: Client
) -> None:
    put(alice, "good.usg", alice.server.day(DAY))
    put(charlie, "sub/bad.usg", b"rubbish")
    put(charlie, "strange.usg", charlie.writer("IC77").day(DAY))
    ring()
    shown = page(clerk)
    for text in ("good.usg", "sub/bad.usg", "strange.usg", "Alice Assurance"):
        assert text in shown
    assert "Accepted" in shown
    assert "Inboxes to look at" not in shown
    held, rejected = page(clerk, kind="held"), page(clerk, kind="rejected")
    assert "strange.usg" in held
    assert "bad.usg" not in held
    assert "bad.usg" in rejected
    assert "good.usg" not in rejected
    assert "No such objects" in page(clerk, kind="set-aside")
    assert "good.usg" in page(clerk, kind="no-such-kind")


def test_what_was_decided_meanwhile_is_held_no_more(
    alice: Company, clerk: Client
) -> None:
    put(alice, "strange.usg", alice.writer("IC77").day(DAY))
    ring()
    (row,) = objects(alice)
    assert row.file is not None
    deciding.refuse(alice.id, file_id=row.file.pk, by="clerk", at=NOW, reason="No.")
    assert "strange.usg" not in page(clerk, kind="held")
    assert "Refused by decision" in page(clerk)


def test_inboxes_that_fail_or_hold_other_things_are_named(
    alice: Company, charlie: Company, clerk: Client
) -> None:
    put(alice, "readme.txt", b"hello")
    ring()
    with access.acting_for(charlie.id):
        InboxListing.objects.update(problem="AccessDenied")
    shown = page(clerk)
    shown = shown[shown.index("Inboxes to look at") :]
    assert shown.index("Charlie Cargo") < shown.index("Alice Assurance")
    assert "The store says: AccessDenied." in shown


def test_a_clerk_has_an_object_tried_again(alice: Company, clerk: Client) -> None:
    pk = set_aside(alice)
    assert "It could not be taken in" in page(clerk, kind="set-aside")
    address = f"/staff/inbox/{pk}/retry"
    assert f'action="{address}"' in page(clerk)
    answer = clerk.post(address, follow=True)
    assert "broken.usg is tried again" in answer.content.decode()
    with access.acting_for(alice.id, reading=True):
        entry = AuditEntry.objects.get(act="inbox-retried")
    assert (entry.actor, entry.subject) == (
        "clerk@vendor.example",
        objects(alice)[0].key,
    )
    ring(NOW + timedelta(days=400))
    assert objects(alice)[0].verdict == "rejected"
    again = clerk.post(address, follow=True).content.decode()
    assert "nothing was changed" in again
    with access.acting_for(alice.id, reading=True):
        assert AuditEntry.objects.filter(act="inbox-retried").count() == 1


def test_an_auditor_sees_it_and_changes_nothing(
    alice: Company, auditor: Client
) -> None:
    pk = set_aside(alice)
    assert "<button" not in page(auditor)
    assert auditor.post(f"/staff/inbox/{pk}/retry").status_code == 403
    assert objects(alice)[0].state == State.SET_ASIDE


def test_an_object_that_there_is_not_is_not_found(clerk: Client) -> None:
    for number in ("1", "9" * 30):
        assert clerk.post(f"/staff/inbox/{number}/retry").status_code == 404


def test_a_page_is_full_and_the_next_one_goes_on(
    alice: Company, clerk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox_views, "OBJECTS_A_PAGE", 2)
    for number in range(3):
        put(alice, f"{number}.usg", b"rubbish %d" % number)
    ring()
    assert page(clerk, kind="rejected").count("rubbish") == 0
    first, second = page(clerk, kind="rejected"), page(clerk, kind="rejected", page=2)
    assert [first.count(f">{n}.usg<") for n in (2, 1, 0)] == [1, 1, 0]
    assert second.count(">0.usg<") == 1
    assert "?page=2&amp;kind=rejected" in first


def test_it_costs_the_same_for_one_object_and_for_many(
    alice: Company, charlie: Company, clerk: Client
) -> None:
    put(alice, "0.usg", b"rubbish")
    ring()
    few = queries_of(clerk)
    for number in range(1, 9):
        put(alice, f"{number}.usg", b"rubbish %d" % number)
        put(charlie, f"{number}.txt", b"x")
        put(charlie, f"{number}.usg", charlie.writer(f"IC{number}").day(DAY))
    ring(NOW + timedelta(minutes=1))
    assert len(objects(charlie)) == 8
    assert queries_of(clerk) == few


def queries_of(client: Client) -> int:
    with CaptureQueriesContext(connection) as asked:
        page(client)
    return len(asked)
