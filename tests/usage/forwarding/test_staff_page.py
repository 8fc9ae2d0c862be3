"""The page *Forwarding*: waiting files, their reasons as text, and retries."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.errors import Refused
from portal.jobs import queue as job_queue
from portal.jobs.queue import JobState
from portal.models import AuditEntry, StaffRole
from portal.templatetags.shown import shown_size
from portal.tenants import create
from tests.builders import NOW, PASSWORD, Company
from usage.forwarding import forward, probe, retry
from usage.forwarding import queries as forwarding_queries
from usage.forwarding import queue as forward_queue
from usage.forwarding import staff_presenters as forwarding_staff_presenters
from usage.forwarding import staff_views as forwarding_staff_views
from usage.maintenance import orphans, reconcile
from usage.models import Forwarding, Settling
from usage.storage import archive as storage_archive
from usage.storage import s3_client
from usage.storage.content import content_of
from usage.uploads import judge_pending

DAY = date(2026, 5, 7)
PAGE = "/staff/forwarding"


def signed_in(role: str) -> Client:
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
    return signed_in(StaffRole.CLERK)


@pytest.fixture(autouse=True)
def _bucket(db: None, settings: Any, tmp_path: Path) -> Iterator[None]:
    settings.S3 = {**settings.S3, "prefix": f"{tmp_path.name}/"}
    storage_archive.prepare()
    yield
    s3_client.client.cache_clear()


def shown(client: Client, address: str = PAGE) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    text: str = answer.content.decode()
    return re.sub(r"\s+", " ", text[text.index("<main") :])


def rows(company: Company, model: Any = Forwarding) -> list[Any]:
    with unit_of_work.acting_for(company.id, reading=True):
        return list(model.objects.select_related("file").order_by("pk"))


def send_days(company: Company, number: int) -> None:
    first = DAY + timedelta(days=len(company.files()))
    for data in company.server.days(first, first + timedelta(days=number - 1)):
        company.send(data, name=f"{company.number}-{len(company.files())}.usg")


def fail_jobs(company: Company, model: Any = Forwarding, *, problem: str) -> None:
    with unit_of_work.acting_for(company.id):
        model.objects.update(state=JobState.FAILED, problem=problem, ended_at=NOW)


def postpone(company: Company, *, problem: str) -> None:
    claims = job_queue.claim(Forwarding, most=99, lease_for=timedelta(hours=1), at=NOW)
    with unit_of_work.acting_for(company.id):
        for claim in claims:
            job_queue.postpone(Forwarding, claim, problem=problem, at=NOW)


def acts(company: Company | None, act: str) -> list[AuditEntry]:
    tenant_id = company.id if company else None
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        assert audit_log.first_break(tenant_id=tenant_id) is None
        return list(AuditEntry.objects.filter(act=act, tenant=tenant_id))


def test_with_nothing_waiting_it_says_so(clerk: Client) -> None:
    page = shown(clerk)
    assert "Nothing waits." in page
    assert page.count("It has not run yet.") == 3
    assert "switched off" not in page


def test_that_forwarding_is_off_is_said_plainly(
    alice: Company, clerk: Client, settings: Any
) -> None:
    settings.FORWARDING = False
    send_days(alice, 1)
    page = shown(clerk)
    assert "Forwarding is switched off" in page
    assert "Files are on their way." in page


def test_reasons_are_told_in_words_with_their_counts(
    alice: Company, clerk: Client
) -> None:
    send_days(alice, 3)
    postpone(alice, problem="ExpiredToken")
    page = shown(clerk)
    assert "Something keeps files waiting." in page
    assert "The credentials for S3 have expired." in page
    assert "S3_ACCESS_KEY_ID" in page
    assert "Try all 3 now" in page
    assert "20 May 2026, 18:00" in page
    assert "UTC" in page


def test_an_unknown_reason_is_shown_as_it_is(alice: Company, clerk: Client) -> None:
    send_days(alice, 1)
    postpone(alice, problem="TeapotError")
    assert "TeapotError" in shown(clerk)


def test_what_waits_for_a_person_is_listed_with_tenant_and_file(
    alice: Company, charlie: Company, clerk: Client
) -> None:
    send_days(alice, 1)
    fail_jobs(alice, problem=forward_queue.FOREIGN_BYTES)
    send_days(charlie, 1)
    fail_jobs(charlie, Settling, problem=judge_pending.READER_FAILED)
    page = shown(clerk)
    assert "2 files wait for a person." in page
    for company in (alice, charlie):
        (file,) = company.files()
        assert f'href="/staff/held/{file.pk}"' in page
        assert f'href="/staff/tenants/{company.number}"' in page
    assert "Other bytes than ours" in page
    assert "The reader does not survive this file." in page
    assert 'Forwarding <span class="count">2</span>' in clerk.get(PAGE).content.decode()


def test_what_was_withdrawn_waits_for_nobody(alice: Company, clerk: Client) -> None:
    send_days(alice, 1)
    fail_jobs(alice, problem=forward_queue.SUPERSEDED)
    assert "Nothing waits." in shown(clerk)
    (row,) = rows(alice)
    answer = clerk.post(f"{PAGE}/retry", {"kind": "forwarding", "row": row.pk})
    assert answer.status_code == 302
    assert rows(alice)[0].state == JobState.FAILED


def test_what_was_confirmed_is_counted_by_the_hour(
    alice: Company, clerk: Client
) -> None:
    send_days(alice, 3)
    ends = [NOW, NOW + timedelta(minutes=50), NOW + timedelta(minutes=100)]
    for at in ends:
        assert forward.forward_waiting(now=partial(ends.__getitem__, ends.index(at)))
    now = ends[-1]
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        done = forwarding_queries.throughput(at=now)
        later = forwarding_queries.throughput(at=NOW + timedelta(days=2))
    shown = sum(shown_size(file.size) for file in alice.files())
    assert [hour.files for hour in done.hours] == [2, 1]
    assert done.busiest == done.hours[0]
    assert (done.files, done.size) == (3, shown)
    assert (later.files, later.busiest) == (0, None)


def test_one_file_is_let_go_on_and_the_trail_says_by_whom(
    alice: Company, clerk: Client
) -> None:
    send_days(alice, 2)
    fail_jobs(alice, problem=forward_queue.FOREIGN_BYTES)
    first, second = rows(alice)
    fields = {"kind": "forwarding", "row": first.pk}
    answer = clerk.post(f"{PAGE}/retry", fields, follow=True)
    assert "It is tried again now." in answer.content.decode()
    assert [row.state for row in rows(alice)] == ["waiting", "set-aside"]
    (entry,) = acts(alice, "work-retried")
    assert (entry.actor, entry.subject) == ("clerk@vendor.example", str(first.file_id))
    assert entry.details["was"] == forward_queue.FOREIGN_BYTES
    again = clerk.post(f"{PAGE}/retry", fields, follow=True)
    assert "no longer set aside" in again.content.decode()
    assert len(acts(alice, "work-retried")) == 1
    assert second.state == JobState.FAILED


def test_all_of_one_reason_go_on_and_no_others(
    alice: Company, charlie: Company, clerk: Client
) -> None:
    for company in (alice, charlie):
        send_days(company, 2)
        fail_jobs(company, problem=forward_queue.FOREIGN_BYTES)
    with unit_of_work.acting_for(charlie.id):
        first = Forwarding.objects.order_by("pk")[0]
        Forwarding.objects.filter(pk=first.pk).update(problem=forward_queue.OBJECT_LOST)
    fields = {
        "kind": "forwarding",
        "code": forward_queue.FOREIGN_BYTES,
        "state": "set-aside",
    }
    answer = clerk.post(f"{PAGE}/retry-all", fields, follow=True)
    assert "3 files are tried again now." in answer.content.decode()
    assert [row.state for row in rows(charlie)] == ["set-aside", "waiting"]
    assert len(acts(alice, "work-retried")) == 2
    assert len(acts(charlie, "work-retried")) == 1
    again = clerk.post(f"{PAGE}/retry-all", fields, follow=True)
    assert "none waits for that" in again.content.decode()


def test_what_waits_for_a_reason_is_tried_at_once(
    alice: Company, clerk: Client
) -> None:
    send_days(alice, 2)
    postpone(alice, problem="AccessDenied")
    claims = job_queue.claim(
        Forwarding, most=1, lease_for=timedelta(hours=1), at=NOW + timedelta(hours=1)
    )
    assert len(claims) == 1
    done = retry.retry_now("forwarding", "AccessDenied", by="clerk", at=NOW)
    assert done == 1
    assert sorted(row.due_at == NOW for row in rows(alice)) == [False, True]
    (entry,) = acts(None, "work-hastened")
    assert entry.details == {"reason": "AccessDenied", "files": 1}
    assert retry.retry_now("forwarding", "AccessDenied", by="clerk", at=NOW) == 0


def test_a_press_takes_only_so_many(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "MOST", 3)
    monkeypatch.setattr(retry, "_AT_ONCE", 2)
    send_days(alice, 4)
    fail_jobs(alice, problem=forward_queue.FOREIGN_BYTES)
    for count in (3, 1):
        reason = forward_queue.FOREIGN_BYTES
        assert retry.retry_all("forwarding", reason, by="me", at=NOW) == count


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"kind": "forwarding", "row": "99999"},
        {"kind": "nothing", "row": "1"},
        {"kind": "forwarding", "row": "9" * 30},
        {"kind": "forwarding", "row": "1\0"},
    ],
)
def test_what_there_is_not_is_not_found(clerk: Client, fields: dict[str, str]) -> None:
    assert clerk.post(f"{PAGE}/retry", fields).status_code == 404


def test_a_kind_of_work_that_there_is_not_is_not_found(clerk: Client) -> None:
    for state in ("waiting", "set-aside"):
        fields = {"kind": "mail", "code": "x\0", "state": state}
        assert clerk.post(f"{PAGE}/retry-all", fields).status_code == 404
    with pytest.raises(Refused):
        retry.retry_now("mail", "x", by="clerk", at=NOW)


def test_an_auditor_sees_all_of_it_and_no_button(alice: Company) -> None:
    send_days(alice, 2)
    fail_jobs(alice, problem=forward_queue.FOREIGN_BYTES)
    auditor = signed_in(StaffRole.AUDITOR)
    page = shown(auditor)
    assert "Other bytes than ours" in page
    assert "<button" not in page
    assert "<form" not in page
    for end in ("retry", "retry-all"):
        assert auditor.post(f"{PAGE}/{end}", {}).status_code == 403
    assert {row.state for row in rows(alice)} == {JobState.FAILED}


def test_the_page_costs_the_same_with_more_of_everything(
    alice: Company, charlie: Company, clerk: Client
) -> None:
    send_days(alice, 1)
    fail_jobs(alice, problem=forward_queue.FOREIGN_BYTES)
    # Of a kind that there is none of, none is read.
    fail_jobs(alice, Settling, problem=judge_pending.READER_FAILED)
    look_after(alice)
    few = queries_of(clerk)
    send_days(charlie, 6)
    fail_jobs(charlie, problem=forward_queue.OBJECT_LOST)
    fail_jobs(charlie, Settling, problem=judge_pending.READER_FAILED)
    look_after(alice)
    assert queries_of(clerk) == few


def queries_of(client: Client) -> int:
    with CaptureQueriesContext(connection) as asked:
        assert client.get(PAGE).status_code == 200
    return len(asked)


def look_after(_: Company) -> None:
    for look in (reconcile.reconcile, orphans.remove_orphans, probe.probe):
        look(now=lambda: NOW)


def test_the_list_has_pages(
    alice: Company, clerk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forwarding_staff_views, "FAILED_A_PAGE", 2)
    send_days(alice, 3)
    fail_jobs(alice, problem=forward_queue.FOREIGN_BYTES)
    first, second = shown(clerk), shown(clerk, f"{PAGE}?page=2")
    names = [file.name for file in alice.files()]
    assert [name in first for name in names] == [True, True, False]
    assert [name in second for name in names] == [False, False, True]


def test_the_last_looks_are_shown_with_what_they_found(
    alice: Company, clerk: Client
) -> None:
    send_days(alice, 2)
    while forward.forward_waiting(now=lambda: NOW):
        pass
    storage_archive.remove(rows(alice)[0].key)
    look_after(alice)
    reconcile.reconcile(now=lambda: NOW + timedelta(days=1))
    page = shown(clerk)
    assert "It was confirmed, and was no longer in S3." in page
    assert f'href="/staff/held/{rows(alice)[0].file_id}"' in page
    assert "Something was found" in page
    assert "The bucket keeps no versions" in page
    assert "It has not run yet." not in page


def test_a_look_that_could_not_be_finished_says_why(
    alice: Company, clerk: Client, settings: Any
) -> None:
    settings.S3 = {**settings.S3, "endpoint_url": "http://127.0.0.1:9"}
    s3_client.client.cache_clear()
    reconcile.reconcile(now=lambda: NOW)
    page = shown(clerk)
    assert "Not finished" in page
    assert "S3 cannot be reached." in page


@pytest.mark.parametrize(
    ("minutes", "shown_age"),
    [(0, "0 minutes"), (1, "1 minute"), (90, "1 hour"), (48 * 60, "2 days")],
)
def test_an_age_is_said_as_people_do(
    alice: Company, minutes: int, shown_age: str
) -> None:
    send_days(alice, 1)
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        found = [forwarding_queries.queue_state("forwarding")]
    assert (
        forwarding_staff_presenters.age(found, at=NOW + timedelta(minutes=minutes))
        == shown_age
    )
    assert forwarding_staff_presenters.age([], at=NOW) == ""


def test_foreign_bytes_that_were_moved_away_let_the_file_go(
    alice: Company, clerk: Client
) -> None:
    send_days(alice, 1)
    (row,) = rows(alice)
    foreign = b"foreign"
    s3_client.client().put_object(
        Bucket=settings.S3["bucket"], Key=row.key, Body=BytesIO(foreign)
    )
    while forward.forward_waiting(now=lambda: NOW):
        pass
    assert rows(alice)[0].problem == forward_queue.FOREIGN_BYTES
    storage_archive.remove(row.key)
    clerk.post(f"{PAGE}/retry", {"kind": "forwarding", "row": row.pk})
    later = rows(alice)[0].due_at
    while forward.forward_waiting(now=lambda: later):
        pass
    assert rows(alice)[0].state == JobState.DONE
    assert (
        storage_archive.compare(row.key, content_of(row.file))
        == storage_archive.Stored.OURS
    )
