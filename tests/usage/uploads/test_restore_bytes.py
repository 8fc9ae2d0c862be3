"""Lost or damaged bytes that exist nowhere else are restored when sent again."""

import os
import threading
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.jobs.queue import JobState
from portal.models import AuditEntry
from tests.builders import NOW, Company
from usage.files.queries import WantedFile, find_kept
from usage.forwarding import forward as forwarding_forward
from usage.maintenance import orphans
from usage.models import FileState, Forwarding, UsageFile
from usage.review import decide
from usage.storage import archive, s3_client, store
from usage.storage.spool import Spool, stored_name
from usage.uploads import judge_pending, restore_bytes

DAY = date(2026, 5, 7)
LATER = NOW + timedelta(hours=1)


@pytest.fixture(autouse=True)
def _bucket(db: None, settings: Any, tmp_path: Path) -> Iterator[None]:
    settings.S3 = {**settings.S3, "prefix": f"{tmp_path.name}/"}
    archive.prepare()
    yield
    s3_client.client.cache_clear()


def forward(at: Any = LATER) -> None:
    while forwarding_forward.forward_waiting(now=lambda: at):
        pass


def reread(company: Company) -> UsageFile:
    with unit_of_work.acting_for(company.id, reading=True):
        return UsageFile.objects.select_related("forwarding").get()


def path_of(tmp_path: Path, file: UsageFile) -> Path:
    return tmp_path / "usage" / stored_name(file.tenant_id, file.pk)


def is_wanted(company: Company, file: UsageFile) -> bool:
    """What `POST /files/check` says."""
    with unit_of_work.acting_for(company.id, reading=True):
        return find_kept([WantedFile(size=file.size, sha256=bytes(file.sha256))]) == [
            None
        ]


def lose(company: Company) -> None:
    """Let a file be one that S3 has lost long after the portal let its bytes go."""
    with unit_of_work.acting_for(company.id):
        UsageFile.objects.update(stored_as="", bytes_removed_at=NOW)
        Forwarding.objects.update(state=JobState.FAILED, problem="object-lost")


def assert_restored(company: Company, times: int = 1) -> None:
    with unit_of_work.acting_for(company.id, reading=True):
        assert AuditEntry.objects.filter(act="bytes-regained").count() == times
        assert audit_log.first_break(tenant_id=company.id) is None


@pytest.mark.parametrize("left", [None, b"cut"])
def test_bytes_that_are_gone_before_s3_had_them_come_back(
    alice: Company, tmp_path: Path, left: bytes | None
) -> None:
    data = alice.server.day(DAY)
    file, _ = alice.send(data)
    path = path_of(tmp_path, file)
    path.unlink()
    if left is not None:
        path.write_bytes(left)
    assert is_wanted(alice, file)
    again, is_new = alice.send(data, at=LATER)
    assert (again.pk, again.received_at, is_new) == (file.pk, NOW, False)
    assert path.read_bytes() == data
    assert not is_wanted(alice, file)
    forward()
    assert reread(alice).forwarding.state == JobState.DONE
    assert archive.fetch(reread(alice).forwarding.key) == data
    assert_restored(alice)


