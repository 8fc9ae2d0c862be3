"""Orphaned bytes and objects are removed; any that a row refers to never are."""

import hashlib
import os
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.storage import storages
from django.core.management import call_command
from django.db import connections

from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.jobs.queue import JobState
from portal.models import AuditEntry
from tests.builders import NOW, Company
from tests.usage.faulty_s3_proxy import run_faulty_s3_proxy
from usage.files.queries import WantedFile, find_kept
from usage.files.schemas import file_out
from usage.files.text import timeline
from usage.forwarding import forward
from usage.maintenance import orphans, reconcile, repair
from usage.models import FileState, Forwarding, Report, UsageFile, reports
from usage.review import decide
from usage.storage import archive, content, s3_client, store
from usage.storage.content import BytesUnavailableError

DAY = date(2026, 5, 7)
LATER = NOW + timedelta(days=401)


@pytest.fixture(autouse=True)
def _bucket(db: None, settings: Any, tmp_path: Path) -> Iterator[None]:
    settings.S3 = {**settings.S3, "prefix": f"{tmp_path.name}/"}
    archive.prepare()
    yield
    s3_client.client.cache_clear()


def remove_orphans(at: datetime = NOW, **options: Any) -> Report:
    return orphans.remove_orphans(now=lambda: at, **options)


def codes(report: Report) -> list[str]:
    return [finding["code"] for finding in report.findings]


def leave_orphan(company: Company, *, at: datetime) -> Path:
    """Bytes as a crash leaves them, between the file and its row."""
    name = uuid4()
    path = Path(storages["usage"].path(f"{company.id}/{name.hex[:2]}/{name}.usg"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"left over")
    os.utime(path, (at.timestamp(), at.timestamp()))
    return path


def stored(company: Company) -> list[Path]:
    root = Path(storages["usage"].location)  # type: ignore[attr-defined]  # a folder
    names = [root / file.stored_as for file in company.files() if file.stored_as]
    for path in names:
        os.utime(path, (0, 0))
    return names


# Leftovers


def test_bytes_without_a_row_go_once_they_are_old(alice: Company) -> None:
    alice.send(alice.server.day(DAY))
    kept = stored(alice)
    old = leave_orphan(alice, at=NOW - timedelta(days=1, minutes=1))
    young = leave_orphan(alice, at=NOW - timedelta(hours=23))
    report = remove_orphans()
    assert codes(report) == [orphans.LEFTOVER_SET_APART]
    assert not old.exists()
    assert young.exists()
    assert all(path.exists() for path in kept)
    assert report.counts["stored"] == 3


def test_bytes_of_every_kept_state_stay(alice: Company) -> None:
    alice.send(alice.server.day(DAY))
    held, _ = alice.send(alice.writer("IC02").day(DAY))
    refused, _ = alice.send(alice.writer("IC03").day(DAY))
    decide.refuse(alice.id, file_id=refused.pk, by="test", at=NOW, reason="no")
    assert {file.state for file in alice.files()} == {"accepted", "held", "refused"}
    kept = stored(alice)
    assert remove_orphans(LATER - timedelta(days=9)).findings == []
    assert len(kept) == 3
    assert all(path.exists() for path in kept)
    assert held.stored_as


def test_what_a_restored_database_forgot_can_be_brought_in_again(
    alice: Company, tmp_path: Path
) -> None:
    data = alice.server.day(DAY)
    alice.send(data)
    (path,) = stored(alice)
    forget_files()
    assert codes(remove_orphans()) == [orphans.LEFTOVER_SET_APART]
    assert not path.exists()
    # In one folder of the day and the tenant, from which it can be sent.
    apart = tmp_path / "usage" / "leftovers" / str(NOW.date()) / str(alice.id)
    assert [one.read_bytes() for one in apart.iterdir()] == [data]
    again, is_new = alice.send(data)
    assert is_new
    assert remove_orphans(NOW + timedelta(days=60)).findings == []
    assert len(list(apart.iterdir())) == 1
    report = remove_orphans(NOW + timedelta(days=61))
    assert report.counts["leftovers-removed"] == 1
    assert list(apart.iterdir()) == []
    assert Path(storages["usage"].path(again.stored_as)).read_bytes() == data


def forget_files() -> None:
    """As after the database was restored from a copy of before they came."""
    with connections["owner"].cursor() as cursor:
        for table in ("settling", "forwarding", "usagefile"):
            cursor.execute(f"delete from usage_{table}")


def test_a_leftover_that_a_crash_left_under_both_names_is_set_apart(
    alice: Company, tmp_path: Path
) -> None:
    old = leave_orphan(alice, at=NOW - timedelta(days=9))
    apart = tmp_path / "usage" / "leftovers" / str(NOW.date()) / str(alice.id)
    apart.mkdir(parents=True)
    os.link(old, apart / old.name)
    assert codes(remove_orphans()) == [orphans.LEFTOVER_SET_APART]
    assert not old.exists()
    assert (apart / old.name).read_bytes() == b"left over"


def test_leftovers_wait_for_a_tenants_lock_and_hold_up_nobody(
    alice: Company, charlie: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unit_of_work, "LOCK_TIMEOUT", "50ms")
    mine, other = (
        leave_orphan(company, at=NOW - timedelta(days=9))
        for company in (alice, charlie)
    )
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "select pg_advisory_lock(%s)", [unit_of_work._TENANT_LOCK | alice.id]
        )
        try:
            report = remove_orphans()
        finally:
            cursor.execute("select pg_advisory_unlock_all()")
    assert report.counts["left for the next run"] == 1
    assert report.problem == ""
    assert mine.exists()
    assert not other.exists()


