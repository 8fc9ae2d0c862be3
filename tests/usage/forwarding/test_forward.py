"""Accepted files go to S3 once, and are confirmed there; against a real S3 server."""

import hashlib
import socket
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from io import BytesIO
from typing import Any

import pytest
from django.db import connection

from portal.db import unit_of_work
from portal.jobs import queue as job_queue
from portal.jobs.queue import JobState
from tests.builders import NOW, Company
from usage import tasks
from usage.forwarding import forward
from usage.forwarding import queue as forward_queue
from usage.models import Forwarding
from usage.storage import archive, s3_client
from usage.storage.archive import Content, Stored
from usage.storage.s3_client import BucketError

DAY = date(2026, 5, 7)
LEASE = timedelta(minutes=15)


@pytest.fixture(autouse=True)
def _bucket(db: None) -> Iterator[None]:
    archive.prepare()
    yield
    s3_client.client.cache_clear()


def rows(company: Company) -> list[Forwarding]:
    with unit_of_work.acting_for(company.id, reading=True):
        return list(Forwarding.objects.select_related("file").order_by("file__day"))


def content(data: bytes) -> Content:
    return Content(len(data), b64encode(hashlib.sha256(data).digest()).decode())


def test_bytes_arrive_in_s3_and_the_row_says_so(alice: Company) -> None:
    data = alice.server.day(DAY)
    alice.send(data)
    assert forward.forward_waiting(now=lambda: NOW)
    (row,) = rows(alice)
    assert (row.state, row.ended_at, row.attempts) == (JobState.DONE, NOW, 1)
    assert archive.fetch(row.key) == data
    assert not forward.forward_waiting(now=lambda: NOW)


def test_our_own_bytes_under_the_key_are_success(alice: Company) -> None:
    # As after a put whose answer was lost, or a worker that died before marking.
    data = alice.server.day(DAY)
    alice.send(data)
    archive.put(rows(alice)[0].key, BytesIO(data), content(data))
    forward.forward_waiting(now=lambda: NOW)
    assert rows(alice)[0].state == JobState.DONE


def test_foreign_bytes_under_our_key_are_never_overwritten(
    alice: Company, caplog: pytest.LogCaptureFixture
) -> None:
    alice.send(alice.server.day(DAY))
    key = rows(alice)[0].key
    archive.put(key, BytesIO(b"foreign"), content(b"foreign"))
    forward.forward_waiting(now=lambda: NOW)
    (row,) = rows(alice)
    assert (row.state, row.problem) == (JobState.FAILED, forward_queue.FOREIGN_BYTES)
    assert archive.fetch(key) == b"foreign"
    assert "other bytes" in caplog.text


def test_the_store_refuses_bytes_that_are_not_the_announced_ones(db: None) -> None:
    with pytest.raises(BucketError):
        archive.put("wrong", BytesIO(b"abcd"), content(b"abce"))
    assert archive.compare("wrong", content(b"abcd")) == Stored.NOTHING


@pytest.mark.parametrize(
    "broken",
    [
        {"endpoint_url": "http://127.0.0.1:9"},
        {"secret_access_key": "wrong"},
        {"bucket": "no-such-bucket-of-ours"},
    ],
)
def test_a_store_that_cannot_be_used_postpones_and_says_why(
    alice: Company, settings: Any, broken: dict[str, str]
) -> None:
    alice.send(alice.server.day(DAY))
    works = settings.S3
    settings.S3 = {**works, **broken}
    s3_client.client.cache_clear()
    forward.forward_waiting(now=lambda: NOW)
    (row,) = rows(alice)
    assert row.state == JobState.WAITING
    assert row.problem
    assert row.due_at > NOW
    assert row.lease is None
    settings.S3 = works
    s3_client.client.cache_clear()
    assert not forward.forward_waiting(now=lambda: NOW)
    forward.forward_waiting(now=lambda: row.due_at)
    assert rows(alice)[0].state == JobState.DONE


