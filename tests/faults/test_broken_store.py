"""S3 fails in every way that it can: each file is stored once in the end, and whole.

The real S3 server, with a faulty proxy in front of it.
"""

import hashlib
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from io import BytesIO
from typing import Any

import boto3
import pytest
from botocore.retries.standard import ExponentialBackoff
from django.conf import settings as django_settings

from portal.db import unit_of_work
from portal.jobs import queue as job_queue
from portal.jobs.queue import JobState
from tests.builders import NOW, Company
from tests.faults import faulty_s3
from tests.faults.faulty_s3 import Behaviour, FaultyS3, run_faulty_s3
from usage.forwarding import forward as forwarding_forward
from usage.forwarding import queue as forward_queue
from usage.models import Forwarding
from usage.storage import archive, s3_client

pytestmark = pytest.mark.faults

DAY = date(2026, 5, 7)

# Seconds that a put or a question may take here.
TIMEOUT = 0.3

REFUSALS = {
    "wrong credentials": (403, "InvalidAccessKeyId"),
    "no right": (403, "AccessDenied"),
    "wrong clock": (403, "RequestTimeTooSkewed"),
    "expired credentials": (400, "ExpiredToken"),
    "another put at once": (409, "ConditionalRequestConflict"),
    "another operation": (409, "OperationAborted"),
    "broken": (500, "InternalError"),
    "away": (503, "ServiceUnavailable"),
    "too much": (503, "SlowDown"),
}

# What S3 may do to an answer so that nobody knows what it said.
SILENCES = {
    "hung": faulty_s3.hung(3 * TIMEOUT),
    "cut": faulty_s3.cut(at=8),
    "lost": faulty_s3.lost,
    "dropped": faulty_s3.dropped,
}


@pytest.fixture
def proxy(
    alice: Company, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FaultyS3]:
    """Have the portal speak to the bucket through the proxy, with little patience."""
    monkeypatch.setattr(s3_client, "_READ_TIMEOUT", TIMEOUT)
    # boto3 waits up to a second before it tries again; nothing here is about that.
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda *_: 0.01)
    archive.prepare()
    _empty(settings.S3)
    with run_faulty_s3(settings.S3["endpoint_url"]) as running:
        settings.S3 = {**settings.S3, "endpoint_url": running.address}
        s3_client.client.cache_clear()
        yield running
    s3_client.client.cache_clear()


def _empty(s3: dict[str, str]) -> None:
    store = _real_store(s3)
    for found in store.list_objects_v2(Bucket=s3["bucket"]).get("Contents", ()):
        store.delete_object(Bucket=s3["bucket"], Key=found["Key"])


def _real_store(s3: dict[str, str]) -> Any:
    return boto3.client(
        "s3",
        region_name=s3["region"],
        endpoint_url=s3["endpoint_url"],
        aws_access_key_id=s3["access_key_id"],
        aws_secret_access_key=s3["secret_access_key"],
    )


@pytest.fixture
def sent(alice: Company, proxy: FaultyS3) -> bytes:
    """An accepted file that waits to be forwarded."""
    data = alice.server.day(DAY)
    alice.send(data)
    return data


def row_of(company: Company) -> Forwarding:
    with unit_of_work.acting_for(company.id, reading=True):
        return Forwarding.objects.get()


def objects() -> dict[str, bytes]:
    """Everything in the bucket, asked of the server itself."""
    client, name = s3_client.client(), django_settings.S3["bucket"]
    found = client.list_objects_v2(Bucket=name).get("Contents", ())
    return {one["Key"]: archive.fetch(one["Key"]) for one in found}


def forward(*, at: datetime = NOW) -> None:
    forwarding_forward.forward_waiting(now=lambda: at)


def assert_done_once(company: Company, proxy: FaultyS3, data: bytes) -> None:
    row = row_of(company)
    assert (row.state, row.problem) == (JobState.DONE, "")
    proxy.script.clear()
    assert objects() == {row.key: data}


def test_an_honest_proxy_changes_nothing(
    alice: Company, proxy: FaultyS3, sent: bytes
) -> None:
    forward()
    assert proxy.seen.count("PUT") == 1
    assert_done_once(alice, proxy, sent)


