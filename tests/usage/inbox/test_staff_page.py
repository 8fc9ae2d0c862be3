"""The staff's page *Inboxes*: its content, and a clerk's actions there."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qsl

import pytest
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.db import unit_of_work
from portal.jobs import queue as job_queue
from portal.jobs.queue import JobState
from portal.models import AuditEntry, StaffRole
from portal.tenants import create
from tests.builders import NOW, PASSWORD, Company
from tests.portal.mail.refusing_mail_server import HANG_UP, MailServer, mail_server
from tests.usage.inbox.notice_mails import notices, second_admin, send
from tests.usage.inbox.s3_inboxes import objects, open_inboxes, put, run_inbox_task
from usage.inbox import staff_views as inbox_staff_views
from usage.models import InboxListing
from usage.review import decide
from usage.storage import s3_client
from usage.uploads import judge

DAY = date(2026, 5, 7)


@pytest.fixture(autouse=True)
def _inbox(db: None, settings: Any) -> Iterator[None]:
    open_inboxes(settings)
    yield
    s3_client.client.cache_clear()


def staff(role: str) -> Client:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        person = create.add_person(
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


def failed_object(company: Company, name: str = "broken.usg") -> int:
    """Leave an object that could not be taken, whoever tried; return its id."""
    put(company, name, b"broken")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge, "receive_and_judge", lambda *_, **__: 1 / 0)
        for number in range(job_queue.MOST_FAULTS):
            run_inbox_task(NOW + timedelta(hours=number))
    (row,) = (row for row in objects(company) if row.state == JobState.FAILED)
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
    run_inbox_task()
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
    run_inbox_task()
    (row,) = objects(alice)
    assert row.file is not None
    decide.refuse(alice.id, file_id=row.file.pk, by="clerk", at=NOW, reason="No.")
    assert "strange.usg" not in page(clerk, kind="held")
    run_inbox_task(NOW + timedelta(minutes=1))
    assert "strange.usg" not in page(clerk, kind="held")
    assert "Refused by decision" in page(clerk)


def test_inboxes_that_fail_or_hold_other_things_are_named(
    alice: Company, charlie: Company, clerk: Client
) -> None:
    put(alice, "readme.txt", b"hello")
    run_inbox_task()
    with unit_of_work.acting_for(charlie.id):
        InboxListing.objects.update(problem="AccessDenied")
    shown = page(clerk)
    shown = shown[shown.index("Inboxes to look at") :]
    assert shown.index("Charlie Cargo") < shown.index("Alice Assurance")
    assert "The store says: AccessDenied." in shown


def test_a_clerk_has_an_object_tried_again(alice: Company, clerk: Client) -> None:
    pk = failed_object(alice)
    assert "It could not be taken in" in page(clerk, kind="set-aside")
    address = f"/staff/inbox/{pk}/retry"
    assert f'action="{address}"' in page(clerk)
    answer = clerk.post(address, follow=True)
    assert "broken.usg is tried again" in answer.content.decode()
    with unit_of_work.acting_for(alice.id, reading=True):
        entry = AuditEntry.objects.get(act="inbox-retried")
    assert (entry.actor, entry.subject) == (
        "clerk@vendor.example",
        objects(alice)[0].key,
    )
    run_inbox_task(NOW + timedelta(days=400))
    assert objects(alice)[0].verdict == "rejected"
    again = clerk.post(address, follow=True).content.decode()
    assert "nothing was changed" in again
    with unit_of_work.acting_for(alice.id, reading=True):
        assert AuditEntry.objects.filter(act="inbox-retried").count() == 1


def test_an_auditor_sees_it_and_changes_nothing(
    alice: Company, auditor: Client
) -> None:
    pk = failed_object(alice)
    assert "<button" not in page(auditor)
    assert auditor.post(f"/staff/inbox/{pk}/retry").status_code == 403
    assert objects(alice)[0].state == JobState.FAILED


@pytest.fixture
def declined(alice: Company, settings: Any) -> Iterator[MailServer]:
    """A mail server to which neither of the two admins' mails has surely gone."""
    second = second_admin(alice)
    put(alice, "bad.usg", b"rubbish")
    run_inbox_task()
    with mail_server(settings) as server:
        server.answers[alice.people["admin"].email, "DATA"] = HANG_UP
        server.answers[second.email, "RCPT"] = "550 not here"
        for number in range(1 + job_queue.MOST_FAULTS):
            send(NOW + timedelta(hours=1 + number))
        yield server


def test_mails_that_did_not_go_are_named(
    alice: Company, declined: MailServer, auditor: Client
) -> None:
    shown = page(auditor)
    shown = shown[shown.index("Failed and unsure mails") :]
    assert "Alice Assurance" in shown
    assert f"{alice.people['admin'].email}<span" in shown
    assert "second@a-100.example</p>" in shown
    assert "The mail server refuses a mail" in shown
    assert "<button" not in shown