def test_one_file_that_fails_does_not_hold_up_the_others(
    alice: Company, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for data in alice.server.days(DAY, DAY + timedelta(days=2)):
        alice.send(data)
    bad = rows(alice)[1].key
    real = archive.put

    def put(key: str, body: BytesIO, content: Content, **options: Any) -> Stored:
        if key == bad:
            raise MemoryError
        return real(key, body, content, **options)

    monkeypatch.setattr(archive, "put", put)
    while forward.forward_waiting(now=lambda: NOW):
        pass
    assert [row.state for row in rows(alice)] == ["done", "waiting", "done"]
    assert rows(alice)[1].problem == "failed"


def test_bytes_that_are_not_confirmed_are_not_called_done(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice.send(alice.server.day(DAY))
    monkeypatch.setattr(archive, "put", lambda *_, **__: Stored.NOTHING)
    forward.forward_waiting(now=lambda: NOW)
    assert (rows(alice)[0].state, rows(alice)[0].problem) == (
        "waiting",
        "not-confirmed",
    )


def test_many_workers_share_the_rows_without_taking_one_twice(
    alice: Company, charlie: Company
) -> None:
    for company in (alice, charlie):
        for data in company.server.days(DAY, DAY + timedelta(days=5)):
            company.send(data)

    def worker(_: int) -> list[int]:
        try:
            claims = job_queue.claim(Forwarding, most=2, lease_for=LEASE, at=NOW)
            return [claim.pk for claim in claims]
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        taken = [pk for claimed in pool.map(worker, range(8)) for pk in claimed]
    assert len(taken) == len(set(taken))
    left = job_queue.claim(Forwarding, most=99, lease_for=LEASE, at=NOW)
    assert len(taken) + len(left) == 12


def test_a_lease_that_has_ended_is_anybodys_and_no_longer_ones_own(
    alice: Company,
) -> None:
    alice.send(alice.server.day(DAY))
    (dead,) = job_queue.claim(Forwarding, most=1, lease_for=LEASE, at=NOW)
    assert job_queue.claim(Forwarding, most=1, lease_for=LEASE, at=NOW) == []
    (alive,) = job_queue.claim(Forwarding, most=1, lease_for=LEASE, at=NOW + LEASE)
    assert alive.attempts == 2
    with unit_of_work.acting_for(alice.id):
        assert not job_queue.complete(Forwarding, dead, at=NOW)
        assert not job_queue.postpone(Forwarding, dead, problem="x", at=NOW)
        assert job_queue.complete(Forwarding, alive, at=NOW)
        assert not job_queue.complete(Forwarding, alive, at=NOW)


def test_waits_grow_and_stay_bounded(alice: Company) -> None:
    alice.send(alice.server.day(DAY))
    waits, at = [], NOW
    for _ in range(12):
        (claim,) = job_queue.claim(Forwarding, most=1, lease_for=LEASE, at=at)
        with unit_of_work.acting_for(alice.id):
            job_queue.postpone(Forwarding, claim, problem="x", at=at)
        due_at = rows(alice)[0].due_at
        waits.append(due_at - at)
        at = due_at
    assert waits[0] < timedelta(seconds=13)
    assert timedelta(minutes=11) < waits[-1] < timedelta(minutes=19)


def test_a_bucket_is_made_once(settings: Any) -> None:
    settings.S3 = {**settings.S3, "bucket": f"{settings.S3['bucket']}-new"}
    assert isinstance(archive.prepare(), bool)
    assert archive.prepare() is False


def test_what_is_accepted_while_forwarding_is_off_goes_when_it_is_on(
    alice: Company, settings: Any
) -> None:
    settings.FORWARDING = False
    alice.send(alice.server.day(DAY))
    assert not forward.forward_waiting(now=lambda: NOW)
    assert rows(alice)[0].state == JobState.WAITING
    settings.FORWARDING = True
    assert forward.forward_waiting(now=lambda: NOW)
    assert rows(alice)[0].state == JobState.DONE


@pytest.fixture
def silent_store() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_store_that_never_answers_ends_the_run_after_one_file(
    alice: Company, settings: Any, monkeypatch: pytest.MonkeyPatch, silent_store: str
) -> None:
    for data in alice.server.days(DAY, DAY + timedelta(days=2)):
        alice.send(data)
    monkeypatch.setattr(s3_client, "_READ_TIMEOUT", 0.2)
    settings.S3 = {**settings.S3, "endpoint_url": silent_store}
    s3_client.client.cache_clear()
    later = NOW + timedelta(minutes=1)
    clock = iter([NOW, later])
    assert not forward.forward_waiting(now=lambda: next(clock))
    assert [row.attempts for row in rows(alice)] == [1, 0, 0]
    first = rows(alice)[0]
    assert first.problem == "ReadTimeoutError"
    # The wait begins when the store had its chance, not when the file was claimed.
    assert first.due_at > later


def test_a_file_is_confirmed_when_the_store_has_answered(alice: Company) -> None:
    alice.send(alice.server.day(DAY))
    later = NOW + timedelta(seconds=3)
    clock = iter([NOW, later])
    forward.forward_waiting(now=lambda: next(clock))
    assert rows(alice)[0].ended_at == later


def test_waiting_for_a_store_fits_into_the_limits() -> None:
    # Put, asked for and read, each in its tries; and a second for leave to send.
    tries = s3_client._ATTEMPTS * (s3_client._CONNECT_TIMEOUT + s3_client._READ_TIMEOUT)
    a_file = 3 * tries + s3_client._ATTEMPTS
    assert 2 * a_file < forward._LEASE.total_seconds() < tasks._SECONDS
    assert tasks._FORWARD_FOR.total_seconds() + 2 * a_file < tasks._SECONDS