def test_a_lost_answer_is_found_to_be_our_own_bytes(
    alice: Company, proxy: FaultyS3, sent: bytes
) -> None:
    proxy.script["PUT"] = [faulty_s3.lost, faulty_s3.passed]
    forward()
    # boto3 has put it again, was told 412, and the question has decided.
    assert proxy.seen == ["PUT", "PUT", "HEAD"]
    assert_done_once(alice, proxy, sent)


@pytest.mark.parametrize("behaviour", SILENCES.values(), ids=SILENCES)
@pytest.mark.parametrize("method", ["PUT", "HEAD"])
def test_a_store_that_gives_no_answer_is_asked_again_later(
    alice: Company, proxy: FaultyS3, sent: bytes, method: str, behaviour: Behaviour
) -> None:
    proxy.script[method] = [behaviour]
    forward()
    row = row_of(alice)
    assert row.state == JobState.WAITING
    assert row.problem
    assert row.due_at > NOW
    proxy.script.clear()
    forward(at=row.due_at)
    assert_done_once(alice, proxy, sent)


@pytest.mark.parametrize(("status", "code"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_is_kept_as_the_reason_and_tried_again(
    alice: Company, proxy: FaultyS3, sent: bytes, status: int, code: str
) -> None:
    proxy.script["PUT"] = [faulty_s3.refused(status, code)]
    assert_tried_again(alice, proxy, sent, problem=code)


@pytest.mark.parametrize("status", [403, 503])
def test_a_refused_question_confirms_nothing_and_is_asked_again(
    alice: Company, proxy: FaultyS3, sent: bytes, status: int
) -> None:
    # An answer to HEAD has no body, and so no code.
    proxy.script["HEAD"] = [faulty_s3.refused(status, "")]
    assert_tried_again(alice, proxy, sent, problem=str(status))


def assert_tried_again(
    company: Company, proxy: FaultyS3, data: bytes, *, problem: str
) -> None:
    forward()
    row = row_of(company)
    assert (row.state, row.problem, row.lease) == (JobState.WAITING, problem, None)
    proxy.script.clear()
    forward(at=row.due_at)
    assert_done_once(company, proxy, data)


@pytest.mark.parametrize("method", ["PUT", "HEAD"])
@pytest.mark.parametrize("at", [60, 100, 150, 250])
def test_half_an_answer_neither_confirms_nor_accuses(
    alice: Company, proxy: FaultyS3, sent: bytes, method: str, at: int
) -> None:
    # It says 200 and looks whole: what is missing are headers at its end. The bytes
    # themselves decide then.
    proxy.script[method] = [faulty_s3.cut(at=at)]
    forward()
    row = row_of(alice)
    if row.state != JobState.DONE:
        assert (row.state, row.faults) == (JobState.WAITING, 0)
        proxy.script.clear()
        forward(at=row.due_at)
    assert_done_once(alice, proxy, sent)


@pytest.mark.parametrize("at", [60, 150, 700])
def test_half_of_everything_accuses_nobody(
    alice: Company, proxy: FaultyS3, sent: bytes, at: int
) -> None:
    proxy.script = {"HEAD": [faulty_s3.cut(at=150)], "GET": [faulty_s3.cut(at=at)]}
    forward()
    row = row_of(alice)
    assert (row.state, row.faults) == (JobState.WAITING, 0)
    assert row.problem
    proxy.script.clear()
    forward(at=row.due_at)
    assert_done_once(alice, proxy, sent)


def test_a_fault_of_the_store_is_never_a_fault_of_the_file(
    alice: Company, proxy: FaultyS3, sent: bytes
) -> None:
    proxy.script["PUT"] = [faulty_s3.refused(503, "SlowDown")]
    at = NOW
    for _ in range(3 * job_queue.MOST_FAULTS):
        forward(at=at)
        at = row_of(alice).due_at
    assert row_of(alice).faults == 0
    proxy.script.clear()
    forward(at=at)
    assert_done_once(alice, proxy, sent)


@pytest.mark.parametrize(
    "behaviour", [faulty_s3.passed, faulty_s3.lost, faulty_s3.cut(at=8)]
)
def test_foreign_bytes_are_never_replaced_whatever_becomes_of_the_answers(
    alice: Company, proxy: FaultyS3, sent: bytes, behaviour: Behaviour
) -> None:
    key = row_of(alice).key
    foreign = b"not ours"
    digest = b64encode(hashlib.sha256(foreign).digest()).decode()
    archive.put(key, BytesIO(foreign), archive.Content(len(foreign), digest))
    proxy.script["PUT"] = [behaviour, faulty_s3.passed]
    forward()
    row = row_of(alice)
    assert (row.state, row.problem) == (JobState.FAILED, forward_queue.FOREIGN_BYTES)
    proxy.script.clear()
    assert objects() == {key: foreign}


def test_where_the_checksum_does_not_fit_the_bytes_decide(
    alice: Company, proxy: FaultyS3, sent: bytes
) -> None:
    ours = b64encode(hashlib.sha256(sent).digest())
    other = b64encode(hashlib.sha256(b"other").digest())
    proxy.script["HEAD"] = [faulty_s3.altered(ours, other)]
    forward()
    assert proxy.seen == ["PUT", "HEAD", "GET"]
    assert_done_once(alice, proxy, sent)


def test_bytes_that_came_out_otherwise_wait_for_a_person(
    alice: Company, proxy: FaultyS3, sent: bytes
) -> None:
    ours = b64encode(hashlib.sha256(sent).digest())
    other = b64encode(hashlib.sha256(b"other").digest())
    proxy.script["HEAD"] = [faulty_s3.altered(ours, other)]
    proxy.script["GET"] = [faulty_s3.other_bytes]
    forward()
    row = row_of(alice)
    assert (row.state, row.problem) == (JobState.FAILED, forward_queue.FOREIGN_BYTES)
    proxy.script.clear()
    with unit_of_work.acting_for(alice.id):
        job_queue.retry(Forwarding, row.pk, at=NOW)
    forward()
    assert_done_once(alice, proxy, sent)


def test_slow_answers_of_s3_are_awaited(
    alice: Company, proxy: FaultyS3, sent: bytes
) -> None:
    proxy.script["PUT"] = [faulty_s3.slow(TIMEOUT / 3)]
    forward()
    assert_done_once(alice, proxy, sent)


def test_a_store_out_of_reach_is_tried_again(
    alice: Company, proxy: FaultyS3, sent: bytes, settings: Any
) -> None:
    there = settings.S3
    settings.S3 = {**there, "endpoint_url": "http://127.0.0.1:9"}
    s3_client.client.cache_clear()
    forward()
    row = row_of(alice)
    assert (row.state, row.problem) == (JobState.WAITING, "EndpointConnectionError")
    settings.S3 = there
    s3_client.client.cache_clear()
    forward(at=row.due_at)
    assert_done_once(alice, proxy, sent)


def test_many_files_all_arrive_through_a_store_that_fails_at_random(
    alice: Company, proxy: FaultyS3, random_behaviours: Callable[[], list[Behaviour]]
) -> None:
    wanted = alice.server.days(DAY, DAY + timedelta(days=9))
    for data in wanted:
        alice.send(data)
    proxy.script = {"PUT": random_behaviours(), "HEAD": random_behaviours()}
    at = NOW
    for _ in range(60):
        forward(at=at)
        at += timedelta(minutes=5)
    with unit_of_work.acting_for(alice.id, reading=True):
        rows = list(Forwarding.objects.select_related("file").order_by("file__day"))
    assert {row.state for row in rows} == {JobState.DONE}
    proxy.script.clear()
    assert objects() == {row.key: data for row, data in zip(rows, wanted, strict=True)}


@pytest.fixture
def random_behaviours() -> Callable[[], list[Behaviour]]:
    """Some behaviours in random order, and then honesty."""
    import random

    rng = random.Random(1)
    behaviours = [
        faulty_s3.lost,
        faulty_s3.cut(at=8),
        faulty_s3.dropped,
        faulty_s3.passed,
        faulty_s3.refused(503, "SlowDown"),
        faulty_s3.refused(409, "ConditionalRequestConflict"),
    ]

    def drawn() -> list[Behaviour]:
        return [*rng.choices(behaviours, k=12), faulty_s3.passed]

    return drawn
