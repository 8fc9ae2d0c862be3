"""Faults around an inbox: nothing is lost, and nothing received twice."""

import hashlib
import socket
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from django.conf import settings as configured

from portal.db import unit_of_work
from portal.health import failpoints
from portal.jobs import queue as job_queue
from portal.jobs.queue import JobState
from portal.models import AuditEntry
from tests.builders import NOW, Company
from tests.usage.cutting_s3_proxy import cutting_proxy
from tests.usage.inbox.s3_inboxes import (
    bucket_bytes,
    keys,
    listing,
    objects,
    open_inboxes,
    put,
    run_inbox_task,
    verdict_file,
)
from usage import tasks
from usage.inbox import fetch as inbox_fetch
from usage.inbox import listing as inbox_listing
from usage.inbox import s3 as inbox_s3
from usage.inbox import verdict_files
from usage.models import FileState, InboxNotice, InboxObject, InboxVerdict, UsageFile
from usage.storage import s3_client
from usage.storage.s3_client import BucketError
from usage.uploads import judge, judge_pending, receive

DAY = date(2026, 5, 7)


@pytest.fixture(autouse=True)
def _inbox(db: None, settings: Any) -> Iterator[None]:
    open_inboxes(settings)
    yield
    s3_client.client.cache_clear()


def test_an_object_that_is_gone_when_it_is_fetched_is_done(alice: Company) -> None:
    key = put(alice, "day.usg", alice.server.day(DAY))
    inbox_listing.list_waiting(now=lambda: NOW, until=NOW + timedelta(seconds=1))
    s3_client.client().delete_object(Bucket=configured.INBOX_BUCKET, Key=key)
    run_inbox_task()
    (row,) = objects(alice)
    assert (row.state, row.verdict, row.file) == (
        JobState.DONE,
        InboxVerdict.GONE,
        None,
    )
    assert keys(alice) == []


def test_an_object_that_is_replaced_before_it_is_fetched_is_the_other_one(
    alice: Company,
) -> None:
    first, second = alice.server.days(DAY, DAY + timedelta(days=1))
    key = put(alice, "day.usg", first)
    inbox_listing.list_waiting(now=lambda: NOW, until=NOW + timedelta(seconds=1))
    put(alice, "day.usg", second)
    run_inbox_task(NOW + timedelta(minutes=1))
    assert sorted(row.verdict for row in objects(alice)) == ["accepted", "gone"]
    (file,) = alice.files()
    assert bytes(file.sha256) == hashlib.sha256(second).digest()
    assert verdict_file(key)["object"]["etag"] != ""


