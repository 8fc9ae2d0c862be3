"""The nightly reconciliation compares rows, stored bytes and S3; nothing is lost."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connections

from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.jobs import queue as job_queue
from portal.jobs.queue import JobState
from portal.models import AuditEntry
from tests.builders import NOW, Company
from tests.usage.faulty_s3_proxy import run_faulty_s3_proxy
from usage import tasks
from usage.forwarding import forward as forwarding_forward
from usage.forwarding import queue as forward_queue
from usage.forwarding import text as forwarding_text
from usage.maintenance import reconcile as maintenance_reconcile
from usage.maintenance import repair
from usage.models import FINDINGS_SHOWN, Forwarding, Report, ReportFindings, ReportKind
from usage.models.reports import begin, end, newest
from usage.storage import archive, s3_client, store
from usage.storage.content import content_of

DAY = date(2026, 5, 7)
NIGHT = NOW + timedelta(hours=9)


@pytest.fixture(autouse=True)
def _bucket(db: None, settings: Any, tmp_path: Path) -> Iterator[None]:
    # A place of its own in the bucket, which is there for all tests.
    settings.S3 = {**settings.S3, "prefix": f"{tmp_path.name}/"}
    archive.prepare()
    yield
    s3_client.client.cache_clear()


def rows(company: Company) -> list[Forwarding]:
    with unit_of_work.acting_for(company.id, reading=True):
        found = Forwarding.objects.select_related("file", "tenant")
        return list(found.order_by("file__day"))


def forward_days(company: Company, number: int = 1) -> list[Forwarding]:
    for data in company.server.days(DAY, DAY + timedelta(days=number - 1)):
        company.send(data)
    forward()
    assert {row.state for row in rows(company)} == {JobState.DONE}
    return rows(company)


def forward(at: datetime = NOW) -> None:
    while forwarding_forward.forward_waiting(now=lambda: at):
        pass


def reconcile(at: datetime = NIGHT) -> Report:
    return maintenance_reconcile.reconcile(now=lambda: at)


def codes(report: Report) -> list[str]:
    return [finding["code"] for finding in report.findings]


def repairs(company: Company) -> list[tuple[str, Any]]:
    with unit_of_work.acting_for(company.id, reading=True):
        entries = AuditEntry.objects.filter(act="forwarding-mended")
        assert audit_log.first_break(tenant_id=company.id) is None
        return [(entry.actor, entry.details["found"]) for entry in entries]


def test_where_all_agrees_nothing_is_found_and_nothing_changes(
    alice: Company, charlie: Company
) -> None:
    forward_days(alice, 3)
    forward_days(charlie, 2)
    report = reconcile()
    assert (report.findings, report.problem) == ([], "")
    assert report.counts == {"files": 5, "objects": 5, "asked": 5}
    assert {row.checked_at for row in rows(alice)} == {NIGHT}
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        assert newest() == [report]
    assert report.ended_at == NIGHT


def test_what_is_gone_from_s3_is_no_longer_confirmed_and_sent_again(
    alice: Company,
) -> None:
    gone, there = forward_days(alice, 2)
    archive.remove(gone.key)
    report = reconcile()
    assert codes(report) == [repair.OBJECT_MISSING]
    assert report.findings[0]["about"] == gone.key
    assert report.findings[0]["tenant"] == alice.number
    first, second = rows(alice)
    assert (first.state, first.problem) == ("waiting", repair.OBJECT_MISSING)
    assert (first.attempts, first.ended_at) == (0, None)
    assert second.state == JobState.DONE
    assert repairs(alice) == [("reconciliation", repair.OBJECT_MISSING)]
    forward(NIGHT)
    assert rows(alice)[0].state == JobState.DONE
    assert codes(reconcile(NIGHT + timedelta(days=1))) == []
    assert there.key == second.key


def test_other_bytes_in_s3_are_found_by_their_size_and_never_overwritten(
    alice: Company,
) -> None:
    (row,) = forward_days(alice)
    put_foreign(row.key, b"something else")
    assert codes(reconcile()) == [repair.OBJECT_DIFFERS]
    forward(NIGHT)
    (row,) = rows(alice)
    assert (row.state, row.problem) == ("set-aside", forward_queue.FOREIGN_BYTES)
    assert archive.fetch(row.key) == b"something else"


def put_foreign(key: str, data: bytes) -> None:
    archive.remove(key)
    s3_client.client().put_object(
        Bucket=settings.S3["bucket"], Key=key, Body=BytesIO(data)
    )


def test_other_bytes_of_the_same_size_are_found_by_their_hash(alice: Company) -> None:
    (row,) = forward_days(alice)
    put_foreign(row.key, b"x" * row.file.size)
    assert codes(reconcile()) == [repair.OBJECT_DIFFERS]
    assert rows(alice)[0].state == JobState.WAITING


def test_hashes_are_asked_for_in_turns(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance_reconcile, "SHARE", 2)
    forward_days(alice, 5)
    for night in range(3):
        reconcile(NIGHT + timedelta(days=night))
    asked = sorted(row.checked_at for row in rows(alice) if row.checked_at)
    nights = [NIGHT + timedelta(days=night) for night in (0, 1, 1, 2, 2)]
    assert asked == nights


def test_what_is_nowhere_any_more_waits_for_a_person(
    alice: Company, tmp_path: Path
) -> None:
    (row,) = forward_days(alice)
    data = archive.fetch(row.key)
    archive.remove(row.key)
    remove_local_bytes(row)
    report = reconcile()
    assert codes(report) == [forward_queue.OBJECT_LOST]
    (row,) = rows(alice)
    assert (row.state, row.problem) == ("set-aside", forward_queue.OBJECT_LOST)
    # Retried, it is looked for again, and fails again.
    retry(row)
    assert rows(alice)[0].problem == forward_queue.OBJECT_LOST
    # Somebody has brought it back.
    archive.put(row.key, BytesIO(data), content_of(row.file))
    retry(row)
    assert rows(alice)[0].state == JobState.DONE


def remove_local_bytes(row: Forwarding) -> None:
    with unit_of_work.acting_for(row.tenant_id):
        row.file.stored_as, row.file.bytes_removed_at = "", NOW
        row.file.save(update_fields=["stored_as", "bytes_removed_at"])


def retry(row: Forwarding) -> None:
    with unit_of_work.acting_for(row.tenant_id):
        assert job_queue.retry(Forwarding, row.pk, at=NIGHT)
    forward(NIGHT)


def test_an_accepted_file_without_a_row_gets_one(alice: Company) -> None:
    (row,) = forward_days(alice)
    with connections["owner"].cursor() as cursor:
        cursor.execute("delete from usage_forwarding")
    assert codes(reconcile()) == [repair.ROW_MISSING]
    (made,) = rows(alice)
    assert (made.key, made.state) == (row.key, JobState.WAITING)
    forward(NIGHT)
    assert rows(alice)[0].state == JobState.DONE
    assert not repair.add_forwarding(alice.id, row.file_id, by="test", at=NIGHT)


def test_an_object_that_nobody_put_is_told_and_never_touched(
    alice: Company, settings: Any
) -> None:
    (row,) = forward_days(alice)
    prefix = settings.S3["prefix"]
    strange, other = f"{prefix}{alice.number}/strange", f"{prefix}others/thing"
    for key in (strange, other):
        put_foreign(key, b"?")
    report = reconcile()
    assert codes(report) == [maintenance_reconcile.OBJECT_UNKNOWN]
    assert report.findings[0]["about"] == strange
    assert report.counts["objects of others"] == 1
    assert archive.fetch(strange) == b"?"
    assert archive.fetch(row.key)


def test_bytes_that_are_missing_or_cut_are_an_alarm(
    alice: Company, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, second, third = (
        alice.send(data)[0] for data in alice.server.days(DAY, DAY + timedelta(days=2))
    )
    (tmp_path / "usage" / first.stored_as).unlink()
    with (tmp_path / "usage" / second.stored_as).open("r+b") as file:
        file.truncate(10)
    report = reconcile()
    assert sorted(codes(report)) == [
        store.BYTES_DIFFER,
        store.BYTES_MISSING,
    ]
    assert {finding["about"] for finding in report.findings} == {
        first.stored_as,
        second.stored_as,
    }
    assert report.counts["files"] == 3
    assert third.stored_as not in caplog.text
    assert "CRITICAL" in caplog.text


def test_what_arrives_meanwhile_is_no_finding(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward_days(alice, 2)
    real = archive.list_page

    def list_page(prefix: str, **options: Any) -> archive.ListPage:
        page = real(prefix, **options)
        # Right after the list was read, a file comes in, goes, and is confirmed.
        alice.send(alice.server.day(DAY + timedelta(days=7)), at=NIGHT)
        forward(NIGHT)
        return page

    monkeypatch.setattr(archive, "list_page", list_page)
    report = reconcile()
    assert report.findings == []
    assert {row.state for row in rows(alice)} == {JobState.DONE}


def test_an_object_put_before_its_row_is_marked_is_no_finding(alice: Company) -> None:
    alice.send(alice.server.day(DAY))
    (row,) = rows(alice)
    with (Path(settings.VAR) / "usage" / row.file.stored_as).open("rb") as file:
        archive.put(row.key, file, content_of(row.file))
    assert reconcile().findings == []
    assert rows(alice)[0].state == JobState.WAITING


def test_a_list_has_pages(alice: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    forward_days(alice, 7)
    real = archive.list_page
    pages = []

    def list_page(prefix: str, **options: Any) -> archive.ListPage:
        pages.append(options)
        return real(prefix, most=3, **options)

    monkeypatch.setattr(archive, "list_page", list_page)
    monkeypatch.setattr(maintenance_reconcile, "_ROWS", 2)
    archive.remove(rows(alice)[6].key)
    report = reconcile()
    assert codes(report) == [repair.OBJECT_MISSING]
    assert report.counts["objects"] == 6
    assert len(pages) >= 2


def test_a_store_that_is_away_ends_the_run_and_changes_nothing(
    alice: Company, settings: Any
) -> None:
    forward_days(alice, 2)
    with run_faulty_s3_proxy(settings) as proxy:
        proxy.script = lambda *_: (503, "SlowDown")
        report = reconcile()
    assert report.problem == "SlowDown"
    assert report.counts == {"files": 2}
    assert {row.state for row in rows(alice)} == {JobState.DONE}


def test_one_object_that_s3_does_not_answer_for_holds_up_no_other(
    alice: Company, settings: Any
) -> None:
    first, *_, last = forward_days(alice, 3)
    archive.remove(last.key)
    with run_faulty_s3_proxy(settings) as proxy:
        proxy.script = lambda method, path: (
            (403, "AccessDenied")
            if method == "HEAD" and path.endswith(first.key)
            else None
        )
        report = reconcile()
    assert report.problem == ""
    rows_shown = [(one["code"], one["about"]) for one in report.findings]
    assert sorted(rows_shown) == [("403", first.key), (repair.OBJECT_MISSING, last.key)]
    assert [row.state for row in rows(alice)] == ["done", "done", "waiting"]


def test_a_store_that_answers_for_nothing_ends_the_run(
    alice: Company, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repair, "MOST_REFUSED", 2)
    forward_days(alice, 4)
    with run_faulty_s3_proxy(settings) as proxy:
        proxy.script = lambda method, _: (
            (403, "AccessDenied") if method == "HEAD" else None
        )
        report = reconcile()
    assert report.problem == "403"
    assert len(proxy.paths_of("HEAD")) == 2


def test_a_disk_that_fails_while_s3_is_asked_is_told_and_the_run_ends(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    (row,) = forward_days(alice)
    archive.remove(row.key)
    size_of, left = store.size_of, [1]

    def fail_later(name: str) -> int | None:
        if not left:
            raise PermissionError
        left.pop()
        return size_of(name)

    monkeypatch.setattr(store, "size_of", fail_later)
    report = reconcile()
    assert (report.problem, report.ended_at) == (store.STORE_AWAY, NIGHT)


def test_a_bucket_that_is_gone_takes_nothing_back(
    alice: Company, settings: Any
) -> None:
    forward_days(alice, 2)
    settings.S3 = {**settings.S3, "bucket": "no-such-bucket-of-ours"}
    assert reconcile().problem == "NoSuchBucket"
    assert {row.state for row in rows(alice)} == {JobState.DONE}


def test_with_forwarding_off_nobody_is_asked(alice: Company, settings: Any) -> None:
    forward_days(alice, 2)
    settings.FORWARDING = False
    settings.S3 = {**settings.S3, "endpoint_url": "http://127.0.0.1:9"}
    s3_client.client.cache_clear()
    report = reconcile()
    assert (report.problem, report.counts) == ("", {"files": 2})


def test_a_row_that_has_changed_meanwhile_is_left_alone(alice: Company) -> None:
    (row,) = forward_days(alice)
    archive.remove(row.key)
    again = repair.send_again
    assert again(row, archive.Stored.NOTHING, by="one", at=NIGHT)
    assert again(row, archive.Stored.NOTHING, by="two", at=NIGHT) == ""
    assert repairs(alice) == [("one", repair.OBJECT_MISSING)]


def test_a_run_mends_only_so_much(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance_reconcile, "MOST_REPAIRED", 2)
    for row in forward_days(alice, 3):
        archive.remove(row.key)
    report = reconcile()
    assert report.counts["mended"] == 2
    assert report.counts["left for the next run"] >= 1
    assert codes(reconcile(NIGHT + timedelta(days=1))) == [repair.OBJECT_MISSING]


def test_a_report_is_bounded_and_counts_all() -> None:
    found = ReportFindings()
    for number in range(FINDINGS_SHOWN + 5):
        found.note("noisy", about=f"thing {number}")
    found.note("rare", about="x" * 5_000)
    assert len(found.shown) == FINDINGS_SHOWN + 1
    assert len(found.shown[-1]["about"]) == 1_024
    assert found.counts == {"noisy": FINDINGS_SHOWN + 5, "rare": 1}
    assert found.codes == ["noisy", "rare"]


def test_old_reports_go(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("usage.models.reports._REPORTS_KEPT", 3)
    for night in range(6):
        at = NOW + timedelta(days=night)
        end(begin(ReportKind.PROBE, at=at), ReportFindings(), at=at)
    begin(ReportKind.COLLECTION, at=NOW)
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        probes = Report.objects.filter(kind=ReportKind.PROBE)
        assert probes.count() == 3
        assert [str(one.kind) for one in newest()] == ["collection", "probe"]
        assert newest()[1].begun_at == NOW + timedelta(days=5)


def test_task_and_command_do_the_same(alice: Company) -> None:
    (row,) = forward_days(alice)
    archive.remove(row.key)
    tasks.reconcile()
    out = StringIO()
    call_command("reconcile", stdout=out)
    assert "files: 1" in out.getvalue()
    assert rows(alice)[0].state == JobState.WAITING
    rows_shown = list(
        forwarding_text.report_lines(Report(findings=[{"code": "x", "about": "y"}]))
    )
    assert rows_shown == ["x: y. x"]