def test_damaged_bytes_wait_for_a_person_are_logged_and_come_back(
    alice: Company, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = alice.server.day(DAY)
    file, _ = alice.send(data)
    path = path_of(tmp_path, file)
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    forward(NOW)
    row = reread(alice).forwarding
    assert (row.state, row.problem) == (JobState.FAILED, store.BYTES_DIFFER)
    assert "CRITICAL" in caplog.text
    assert archive.head(row.key) is None
    assert is_wanted(alice, file)
    alice.send(data, at=LATER)
    assert path.read_bytes() == data
    forward()
    assert reread(alice).forwarding.state == JobState.DONE
    assert_restored(alice)


def test_bytes_that_are_whole_are_not_asked_for_again(
    alice: Company, tmp_path: Path
) -> None:
    data = alice.server.day(DAY)
    file, _ = alice.send(data)
    number = path_of(tmp_path, file).stat().st_ino
    assert not is_wanted(alice, file)
    alice.send(data)
    assert path_of(tmp_path, file).stat().st_ino == number
    forward()
    # S3 has it: nobody needs to send it for what is lost here.
    path_of(tmp_path, file).unlink()
    assert not is_wanted(alice, file)
    assert_restored(alice, times=0)


@pytest.mark.parametrize("state", [FileState.HELD, FileState.REFUSED])
def test_what_is_not_accepted_comes_back_and_is_not_forwarded(
    alice: Company, tmp_path: Path, state: str
) -> None:
    data = alice.writer("IC77").day(DAY)
    file, _ = alice.send(data)
    if state == FileState.REFUSED:
        decide.refuse(alice.id, file_id=file.pk, by="clerk", at=NOW, reason="No.")
    path_of(tmp_path, file).unlink()
    assert is_wanted(alice, file)
    again, _ = alice.send(data)
    assert (again.pk, again.state) == (file.pk, state)
    assert path_of(tmp_path, file).read_bytes() == data
    with unit_of_work.acting_for(alice.id, reading=True):
        assert not Forwarding.objects.exists()


def test_what_was_never_judged_comes_back_and_is(
    alice: Company, tmp_path: Path
) -> None:
    data = alice.server.day(DAY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("usage.uploads.judge.judge", lambda *_, **__: 1 / 0)
        file, _ = alice.send(data)
    path_of(tmp_path, file).unlink()
    judge_pending.judge_pending(at=LATER)
    assert reread(alice).state == FileState.RECEIVED
    alice.send(data)
    judge_pending.judge_pending(at=LATER + timedelta(hours=1))
    assert reread(alice).state == FileState.ACCEPTED


def test_a_store_that_is_away_says_nothing_about_a_file(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = alice.server.day(DAY)
    file, _ = alice.send(data)

    def size_of(_name: str) -> int:
        raise PermissionError

    monkeypatch.setattr(store, "size_of", size_of)
    assert not is_wanted(alice, file)
    assert alice.send(data)[0].pk == file.pk
    assert_restored(alice, times=0)


class PowerCut(BaseException):
    """Ends a request as nothing that is caught."""


def test_who_dies_while_regaining_takes_nothing_from_another(
    alice: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = alice.server.day(DAY)
    file, _ = alice.send(data)
    lose(alice)
    path_of(tmp_path, file).unlink()

    def send_too() -> None:
        try:
            alice.send(data, at=LATER)
        finally:
            connection.close()

    other, remove = threading.Thread(target=send_too), store.remove

    def remove_while_another_sends(name: str) -> None:
        # The other request comes at the worst moment: it is given all the time it
        # needs, unless it is made to wait. Then this one dies.
        monkeypatch.setattr(store, "remove", remove)
        other.start()
        other.join(1)
        remove(name)
        raise PowerCut

    monkeypatch.setattr(store, "remove", remove_while_another_sends)
    with pytest.raises(PowerCut):
        alice.send(data, at=LATER)
    other.join()
    assert path_of(tmp_path, file).read_bytes() == data
    assert reread(alice).stored_as
    assert_restored(alice)


def test_bytes_that_came_back_meanwhile_are_not_left_over(
    alice: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = alice.server.day(DAY)
    file, _ = alice.send(data)
    lose(alice)
    # A crash has left its bytes.
    os.utime(path_of(tmp_path, file), (0, 0))
    at = NOW + timedelta(days=9)
    is_older = store.is_older_than

    def is_older_while_it_comes_back(name: str, **arguments: Any) -> bool:
        found = is_older(name, **arguments)
        monkeypatch.setattr(store, "is_older_than", is_older)
        alice.send(data, at=at)
        return found

    monkeypatch.setattr(store, "is_older_than", is_older_while_it_comes_back)
    report = orphans.remove_orphans(now=lambda: at)
    assert report.findings == []
    assert path_of(tmp_path, file).read_bytes() == data
    assert reread(alice).stored_as


def test_what_needs_nothing_is_left_alone(alice: Company) -> None:
    file, _ = alice.send(alice.server.day(DAY))
    with Spool() as spool:
        arguments: Any = {
            "tenant_id": alice.id,
            "file_id": file.pk,
            "by": "x",
            "at": NOW,
        }
        assert restore_bytes.restore(spool, **arguments) is False
    assert_restored(alice, times=0)