def test_bytes_that_a_row_has_let_go_are_left_over(alice: Company) -> None:
    # As a crash leaves them, after the verdict and before the removal.
    file, _ = alice.send(b"no usage file")
    assert file.state == FileState.REJECTED
    path = Path(storages["usage"].path(f"{alice.id}/{file.pk.hex[:2]}/{file.pk}.usg"))
    path.write_bytes(b"no usage file")
    os.utime(path, (0, 0))
    assert codes(remove_orphans()) == [orphans.LEFTOVER_SET_APART]
    assert not path.exists()


def test_with_many_leftovers_none_goes_before_a_person_says_so(
    alice: Company,
) -> None:
    paths = [leave_orphan(alice, at=NOW - timedelta(days=9)) for _ in range(4)]
    report = remove_orphans(most=3)
    assert set(codes(report)) == {orphans.TOO_MANY_LEFTOVERS}
    assert all(path.exists() for path in paths)
    call_command("collect", "--all", stdout=StringIO())
    assert not any(path.exists() for path in paths)


def test_what_is_not_ours_is_told_and_stays(alice: Company) -> None:
    strange = leave_orphan(alice, at=NOW - timedelta(days=9)).with_name("notes.txt")
    strange.write_text("mine")
    os.utime(strange, (0, 0))
    report = remove_orphans()
    assert orphans.NAME_UNKNOWN in codes(report)
    assert strange.exists()


def test_old_spool_files_go_and_young_ones_stay(alice: Company, tmp_path: Path) -> None:
    alice.send(alice.server.day(DAY))
    spool = tmp_path / "usage" / "spool"
    old, young = spool / "tmpold", spool / "tmpyoung"
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    now = datetime.now(UTC)
    report = remove_orphans(now)
    assert report.counts["spooled"] == 1
    assert not old.exists()
    assert young.exists()
    assert report.findings == []


def test_any_storage_will_do(alice: Company, settings: Any, tmp_path: Path) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "usage": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path / "elsewhere")},
        },
    }
    old = leave_orphan(alice, at=NOW - timedelta(days=9))
    assert codes(remove_orphans()) == [orphans.LEFTOVER_SET_APART]
    assert not old.exists()