def test_a_clerk_has_mails_sent_again(
    alice: Company, declined: MailServer, clerk: Client, auditor: Client
) -> None:
    (notice,) = notices(alice)
    address = f"/staff/inbox/mails/{notice.pk}/retry"
    assert auditor.post(address).status_code == 403
    assert f'action="{address}"' in page(clerk)
    answer = clerk.post(address, follow=True).content.decode()
    assert "The mails are sent again" in answer
    declined.answers.clear()
    # The endpoint reads the clock.
    assert send(timezone.now()) == 1
    first = alice.people["admin"].email
    assert declined.addresses() == [first, first, "second@a-100.example"]
    assert "Failed and unsure mails" not in page(clerk)
    assert "nothing was changed" in clerk.post(address, follow=True).content.decode()
    with unit_of_work.acting_for(alice.id, reading=True):
        entry = AuditEntry.objects.get(act="inbox-mail-retried")
    assert (entry.actor, entry.subject) == ("clerk@vendor.example", str(notice.day))


def test_mails_that_there_are_not_are_not_found(clerk: Client) -> None:
    for number in ("1", "9" * 30):
        assert clerk.post(f"/staff/inbox/mails/{number}/retry").status_code == 404


def test_an_object_that_there_is_not_is_not_found(clerk: Client) -> None:
    for number in ("1", "9" * 30):
        assert clerk.post(f"/staff/inbox/{number}/retry").status_code == 404


@pytest.mark.parametrize("kind", ["", "rejected"])
def test_a_page_is_full_and_the_next_one_goes_on(
    alice: Company, clerk: Client, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(inbox_staff_views, "OBJECTS_A_PAGE", 2)
    for number in range(5):
        put(alice, f"{number}.usg", b"rubbish %d" % number)
        # Two of them are seen at one time.
        run_inbox_task(NOW + timedelta(minutes=number // 2))
    pages = [page(clerk, kind=kind)]
    while found := re.search(r'href="\?([^"]*after=[^"]*)"', pages[-1]):
        pages.append(page(clerk, **dict(parse_qsl(unescape(found[1])))))
    names = [re.findall(r">(\d\.usg)<", text) for text in pages]
    assert names == [["4.usg", "3.usg"], ["2.usg", "1.usg"], ["0.usg"]]
    assert "Newest" not in pages[0]
    assert "Newest" in pages[2]


@pytest.mark.parametrize("after", ["x", "0", "9" * 30, "\0", "٣"])
def test_a_page_that_there_is_not_is_the_first(
    alice: Company, clerk: Client, after: str
) -> None:
    put(alice, "day.usg", b"rubbish")
    run_inbox_task()
    assert "day.usg" in page(clerk, after=after)


@pytest.mark.parametrize(
    ("kind", "index"),
    [
        ("", "objects_newest_first"),
        ("held", "objects_held"),
        ("rejected", "objects_rejected"),
        ("set-aside", "objects_set_aside"),
    ],
)
def test_it_reads_no_more_than_it_shows_and_counts_what_is_open(
    clerk: Client, kind: str, index: str
) -> None:
    forget_statistics()
    with CaptureQueriesContext(connection) as asked:
        page(clerk, kind=kind)
    named = 'FROM "usage_inboxobject"'
    queries = [one["sql"] for one in asked if named in one["sql"]]
    plans = [plan_of(sql) for sql in queries]
    counting = [plan for plan in plans if "Aggregate" in plan]
    (showing,) = (plan for plan in plans if plan not in counting)
    assert f"on {index}" in showing or f"using {index}" in showing
    assert "Sort" not in showing
    # What is held can be found from either side: from the objects, or from the files
    # that wait for a decision.
    partial = (
        ("inboxobject_waiting",),
        ("objects_held", "files_to_decide"),
        ("objects_set_aside",),
    )
    for names, plan in zip(partial, counting, strict=True):
        assert any(name in plan for name in names), plan


def forget_statistics() -> None:
    """Let the planner know nothing of tables that other tests have filled and left."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("truncate usage_usagefile, usage_inboxobject cascade")


def plan_of(sql: str) -> str:
    """How PostgreSQL would do it if the tables were large."""
    with unit_of_work.acting_for(unit_of_work.STAFF), connection.cursor() as cursor:
        for way in ("seqscan", "sort"):
            cursor.execute(f"set local enable_{way} = off")
        cursor.execute(f"explain {sql}")
        return "\n".join(line for (line,) in cursor.fetchall())


def test_it_costs_the_same_for_one_object_and_for_many(
    alice: Company, charlie: Company, clerk: Client
) -> None:
    put(alice, "0.usg", b"rubbish")
    run_inbox_task()
    few = queries_of(clerk)
    for number in range(1, 9):
        put(alice, f"{number}.usg", b"rubbish %d" % number)
        put(charlie, f"{number}.txt", b"x")
        put(charlie, f"{number}.usg", charlie.writer(f"IC{number}").day(DAY))
    run_inbox_task(NOW + timedelta(minutes=1))
    assert len(objects(charlie)) == 8
    assert queries_of(clerk) == few


def queries_of(client: Client) -> int:
    with CaptureQueriesContext(connection) as asked:
        page(client)
    return len(asked)
