"""The life of files whose store is on S3: received, judged, forwarded, looked after."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile

from portal.db import unit_of_work
from portal.errors import Unavailable
from portal.health import readiness
from portal.jobs.queue import JobState
from portal.mail import switch as mail_switch
from tests.builders import NOW, Company
from tests.faults import faulty_s3
from tests.faults.faulty_s3 import FaultyS3
from tests.usage.store_on_s3 import stored_on_s3
from usage.forwarding import forward
from usage.maintenance import metrics, orphans, reconcile
from usage.models import FileState, Forwarding, Report
from usage.storage import content, store
from usage.storage.bucket import BucketStore
from usage.storage.spool import stored_name
from usage.uploads import judge_pending

DAY = date(2026, 5, 7)


def forward_all() -> None:
    forward.forward_waiting(now=lambda: NOW)


def codes(report: Report) -> list[str]:
    return [finding["code"] for finding in report.findings]


def at(instant: datetime) -> Callable[[], datetime]:
    return lambda: instant


def test_files_are_judged_forwarded_and_read_from_the_bucket(
    alice: Company, bucket: BucketStore, settings: Any
) -> None:
    data = alice.server.day(DAY)
    accepted, _ = alice.send(data)
    held, _ = alice.send(alice.writer("IC02").day(DAY))
    rejected, _ = alice.send(b"no usage file" * 100)
    assert [file.state for file in (accepted, held, rejected)] == [
        *(FileState.ACCEPTED, FileState.HELD, FileState.REJECTED)
    ]
    # Nobody keeps the bytes of what was rejected; and none are in the folder.
    assert set(stored_on_s3(bucket)) == {accepted.stored_as, held.stored_as}
    assert not list((settings.VAR / "usage").rglob("*.usg"))
    assert not alice.send(data)[1]
    forward_all()
    with unit_of_work.acting_for(alice.id, reading=True):
        assert Forwarding.objects.get().state == JobState.DONE
    with content.opened(accepted, is_checked=True) as found:
        assert bytes(found) == data


def test_the_nightly_comparison_lists_files_and_asks_for_none(
    alice: Company, charlie: Company, proxy: FaultyS3, settings: Any
) -> None:
    settings.FORWARDING = False
    for company in (alice, charlie):
        for data in company.server.days(DAY, DAY + timedelta(days=2)):
            company.send(data)
    proxy.seen.clear()
    report = reconcile.reconcile(now=at(NOW + timedelta(days=1)))
    assert (report.counts["files"], codes(report)) == (6, [])
    assert proxy.seen == ["GET", "GET"]
    assert codes(reconcile.reconcile(now=at(NOW + timedelta(days=1)))) == []


def test_an_upload_that_the_store_refuses_leaves_nothing_and_can_be_sent_again(
    alice: Company, proxy: FaultyS3, bucket: BucketStore
) -> None:
    data = alice.server.day(DAY)
    proxy.script["PUT"] = [faulty_s3.refused(503, "SlowDown")]
    with pytest.raises(Unavailable) as refused:
        alice.send(data)
    assert refused.value.code == "storage-broken"
    assert alice.files() == []
    proxy.script.clear()
    file, is_new = alice.send(data)
    assert (file.state, is_new) == (FileState.ACCEPTED, True)
    assert set(stored_on_s3(bucket)) == {file.stored_as}


def test_a_verdict_does_not_fail_with_the_removal_of_bytes(
    alice: Company, proxy: FaultyS3, bucket: BucketStore
) -> None:
    proxy.script["DELETE"] = [faulty_s3.refused(503, "SlowDown")]
    file, _ = alice.send(b"no usage file" * 100)
    assert (file.state, file.stored_as) == (FileState.REJECTED, "")
    assert list(stored_on_s3(bucket)) == [stored_name(alice.id, file.pk)]


def test_bytes_that_s3_does_not_give_are_judged_later(
    alice: Company, proxy: FaultyS3
) -> None:
    proxy.script["GET"] = [faulty_s3.refused(503, "SlowDown")]
    file, _ = alice.send(alice.server.day(DAY))
    assert file.state == FileState.RECEIVED
    proxy.script.clear()
    later = NOW + timedelta(hours=1)
    judge_pending.judge_pending(at=later)
    assert [one.state for one in alice.files()] == [FileState.ACCEPTED]


@pytest.mark.parametrize("problem", ["missing", "away", "no bucket"])
def test_the_nightly_comparison_tells_a_lost_file_from_a_store_that_is_away(
    alice: Company, proxy: FaultyS3, bucket: BucketStore, settings: Any, problem: str
) -> None:
    settings.FORWARDING = False
    file, _ = alice.send(alice.server.day(DAY))
    if problem == "missing":
        store.remove(file.stored_as)
    elif problem == "away":
        away = faulty_s3.refused(503, "SlowDown")
        proxy.script = {"GET": [away], "HEAD": [away]}
    else:
        bucket.bucket_name = "nobody-has-this-bucket"
    report = reconcile.reconcile(now=at(NOW + timedelta(days=1)))
    expected = {
        "missing": ([store.BYTES_MISSING], ""),
        "away": ([], store.STORE_AWAY),
        "no bucket": ([], store.STORE_AWAY),
    }
    assert (codes(report), report.problem) == expected[problem]


def test_lost_bytes_are_brought_back_by_the_same_upload(
    alice: Company, bucket: BucketStore
) -> None:
    data = alice.server.day(DAY)
    file, _ = alice.send(data)
    store.remove(file.stored_as)
    again, is_new = alice.send(data)
    assert (again.pk, is_new) == (file.pk, False)
    assert stored_on_s3(bucket) == {file.stored_as: data}


def test_damaged_bytes_that_s3_does_not_remove_refuse_the_upload_that_replaces_them(
    alice: Company, proxy: FaultyS3, bucket: BucketStore
) -> None:
    data = alice.server.day(DAY)
    file, _ = alice.send(data)
    bucket.delete(file.stored_as)
    bucket.save(file.stored_as, ContentFile(b"damaged"))
    proxy.script["DELETE"] = [faulty_s3.refused(503, "SlowDown")]
    with pytest.raises(Unavailable) as refused:
        alice.send(data)
    assert refused.value.code == "storage-broken"
    proxy.script.clear()
    assert not alice.send(data)[1]
    assert stored_on_s3(bucket) == {file.stored_as: data}


def test_orphans_are_set_apart_and_much_later_removed(
    alice: Company, bucket: BucketStore
) -> None:
    file, _ = alice.send(alice.server.day(DAY))
    orphan = bucket.save(
        f"{alice.id}/ab/ab000000-0000-4000-8000-000000000000.usg", ContentFile(b"x")
    )
    now = datetime.now(UTC)
    assert codes(orphans.remove_orphans(now=at(now))) == []
    tomorrow = now + timedelta(days=1, minutes=5)
    report = orphans.remove_orphans(now=at(tomorrow))
    assert codes(report) == [orphans.LEFTOVER_SET_APART]
    assert report.counts["stored"] == 2
    last = orphan.rpartition("/")[2]
    apart = f"{store.QUARANTINE}/{tomorrow.date()}/{alice.id}/{last}"
    assert set(stored_on_s3(bucket)) == {file.stored_as, apart}
    report = orphans.remove_orphans(now=at(tomorrow + timedelta(days=61)))
    assert report.counts["leftovers-removed"] == 1
    assert set(stored_on_s3(bucket)) == {file.stored_as}


def test_a_copy_of_the_portal_removes_nothing_from_the_bucket_of_the_original(
    alice: Company, bucket: BucketStore, settings: Any
) -> None:
    settings.KEEP_BYTES_DAYS = 10
    old, _ = alice.send(alice.server.day(DAY))
    forward_all()
    # Uploaded to the original after the copy was made: it has no row in the copy.
    newer = bucket.save(
        f"{alice.id}/ab/ab000000-0000-4000-8000-000000000000.usg", ContentFile(b"x")
    )
    settings.MAIL_STAMP = "the original"
    mail_switch.claim(by="operator", at=NOW)
    settings.MAIL_STAMP = "the copy"
    later = datetime.now(UTC) + timedelta(days=2)
    report = orphans.remove_orphans(now=at(later))
    assert (codes(report), report.problem) == ([], mail_switch.RESTORED_COPY)
    assert set(stored_on_s3(bucket)) == {old.stored_as, newer}
    mail_switch.claim(by="operator", at=NOW)
    report = orphans.remove_orphans(now=at(later))
    assert (codes(report), report.problem) == ([orphans.LEFTOVER_SET_APART], "")
    assert report.counts["bytes-removed"] == 1


def test_an_orphan_that_cannot_be_copied_stays_where_it_is(
    alice: Company, proxy: FaultyS3, bucket: BucketStore
) -> None:
    orphan = bucket.save(
        f"{alice.id}/ab/ab000000-0000-4000-8000-000000000000.usg", ContentFile(b"x")
    )
    proxy.script["PUT"] = [faulty_s3.refused(503, "SlowDown")]
    report = orphans.remove_orphans(now=at(datetime.now(UTC) + timedelta(days=2)))
    assert report.problem == store.STORE_AWAY
    proxy.script.clear()
    assert set(stored_on_s3(bucket)) == {orphan}


def test_bytes_go_from_the_bucket_long_after_they_were_confirmed(
    alice: Company, bucket: BucketStore
) -> None:
    data = alice.server.day(DAY)
    alice.send(data)
    forward_all()
    report = orphans.remove_orphans(now=at(NOW + timedelta(days=401)))
    assert report.counts["bytes-removed"] == 1
    assert stored_on_s3(bucket) == {}
    (file,) = alice.files()
    reading = unit_of_work.acting_for(alice.id, reading=True)
    with reading, content.opened(file) as found:
        assert bytes(found) == data


def test_a_portal_whose_store_is_away_serves_and_says_so(
    db: None, proxy: FaultyS3
) -> None:
    assert metrics._store(NOW) == readiness.Health.OK
    proxy.script["HEAD"] = [faulty_s3.refused(503, "")]
    assert metrics._store(NOW) == readiness.Health.DEGRADED