def test_a_store_that_is_away_is_told(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_orphan(alice, at=NOW - timedelta(days=9))

    def listdir(_: str) -> None:
        raise PermissionError

    monkeypatch.setattr(storages["usage"], "listdir", listdir)
    assert remove_orphans().problem == store.STORE_AWAY


# Bytes whose time is over


def forwarded(company: Company, data: bytes) -> UsageFile:
    file, _ = company.send(data)
    while forward.forward_waiting(now=lambda: NOW):
        pass
    return file


def reread(company: Company) -> UsageFile:
    with unit_of_work.acting_for(company.id, reading=True):
        files = UsageFile.objects.select_related("forwarding", "server", "tenant")
        file = files.get()
        assert file.problems == []
        return file


def test_bytes_go_a_long_time_after_confirmation_and_the_receipt_stays(
    alice: Company,
) -> None:
    data = alice.server.day(DAY)
    file = forwarded(alice, data)
    path = Path(storages["usage"].path(file.stored_as))
    assert remove_orphans(NOW + timedelta(days=399)).counts.get("bytes-removed") is None
    assert path.exists()
    assert remove_orphans(LATER).counts["bytes-removed"] == 1
    assert not path.exists()
    left = reread(alice)
    assert (left.stored_as, left.bytes_removed_at) == ("", LATER)
    assert (left.state, left.size, left.logins) == ("accepted", len(data), file.logins)
    shown = file_out(left)
    assert shown.is_safe_to_delete
    assert shown.bytes_removed_at == LATER
    assert timeline(left)[-1].at == LATER
    with unit_of_work.acting_for(alice.id, reading=True):
        entry = AuditEntry.objects.get(act="bytes-removed")
        assert audit_log.first_break(tenant_id=alice.id) is None
    assert entry.subject == str(file.pk)
    assert remove_orphans(LATER + timedelta(days=1)).findings == []


def test_what_was_removed_here_is_read_from_the_archive(alice: Company) -> None:
    data = alice.server.day(DAY)
    forwarded(alice, data)
    remove_orphans(LATER)
    left = reread(alice)
    with unit_of_work.acting_for(alice.id, reading=True):
        with content.opened(left) as shown:
            assert bytes(shown) == data
        archive.remove(left.forwarding.key)
        with (
            pytest.raises(BytesUnavailableError, match="NoSuchKey"),
            content.opened(left),
        ):
            pass
        foreign = b"x" * len(data)
        archive.put(left.forwarding.key, BytesIO(foreign), content_of(foreign))
        with (
            pytest.raises(BytesUnavailableError, match="other bytes"),
            content.opened(left),
        ):
            pass


def content_of(data: bytes) -> archive.Content:
    return archive.Content(len(data), b64encode(hashlib.sha256(data).digest()).decode())


def test_a_decision_on_a_file_that_only_the_archive_has_judges_it_anew(
    alice: Company,
) -> None:
    file = forwarded(alice, alice.server.day(DAY))
    remove_orphans(LATER)
    with unit_of_work.acting_for(alice.id):
        UsageFile.objects.filter(pk=file.pk).update(
            state=FileState.REFUSED, decision_reason="no", decided_at=NOW
        )
    again = decide.reopen(alice.id, file_id=file.pk, by="test", at=LATER, reason="yes")
    assert again.state == FileState.ACCEPTED
    assert reread(alice).forwarding.state == JobState.DONE


def test_zero_days_keep_for_ever_and_so_does_forwarding_that_is_off(
    alice: Company, settings: Any
) -> None:
    file = forwarded(alice, alice.server.day(DAY))
    ages = NOW + timedelta(days=9_999)
    settings.KEEP_BYTES_DAYS = 0
    assert "bytes-removed" not in remove_orphans(ages).counts
    settings.KEEP_BYTES_DAYS = 400
    settings.FORWARDING = False
    assert "bytes-removed" not in remove_orphans(ages).counts
    assert Path(storages["usage"].path(file.stored_as)).exists()


def test_only_what_is_accepted_and_confirmed_goes(alice: Company) -> None:
    alice.send(alice.server.day(DAY))
    alice.send(alice.writer("IC02").day(DAY))
    assert remove_orphans(LATER).counts.get("bytes-removed") is None
    assert all(file.stored_as for file in alice.files())


def test_what_the_archive_no_longer_has_is_sent_again_instead(alice: Company) -> None:
    file = forwarded(alice, alice.server.day(DAY))
    archive.remove(reread(alice).forwarding.key)
    assert codes(remove_orphans(LATER)) == [repair.OBJECT_MISSING]
    left = reread(alice)
    assert left.stored_as == file.stored_as
    assert left.forwarding.state == JobState.WAITING
    assert not file_out(left).is_safe_to_delete


def test_an_archive_that_is_away_lets_nothing_go(alice: Company, settings: Any) -> None:
    forwarded(alice, alice.server.day(DAY))
    with run_faulty_s3_proxy(settings) as proxy:
        proxy.script = lambda *_: (403, "AccessDenied")
        report = remove_orphans(LATER)
    assert codes(report) == ["403"]
    assert reread(alice).stored_as


def test_one_object_that_s3_does_not_answer_for_keeps_its_bytes_alone(
    alice: Company, settings: Any
) -> None:
    for number in range(3):
        forwarded(alice, alice.server.day(DAY + timedelta(days=number)))
    with unit_of_work.acting_for(alice.id, reading=True):
        first = Forwarding.objects.order_by("file__settled_at", "pk")[0].key
    with run_faulty_s3_proxy(settings) as proxy:
        proxy.script = lambda _, path: (
            (403, "AccessDenied") if path.endswith(first) else None
        )
        report = remove_orphans(LATER)
    assert report.problem == ""
    assert [(one["code"], one["about"]) for one in report.findings] == [("403", first)]
    assert report.counts["bytes-removed"] == 2


def test_a_store_that_answers_for_nothing_is_asked_so_often(
    alice: Company, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repair, "MOST_REFUSED", 2)
    for number in range(4):
        forwarded(alice, alice.server.day(DAY + timedelta(days=number)))
    with run_faulty_s3_proxy(settings) as proxy:
        proxy.script = lambda *_: (403, "AccessDenied")
        report = remove_orphans(LATER)
    assert report.problem == "403"
    assert len(proxy.paths_of("HEAD")) == 2


@pytest.mark.parametrize("name", ["delete", "size"])
def test_a_disk_that_fails_while_bytes_go_is_told_and_the_run_ends(
    alice: Company, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    forwarded(alice, alice.server.day(DAY))
    if name == "size":
        archive.remove(reread(alice).forwarding.key)

    def fail(_: str) -> None:
        raise PermissionError

    monkeypatch.setattr(storages["usage"], name, fail)
    report = remove_orphans(LATER)
    assert report.problem == "store-away"
    assert report.ended_at == LATER


def test_whoever_is_sent_again_meanwhile_keeps_its_bytes(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    forwarded(alice, alice.server.day(DAY))
    real = archive.compare

    def compare(key: str, content: archive.Content) -> archive.Stored:
        found = real(key, content)
        with unit_of_work.acting_for(alice.id):
            Forwarding.objects.update(state=JobState.WAITING, ended_at=None)
        return found

    monkeypatch.setattr(archive, "compare", compare)
    assert "bytes-removed" not in remove_orphans(LATER).counts
    assert reread(alice).stored_as


def test_the_newest_report_of_a_kind_is_there(alice: Company) -> None:
    remove_orphans()
    last = remove_orphans(NOW + timedelta(days=1))
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        assert reports.newest() == [last]
    assert str(last).startswith("collection of")


def test_a_file_that_is_nowhere_any_more_comes_back_when_it_is_sent_again(
    alice: Company,
) -> None:
    data = alice.server.day(DAY)
    file = forwarded(alice, data)
    remove_orphans(LATER)
    archive.remove(reread(alice).forwarding.key)
    # The archive is still believed to have it: nothing is kept.
    assert alice.send(data, at=LATER)[1] is False
    assert reread(alice).stored_as == ""
    reconcile.reconcile(now=lambda: LATER + timedelta(days=1))
    assert reread(alice).forwarding.state == JobState.FAILED
    with unit_of_work.acting_for(alice.id, reading=True):
        assert find_kept([WantedFile(size=len(data), sha256=bytes(file.sha256))]) == [
            None
        ]
    Path(storages["usage"].path(file.stored_as)).write_bytes(b"left by a crash")
    again, is_new = alice.send(data, at=LATER + timedelta(days=2))
    assert (again.pk, is_new) == (file.pk, False)
    left = reread(alice)
    assert (left.stored_as, left.bytes_removed_at) == (file.stored_as, None)
    assert left.received_at == NOW
    assert left.forwarding.state == JobState.WAITING
    while forward.forward_waiting(now=lambda: LATER + timedelta(days=3)):
        pass
    assert archive.fetch(left.forwarding.key) == data
    assert file_out(reread(alice)).is_safe_to_delete
    with unit_of_work.acting_for(alice.id, reading=True):
        assert AuditEntry.objects.filter(act="bytes-regained").count() == 1
        assert audit_log.first_break(tenant_id=alice.id) is None


def test_a_stray_file_of_any_name_does_not_end_the_run(alice: Company) -> None:
    orphan = leave_orphan(alice, at=NOW - timedelta(days=9))
    folder = os.fsencode(orphan.parent)
    for name in (b"-" * 36 + b".usg", b"a" * 36 + b".usg", b"IC01_\xff.usg", b"\n.usg"):
        with open(folder + b"/" + name, "wb") as file:  # noqa: PTH123 - bytes
            file.write(b"stray")
    report = remove_orphans()
    assert (report.problem, report.ended_at) == ("", NOW)
    assert not orphan.exists()
    found = [
        one["about"].rpartition("/")[2]
        for one in report.findings
        if one["code"] == orphans.NAME_UNKNOWN
    ]
    assert sorted(found) == sorted(
        [f"{'-' * 36}.usg", f"{'a' * 36}.usg", "IC01_\ufffd.usg", "\ufffd.usg"]
    )


def test_a_leftover_that_cannot_be_moved_does_not_stop_the_others(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = sorted(leave_orphan(alice, at=NOW - timedelta(days=9)) for _ in range(3))
    quarantine = store.quarantine

    def quarantine_or_fail(name: str, *, on: date) -> None:
        if name.endswith(left[0].name):
            raise PermissionError
        quarantine(name, on=on)

    monkeypatch.setattr(store, "quarantine", quarantine_or_fail)
    report = remove_orphans()
    assert [path.exists() for path in left] == [True, False, False]
    # The report still says that something is wrong with the store.
    assert report.problem == store.STORE_AWAY
