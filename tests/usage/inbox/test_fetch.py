"""Objects uploaded into an inbox are received once; against a real S3 server."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings as configured

from portal.db import unit_of_work
from portal.jobs import queue as job_queue
from portal.jobs.queue import JobState
from tests.builders import NOW, Company
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
from usage.inbox import fetch as inbox_fetch
from usage.inbox import listing as inbox_listing
from usage.inbox import s3 as inbox_s3
from usage.inbox import verdict_files
from usage.models import How, InboxVerdict, UsageFile
from usage.servers import keys as server_keys
from usage.storage import s3_client
from usage.usg import fingerprint

DAY = date(2026, 5, 7)


@pytest.fixture(autouse=True)
def _inbox(db: None, settings: Any) -> Iterator[None]:
    open_inboxes(settings)
    yield
    s3_client.client.cache_clear()


def test_an_object_is_taken_in_and_its_verdict_lies_beside_it(alice: Company) -> None:
    data = alice.server.day(DAY)
    key = put(alice, "IC01/day.usg", data)
    assert run_inbox_task()
    (row,) = objects(alice)
    assert (row.state, row.verdict, row.is_new) == (
        JobState.DONE,
        InboxVerdict.ACCEPTED,
        True,
    )
    assert (row.faults, row.attempts, row.ended_at) == (0, 1, NOW)
    (file,) = alice.files()
    assert row.file == file
    assert (file.name, file.how, file.sent_by) == (
        "day.usg",
        How.INBOX,
        inbox_fetch.SENT_BY,
    )
    assert bytes(file.sha256) == hashlib.sha256(data).digest()
    verdict = verdict_file(key)
    assert verdict["verdict"] == "accepted"
    assert verdict["file"]["id"] == str(file.pk)
    assert verdict["file"]["sha256"] == hashlib.sha256(data).hexdigest()
    assert verdict["object"]["key"] == key
    assert keys(alice) == ["IC01/day.usg", "IC01/day.usg.verdict.json"]


def test_nothing_is_taken_twice(alice: Company) -> None:
    put(alice, "day.usg", alice.server.day(DAY))
    for number in range(3):
        assert run_inbox_task(NOW + timedelta(minutes=number))
    (row,) = objects(alice)
    assert row.attempts == 1
    assert len(alice.files()) == 1
    assert listing(alice).listed_at == NOW + timedelta(minutes=2)


def test_the_time_of_receipt_is_the_earlier_of_the_objects_date_and_its_sight(
    alice: Company,
) -> None:
    put(alice, "day.usg", alice.server.day(DAY))
    # The store's clock is ahead of ours by months: what we saw counts.
    assert run_inbox_task(NOW)
    (row,) = objects(alice)
    assert row.modified_at > NOW
    assert alice.files()[0].received_at == row.first_seen_at == NOW
    # We come an hour late: what the store says counts.
    put(alice, "next.usg", alice.server.day(DAY + timedelta(days=1)))
    late = datetime.now(UTC) + timedelta(hours=1)
    assert run_inbox_task(late)
    row = objects(alice)[1]
    assert row.first_seen_at == late
    assert alice.files()[1].received_at == row.modified_at < late


def test_the_same_name_with_other_bytes_is_another_object(alice: Company) -> None:
    put(alice, "day.usg", alice.server.day(DAY))
    run_inbox_task()
    key = put(alice, "day.usg", alice.server.day(DAY + timedelta(days=1)))
    run_inbox_task(NOW + timedelta(minutes=1))
    assert [row.verdict for row in objects(alice)] == ["accepted", "accepted"]
    assert len(alice.files()) == 2
    assert verdict_file(key)["file"]["day"] == str(DAY + timedelta(days=1))


def test_bytes_that_came_another_way_are_already_here(alice: Company) -> None:
    data = alice.server.day(DAY)
    file, _ = alice.send(data)
    key = put(alice, "day.usg", data)
    run_inbox_task()
    (row,) = objects(alice)
    assert (row.verdict, row.is_new, row.file_id) == ("accepted", False, file.pk)
    assert verdict_file(key)["verdict"] == "already here"


def test_each_tenant_has_its_own_inbox(alice: Company, charlie: Company) -> None:
    put(alice, "day.usg", alice.server.day(DAY))
    put(charlie, "day.usg", charlie.server.day(DAY))
    # What lies above all of them is nobody's.
    inbox_s3.put_note(
        configured.INBOX_BUCKET,
        f"{configured.INBOX_PREFIX}stray.usg",
        alice.server.day(DAY + timedelta(days=1)),
        content_type="application/octet-stream",
    )
    run_inbox_task()
    for company in (alice, charlie):
        assert [row.verdict for row in objects(company)] == ["accepted"]
        assert len(company.files()) == 1


def test_a_file_of_another_tenant_is_rejected(alice: Company, charlie: Company) -> None:
    key = put(charlie, "day.usg", alice.server.day(DAY))
    run_inbox_task()
    assert objects(charlie)[0].verdict == InboxVerdict.REJECTED
    verdict = verdict_file(key)
    assert verdict["verdict"] == "rejected"
    assert verdict["file"]["problems"][0]["code"] == "tenant-other"


def test_what_is_no_usage_file_by_its_name_is_left_and_counted(alice: Company) -> None:
    for name in ("readme.txt", "sub/log.zip", "DAY.USG", "folder/", "x.usg.part"):
        put(alice, name, b"rubbish")
    run_inbox_task()
    assert [row.key.rpartition("/")[2] for row in objects(alice)] == ["DAY.USG"]
    assert listing(alice).ignored == 3
    # Verdicts of ours are none of them.
    run_inbox_task(NOW + timedelta(minutes=1))
    assert listing(alice).ignored == 3


def test_a_large_inbox_is_listed_page_by_page_and_taken_in_turn(
    alice: Company, charlie: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox_listing, "_PAGE", 3)
    for number in range(10):
        put(alice, f"{number:02}.usg", b"rubbish %d" % number)
    put(charlie, "day.usg", charlie.server.day(DAY))
    clock = iter([NOW] * 5 + [NOW + timedelta(minutes=1)] * 50)
    # The first run ends after a page or two; the next goes on from there.
    inbox_listing.list_waiting(
        now=lambda: next(clock), until=NOW + timedelta(seconds=1)
    )
    assert 0 < len(objects(alice)) < 10
    assert listing(alice).listed_at is None
    at = NOW + timedelta(minutes=1)
    inbox_listing.list_waiting(now=lambda: at, until=at + timedelta(seconds=1))
    assert len(objects(alice)) == 10
    assert listing(alice).listed_at in (NOW, at)
    # Two rounds, and Charlie's only object is among the first four.
    seen: list[int] = []
    claim = job_queue.claim

    def claim_and_see(*args: Any, **kwargs: Any) -> Any:
        claims = claim(*args, **kwargs)
        seen.extend(one.tenant_id for one in claims)
        return claims

    monkeypatch.setattr(job_queue, "claim", claim_and_see)
    inbox_fetch.fetch_waiting(now=lambda: at, until=at + timedelta(seconds=1))
    assert charlie.id in seen[:2]
    assert len(seen) == 11
    assert {row.state for row in objects(alice)} == {JobState.DONE}


def test_objects_can_be_moved_by_their_verdict(alice: Company, settings: Any) -> None:
    settings.INBOX_AFTER = verdict_files.MOVE
    good = alice.server.day(DAY)
    put(alice, "IC01/good.usg", good)
    put(alice, "IC01/bad.usg", b"rubbish")
    stranger = alice.writer("IC77")
    put(alice, "strange.usg", stranger.day(DAY))
    run_inbox_task()
    assert keys(alice) == [
        "accepted/IC01/good.usg",
        "held/strange.usg",
        "rejected/IC01/bad.usg",
    ]
    # None of them is taken as something new.
    run_inbox_task(NOW + timedelta(minutes=1))
    assert len(objects(alice)) == 3
    assert listing(alice).ignored == 0
    assert bucket_bytes(alice, "accepted/IC01/good.usg") == good


def test_what_was_moved_before_is_never_overwritten(
    alice: Company, settings: Any
) -> None:
    settings.INBOX_AFTER = verdict_files.MOVE
    first, second = alice.server.days(DAY, DAY + timedelta(days=1))
    put(alice, "day.usg", first)
    run_inbox_task()
    put(alice, "day.usg", second)
    run_inbox_task(NOW + timedelta(minutes=1))
    one, other = keys(alice)
    assert {bucket_bytes(alice, one), bucket_bytes(alice, other)} == {first, second}
    assert one.startswith("accepted/day-")
    assert other == "accepted/day.usg"


def test_objects_can_be_left_alone(alice: Company, settings: Any) -> None:
    settings.INBOX_AFTER = verdict_files.LEAVE
    put(alice, "day.usg", alice.server.day(DAY))
    run_inbox_task()
    assert keys(alice) == ["day.usg"]
    assert objects(alice)[0].verdict == InboxVerdict.ACCEPTED


@pytest.mark.parametrize("way", [verdict_files.NOTE, verdict_files.MOVE])
def test_a_key_that_is_confirmed_changes_what_the_inbox_says(
    alice: Company, settings: Any, way: str
) -> None:
    settings.INBOX_AFTER = way
    stranger = alice.writer("IC77")
    key = put(alice, "strange.usg", stranger.day(DAY))
    run_inbox_task()
    (row,) = objects(alice)
    assert (row.state, row.verdict) == (JobState.DONE, InboxVerdict.HELD)
    server_keys.confirm_key(
        alice.id,
        server="IC77",
        key=fingerprint(stranger.pair.public),
        by="admin",
        at=NOW,
    )
    assert objects(alice)[0].state == JobState.WAITING
    run_inbox_task(NOW + timedelta(minutes=1))
    (row,) = objects(alice)
    assert (row.state, row.verdict) == (JobState.DONE, InboxVerdict.ACCEPTED)
    if way == verdict_files.NOTE:
        assert verdict_file(key)["verdict"] == "accepted"
    else:
        assert keys(alice) == ["accepted/strange.usg"]
    with unit_of_work.acting_for(alice.id, reading=True):
        assert UsageFile.objects.count() == 1


def test_what_is_too_large_is_not_even_fetched(
    alice: Company, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MAX_FILE_BYTES = 10
    monkeypatch.setattr(inbox_s3, "fetch_chunks", lambda *_, **__: 1 / 0)
    key = put(alice, "day.usg", b"more than ten bytes")
    run_inbox_task()
    monkeypatch.undo()
    (row,) = objects(alice)
    assert (row.state, row.verdict) == (JobState.DONE, InboxVerdict.TOO_LARGE)
    assert verdict_file(key)["problem"]["code"] == "file-too-large"
    assert alice.files() == []
