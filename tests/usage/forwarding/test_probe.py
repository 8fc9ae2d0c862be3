"""The capability probe runs at each start; an unreachable S3 stops nothing."""

from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from portal.db import unit_of_work
from tests.builders import NOW
from tests.docs_pages import DOCS, first_cells
from tests.usage.faulty_s3_proxy import FaultyS3Proxy, run_faulty_s3_proxy
from usage.forwarding import probe as forwarding_probe
from usage.forwarding import queue as forward_queue
from usage.forwarding import text as forwarding_text
from usage.maintenance import orphans, reconcile, repair
from usage.models import Report
from usage.storage import archive, s3_client
from usage.storage.store import BYTES_DIFFER, BYTES_MISSING, STORE_AWAY


@pytest.fixture
def store(db: None, settings: Any, tmp_path: Path) -> Iterator[FaultyS3Proxy]:
    settings.S3 = {**settings.S3, "prefix": f"{tmp_path.name}/"}
    archive.prepare()
    with run_faulty_s3_proxy(settings) as store:
        yield store


def probe() -> Report:
    return forwarding_probe.probe(now=lambda: NOW)


def codes(report: Report) -> list[str]:
    return [finding["code"] for finding in report.findings]


def test_the_store_that_comes_along_honours_what_is_needed(
    store: FaultyS3Proxy, settings: Any
) -> None:
    report = probe()
    assert codes(report) == [forwarding_probe.UNVERSIONED]
    assert report.problem == ""
    assert archive.list_page(f"{settings.S3['prefix']}").objects == []
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        assert Report.objects.get() == report


def test_a_bucket_with_versions_is_told_apart(
    store: FaultyS3Proxy, settings: Any
) -> None:
    settings.S3 = {**settings.S3, "bucket": "versions-of-tests"}
    archive.prepare()
    s3_client.client().put_bucket_versioning(
        Bucket="versions-of-tests", VersioningConfiguration={"Status": "Enabled"}
    )
    assert codes(probe()) == []


def test_a_store_that_ignores_the_condition_is_found(
    store: FaultyS3Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    def script(method: str, path: str) -> None:
        if method == "PUT":
            archive.remove(path.partition("?")[0].split("/", 2)[2])

    store.script = script
    assert forwarding_probe.CONDITION_IGNORED in codes(probe())
    assert "does not do what forwarding needs: condition-ignored" in caplog.text


def test_a_store_that_gives_no_checksum_back_is_found(
    store: FaultyS3Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    store.without = "x-amz-checksum-sha256"
    assert codes(probe()) == [
        forwarding_probe.CHECKSUM_MISSING,
        forwarding_probe.UNVERSIONED,
    ]
    assert "checksum-missing" in caplog.text


def test_a_store_that_takes_any_bytes_is_found(
    store: FaultyS3Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    def script(method: str, path: str) -> bytes | None:
        return b"" if method == "PUT" and path.endswith("-wrong") else None

    store.script = script
    assert forwarding_probe.CHECKSUM_IGNORED in codes(probe())


def test_a_store_where_nothing_can_be_removed_keeps_the_probe(
    store: FaultyS3Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    store.script = lambda method, _: (
        (403, "AccessDenied") if method == "DELETE" else None
    )
    assert forwarding_probe.PROBE_LEFT in codes(probe())
    assert "probe-left" not in caplog.text
    store.script = lambda *_: None
    # It is nobody's file, and reconciliation says nothing of it.
    assert reconcile.reconcile(now=lambda: NOW).findings == []


@pytest.mark.parametrize("code", ["AccessDenied", "SlowDown"])
def test_a_store_that_refuses_is_told_and_the_start_goes_on(
    store: FaultyS3Proxy, code: str
) -> None:
    store.script = lambda *_: (403, code)
    out, errors = StringIO(), StringIO()
    call_command("prepare_bucket", stdout=out, stderr=errors)
    assert "refuses" in errors.getvalue()
    assert "could not be tested" in errors.getvalue()
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        assert Report.objects.get().problem == code


def test_a_store_that_is_away_is_told_and_the_start_goes_on(
    db: None, settings: Any
) -> None:
    settings.S3 = {**settings.S3, "endpoint_url": "http://127.0.0.1:9"}
    s3_client.client.cache_clear()
    errors = StringIO()
    call_command("prepare_bucket", stdout=StringIO(), stderr=errors)
    s3_client.client.cache_clear()
    assert "is away" in errors.getvalue()


def test_with_forwarding_off_nobody_is_asked(
    store: FaultyS3Proxy, settings: Any
) -> None:
    settings.FORWARDING, settings.INBOX_BUCKET = False, ""
    out = StringIO()
    call_command("prepare_bucket", stdout=out)
    assert "Forwarding is off" in out.getvalue()
    assert store.paths_of("PUT") == []


def test_every_finding_is_documented_and_has_its_words() -> None:
    errors = set(first_cells(DOCS / "operations.md", r"[a-z]+(-[a-z]+)*"))
    made = {
        *(repair.ROW_MISSING, repair.OBJECT_MISSING, repair.OBJECT_DIFFERS),
        *(
            forward_queue.FOREIGN_BYTES,
            forward_queue.OBJECT_LOST,
            reconcile.OBJECT_UNKNOWN,
        ),
        *(BYTES_MISSING, BYTES_DIFFER),
        *(orphans.LEFTOVER_SET_APART, orphans.TOO_MANY_LEFTOVERS),
        *(orphans.NAME_UNKNOWN, forwarding_probe.CONDITION_IGNORED),
        *(forwarding_probe.CHECKSUM_IGNORED, forwarding_probe.CHECKSUM_MISSING),
        *(forwarding_probe.UNVERSIONED, forwarding_probe.PROBE_LEFT),
    }
    assert made - errors == set()
    for code in made | {STORE_AWAY}:
        assert str(forwarding_text.explain(code).title).endswith("."), code
        assert str(forwarding_text.explain(code).advice).endswith("."), code