def test_an_object_that_is_replaced_before_it_is_moved_stays(
    alice: Company, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.INBOX_AFTER = verdict_files.MOVE
    first, second = alice.server.days(DAY, DAY + timedelta(days=1))
    put(alice, "day.usg", first)
    take_in = judge.receive_and_judge

    def take_in_slowly(*args: Any, **kwargs: Any) -> Any:
        taken = take_in(*args, **kwargs)
        put(alice, "day.usg", second)
        return taken

    with monkeypatch.context() as patch:
        patch.setattr(judge, "receive_and_judge", take_in_slowly)
        run_inbox_task()
    assert keys(alice) == ["day.usg"]
    assert bucket_bytes(alice, "day.usg") == second
    run_inbox_task(NOW + timedelta(minutes=1))
    assert keys(alice) == ["accepted/day.usg"]
    assert [file.state for file in alice.files()] == ["accepted", "accepted"]


@pytest.mark.parametrize(
    ("broken", "ends"),
    [
        ({"endpoint_url": "http://127.0.0.1:9"}, True),
        ({"secret_access_key": "wrong"}, False),
    ],
)
def test_a_store_that_cannot_be_asked_is_asked_again(
    alice: Company, settings: Any, broken: dict[str, str], *, ends: bool
) -> None:
    put(alice, "day.usg", alice.server.day(DAY))
    works = settings.S3
    settings.S3 = {**works, **broken}
    s3_client.client.cache_clear()
    # Where nobody answers, the run ends; an answer leaves the others their turn.
    assert run_inbox_task() is not ends
    row = listing(alice)
    assert row.problem
    assert row.due_at > NOW
    settings.S3 = works
    s3_client.client.cache_clear()
    assert run_inbox_task(row.due_at)
    assert listing(alice).problem == ""
    assert objects(alice)[0].verdict == InboxVerdict.ACCEPTED


def test_a_bucket_that_is_not_there_is_told(alice: Company, settings: Any) -> None:
    settings.INBOX_BUCKET = "no-such-bucket-of-ours"
    assert run_inbox_task()
    assert listing(alice).problem == "NoSuchBucket"


def test_an_object_whose_bytes_are_cut_is_fetched_again(
    alice: Company, settings: Any
) -> None:
    # A day with many logins, so that a cut leaves half of it.
    key = put(alice, "day.usg", big := alice.server.day(DAY) * 40)
    inbox_listing.list_waiting(now=lambda: NOW, until=NOW + timedelta(seconds=1))
    works = settings.S3
    with cutting_proxy(works["endpoint_url"], after=len(big) // 2) as address:
        settings.S3 = {**works, "endpoint_url": address}
        s3_client.client.cache_clear()
        inbox_fetch.fetch_waiting(now=lambda: NOW, until=NOW + timedelta(seconds=1))
    (row,) = objects(alice)
    assert (row.state, row.faults) == (JobState.WAITING, 0)
    assert row.problem in {"ResponseStreamingError", "IncompleteReadError"}
    assert alice.files() == []
    settings.S3 = works
    s3_client.client.cache_clear()
    run_inbox_task(row.due_at)
    assert objects(alice)[0].verdict == InboxVerdict.REJECTED
    assert verdict_file(key)["file"]["sha256"] == hashlib.sha256(big).hexdigest()


def test_bytes_that_end_too_early_without_a_word_are_fetched_again(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = alice.server.day(DAY)
    put(alice, "day.usg", data)
    with monkeypatch.context() as patch:
        patch.setattr(inbox_s3, "fetch_chunks", lambda *_, **__: iter([data[:-100]]))
        run_inbox_task()
    (row,) = objects(alice)
    assert (row.state, row.problem, row.faults) == (JobState.WAITING, "body-cut", 0)
    assert alice.files() == []


def test_a_store_that_never_answers_ends_the_run_after_one_object(
    alice: Company, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        put(alice, f"{number}.usg", b"rubbish %d" % number)
    until = NOW + timedelta(seconds=1)
    inbox_listing.list_waiting(now=lambda: NOW, until=until)
    monkeypatch.setattr(s3_client, "_READ_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        settings.S3 = {**settings.S3, "endpoint_url": address}
        s3_client.client.cache_clear()
        assert not inbox_fetch.fetch_waiting(now=lambda: NOW, until=until)
        later = NOW + timedelta(minutes=1)
        assert not inbox_listing.list_waiting(
            now=lambda: later, until=later + timedelta(seconds=1)
        )
    assert [row.attempts for row in objects(alice)] == [1, 0, 0]
    assert [row.problem for row in objects(alice)] == ["ReadTimeoutError", "", ""]
    assert listing(alice).problem == "ReadTimeoutError"


def test_waiting_for_a_store_fits_into_the_limits() -> None:
    # Asked at most seven times for one object: fetched, looked for under its new
    # name and its old one, copied, looked at twice, removed; and once for a page.
    tries = s3_client._ATTEMPTS * (s3_client._CONNECT_TIMEOUT + s3_client._READ_TIMEOUT)
    assert 7 * tries < inbox_fetch._LEASE.total_seconds() <= tasks._SECONDS
    assert tries < inbox_listing._LEASE.total_seconds()
    longest = tasks._INBOX_FOR.total_seconds() + 7 * tries
    assert longest < tasks._SECONDS


def test_a_store_that_fails_while_it_is_told_the_verdict_loses_nothing(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = put(alice, "day.usg", alice.server.day(DAY))

    def refuse(*_: object, **__: object) -> None:
        raise BucketError("AccessDenied", has_answered=True)

    with monkeypatch.context() as patch:
        patch.setattr(inbox_s3, "put_note", refuse)
        for number in range(5):
            run_inbox_task(NOW + timedelta(hours=number))
    (row,) = objects(alice)
    assert (row.state, row.problem, row.faults) == (JobState.WAITING, "AccessDenied", 0)
    assert [file.state for file in alice.files()] == ["accepted"]
    # Only the verdict is left to do: the bytes are not asked for again.
    monkeypatch.setattr(judge, "receive_and_judge", lambda *_, **__: 1 / 0)
    run_inbox_task(NOW + timedelta(hours=9))
    assert verdict_file(key)["verdict"] == "accepted"


def test_one_bad_object_waits_for_a_person_and_stops_no_other(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(alice, "bad.usg", b"bad")
    put(alice, "good.usg", alice.server.day(DAY))
    take_in = judge.receive_and_judge

    def fail(arrival: receive.IncomingFile, *args: Any, **kwargs: Any) -> Any:
        if arrival.name == "bad.usg":
            raise RecursionError
        return take_in(arrival, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(judge, "receive_and_judge", fail)
        for number in range(job_queue.MOST_FAULTS):
            run_inbox_task(NOW + timedelta(hours=number))
    bad, good = objects(alice)
    assert (bad.state, bad.problem) == (JobState.FAILED, inbox_fetch.TAKING_FAILED)
    assert good.verdict == InboxVerdict.ACCEPTED
    with unit_of_work.acting_for(alice.id):
        assert job_queue.retry(InboxObject, bad.pk, at=NOW)
    run_inbox_task(NOW + timedelta(days=1))
    assert objects(alice)[0].verdict == InboxVerdict.REJECTED


def test_an_object_whose_worker_never_comes_back_waits_for_a_person(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(alice, "bad.usg", b"bad")
    monkeypatch.setattr(
        inbox_fetch, "_verdict", lambda *_, **__: (_ for _ in ()).throw(SystemExit)
    )
    for number in range(job_queue.MOST_FAULTS):
        with pytest.raises(SystemExit):
            run_inbox_task(NOW + timedelta(hours=number))
    run_inbox_task(NOW + timedelta(hours=9))
    assert objects(alice)[0].state == JobState.FAILED


def test_a_file_that_could_not_be_judged_yet_gets_its_verdict_later(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = put(alice, "day.usg", alice.server.day(DAY))
    with monkeypatch.context() as patch:
        patch.setattr(judge, "judge", lambda *_, **__: 1 / 0)
        run_inbox_task()
    (row,) = objects(alice)
    assert (row.state, row.problem, row.verdict) == (JobState.WAITING, "received", "")
    assert keys(alice) == ["day.usg"]
    assert row.file is not None
    judge.judge_file(alice.id, row.file.pk, at=NOW)
    # What accepts it makes it due.
    assert run_inbox_task(NOW + timedelta(minutes=1))
    assert verdict_file(key)["verdict"] == "accepted"


class Killed(BaseException):
    """As a process that is gone in this moment."""


PLACES = ("claimed", "fetched", "received", "told", "committed", "listed")


@pytest.mark.parametrize("way", verdict_files.WAYS)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("is_good", [True, False])
def test_a_crash_anywhere_takes_nothing_twice(
    alice: Company,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
    place: str,
    *,
    is_good: bool,
) -> None:
    settings.INBOX_AFTER = way
    data = alice.server.day(DAY) if is_good else b"rubbish"
    put(alice, "day.usg", data)

    def reach(name: str) -> None:
        if name == f"inbox:{place}":
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(failpoints, "reach", reach)
        with pytest.raises(Killed):
            run_inbox_task()
    # Once the lease is over, and all that a sweep may have done meanwhile is done.
    for minute in (6, 20):
        judge_pending.judge_pending(at=NOW + timedelta(minutes=minute))
        run_inbox_task(NOW + timedelta(minutes=minute))
    verdict = "accepted" if is_good else "rejected"
    (row,) = objects(alice)
    assert (row.state, row.verdict, row.is_new) == (JobState.DONE, verdict, True)
    (file,) = alice.files()
    assert (file.state, row.file_id) == (verdict, file.pk)
    with unit_of_work.acting_for(alice.id, reading=True):
        assert AuditEntry.objects.filter(act=f"file-{verdict}").count() == 1
        assert InboxNotice.objects.count() == (0 if is_good else 1)
    left = {
        "leave": ["day.usg"],
        "verdict": ["day.usg", "day.usg.verdict.json"],
        "move": [f"{verdict}/day.usg"],
    }
    assert keys(alice) == left[way]


def test_rejected_files_whose_rows_went_are_not_fetched_again(alice: Company) -> None:
    put(alice, "bad.usg", b"rubbish")
    run_inbox_task()
    with unit_of_work.acting_for(alice.id):
        UsageFile.objects.filter(state=FileState.REJECTED).delete()
    run_inbox_task(NOW + timedelta(minutes=1))
    (row,) = objects(alice)
    assert (row.state, row.verdict, row.file) == (
        JobState.DONE,
        InboxVerdict.REJECTED,
        None,
    )
    assert alice.files() == []


def test_no_inbox_is_looked_at_where_forwarded_files_would_lie_in_it(
    alice: Company, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.INBOX_PREFIX = f"{alice.number}/"
    put(alice, "day.usg", alice.server.day(DAY))
    run_inbox_task()
    assert "No inbox is looked at" in caplog.text
    assert objects(alice) == []
