"""Files to be judged later wait in a row each, and delay no others."""

import logging
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import ProgrammingError

from portal.db import unit_of_work
from portal.jobs import queue as job_queue
from portal.jobs import wakeup
from portal.jobs.queue import JobState
from tests.builders import NOW, Company
from usage import tasks, tenant_keys
from usage.models import FileState, Settling, UsageFile
from usage.review import decide
from usage.servers import keys as server_keys
from usage.storage import store
from usage.storage.spool import Spool
from usage.uploads import judge, judge_pending, read_file
from usage.usg import fingerprint

DAY = date(2026, 5, 7)
LATER = NOW + timedelta(minutes=5)


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tasks that wake-ups name; nothing is sent."""
    woken_tasks: list[str] = []
    monkeypatch.setattr(wakeup._thread, "request", woken_tasks.append)
    return woken_tasks


def send_unjudged(
    company: Company, data: bytes, *, at: datetime = NOW, is_broken: bool = False
) -> UsageFile:
    """Send a file whose request cannot judge it; a broken one never can be."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge, "judge", lambda *_, **__: 1 / 0)
        file, _ = company.send(data, at=at)
    assert file.state == FileState.RECEIVED
    if is_broken:
        store.remove(file.stored_as)
    return file


def row_of(company: Company, file: UsageFile) -> Settling:
    with unit_of_work.acting_for(company.id, reading=True):
        return Settling.objects.get(file=file)


def state_of(company: Company, file: UsageFile) -> str:
    with unit_of_work.acting_for(company.id, reading=True):
        return UsageFile.objects.get(pk=file.pk).state


def confirm(company: Company, server: str, public: bytes) -> None:
    key = fingerprint(public)
    server_keys.confirm_key(company.id, server=server, key=key, by="admin", at=LATER)


def test_a_judged_file_leaves_nothing_to_judge(alice: Company) -> None:
    for data in (alice.server.day(DAY), alice.writer("IC77").day(DAY), b"rubbish"):
        file, _ = alice.send(data)
        row = row_of(alice, file)
        assert (row.state, row.ended_at) == (JobState.DONE, NOW)


def test_a_file_is_left_to_its_own_request_first(alice: Company) -> None:
    file = send_unjudged(alice, alice.server.day(DAY))
    assert judge_pending.judge_pending(at=NOW + timedelta(minutes=1)) == 0
    assert judge_pending.judge_pending(at=NOW + timedelta(minutes=2)) == 1
    assert state_of(alice, file) == FileState.ACCEPTED
    assert row_of(alice, file).state == JobState.DONE


def test_one_tenants_broken_files_keep_nobody_waiting(
    alice: Company, charlie: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judge_pending, "_BATCH", 4)
    for data in alice.server.days(DAY, DAY + timedelta(days=5)):
        send_unjudged(alice, data, is_broken=True)
    newest = send_unjudged(
        charlie, charlie.server.day(DAY), at=NOW + timedelta(minutes=1)
    )
    # More than a batch of older ones fail first, and then wait, longer each time.
    assert [judge_pending.judge_pending(at=LATER) for _ in range(3)] == [4, 3, 0]
    assert state_of(charlie, newest) == FileState.ACCEPTED
    with unit_of_work.acting_for(alice.id, reading=True):
        rows = list(Settling.objects.all())
    assert {(row.state, row.problem) for row in rows} == {(JobState.WAITING, "failed")}
    assert all(row.due_at > LATER and row.lease is None for row in rows)


def test_what_fails_is_told_whole_once(
    alice: Company, caplog: pytest.LogCaptureFixture
) -> None:
    send_unjudged(alice, alice.server.day(DAY), is_broken=True)
    caplog.clear()
    for number in range(3):
        judge_pending.judge_pending(at=LATER + timedelta(hours=number))
    logged = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [bool(record.exc_info) for record in logged] == [True, False, False]


def test_a_file_that_another_worker_has_claimed_is_left_to_it(alice: Company) -> None:
    file = send_unjudged(alice, alice.server.day(DAY), is_broken=True)
    row = row_of(alice, file)
    with unit_of_work.acting_for(alice.id):
        Settling.objects.update(lease=file.pk, leased_until=LATER + timedelta(hours=1))
    assert judge_pending.judge_pending(at=LATER) == 0
    assert row_of(alice, file).attempts == row.attempts


def test_a_row_that_went_with_its_rejected_file_is_no_fault(
    alice: Company, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file = send_unjudged(alice, b"rubbish")
    claim = job_queue.claim

    def claim_and_lose(*args: Any, **kwargs: Any) -> Any:
        claims = claim(*args, **kwargs)
        judge.judge_file(alice.id, file.pk, at=LATER)
        with unit_of_work.acting_for(alice.id):
            UsageFile.objects.filter(pk=file.pk).delete()
        return claims

    monkeypatch.setattr(job_queue, "claim", claim_and_lose)
    caplog.clear()
    assert judge_pending.judge_pending(at=LATER) == 1
    assert caplog.records == []


def test_what_is_still_to_be_judged_cannot_be_deleted(alice: Company) -> None:
    send_unjudged(alice, alice.server.day(DAY))
    with unit_of_work.acting_for(alice.id):
        assert Settling.objects.all().delete()[0] == 0
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        unit_of_work.acting_for(unit_of_work.STAFF),
    ):
        Settling.objects.all().delete()


def test_a_key_that_is_registered_has_its_held_files_judged(
    alice: Company, woken: list[str]
) -> None:
    stranger = alice.writer("IC77")
    held = [alice.send(data)[0] for data in stranger.days(DAY, DAY + timedelta(days=2))]
    woken.clear()
    with unit_of_work.acting_for(alice.id):
        server_keys.register(
            alice.id, name="ic77", public=stranger.pair.public, by="setup", at=LATER
        )
    assert woken == ["usage.settle"]
    assert {row_of(alice, file).due_at for file in held} == {LATER}
    assert judge_pending.judge_pending(at=LATER) == 3
    assert {state_of(alice, file) for file in held} == {FileState.ACCEPTED}


def test_a_key_without_files_sends_no_wakeup(alice: Company, woken: list[str]) -> None:
    alice.registered("IC55")
    assert "usage.settle" not in woken


def test_confirming_judges_at_once_and_leaves_what_fails_to_the_sweep(
    alice: Company, woken: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    stranger = alice.writer("IC77")
    broken, whole = (
        alice.send(data)[0] for data in stranger.days(DAY, DAY + timedelta(days=1))
    )
    with store.opened(broken.stored_as) as data:
        kept = bytes(data)
    store.remove(broken.stored_as)
    confirm(alice, "IC77", stranger.pair.public)
    assert state_of(alice, whole) == FileState.ACCEPTED
    assert row_of(alice, whole).state == JobState.DONE
    assert state_of(alice, broken) == FileState.HELD
    assert row_of(alice, broken).state == JobState.WAITING
    assert "usage.settle" in woken
    with Spool() as spool:
        spool.write(kept)
        spool.keep(tenant_id=alice.id, file_id=broken.pk)
    assert judge_pending.judge_pending(at=LATER) == 1
    assert state_of(alice, broken) == FileState.ACCEPTED


def test_a_file_that_stays_held_waits_for_no_worker(alice: Company) -> None:
    stranger = alice.writer("IC77")
    held, _ = alice.send(stranger.day(DAY + timedelta(days=60)))
    confirm(alice, "IC77", stranger.pair.public)
    assert state_of(alice, held) == FileState.HELD
    assert row_of(alice, held).state == JobState.DONE


def test_a_file_that_was_refused_meanwhile_is_left_alone(alice: Company) -> None:
    stranger = alice.writer("IC77")
    held, _ = alice.send(stranger.day(DAY))
    with unit_of_work.acting_for(alice.id):
        server_keys.register(
            alice.id, name="IC77", public=stranger.pair.public, by="test", at=LATER
        )
    decide.refuse(alice.id, file_id=held.pk, by="clerk", at=LATER, reason="No.")
    assert judge_pending.judge_pending(at=LATER) == 1
    assert state_of(alice, held) == FileState.REFUSED
    assert row_of(alice, held).state == JobState.DONE


def test_a_claim_from_before_the_key_was_trusted_ends_nothing(alice: Company) -> None:
    stranger = alice.writer("IC77")
    held, _ = alice.send(stranger.day(DAY))
    row = row_of(alice, held)
    with unit_of_work.acting_for(alice.id):
        Settling.objects.update(
            state=JobState.WAITING, attempts=7, lease=held.pk, leased_until=LATER
        )
        server_keys.register(
            alice.id, name="IC77", public=stranger.pair.public, by="test", at=LATER
        )
    again = row_of(alice, held)
    assert again.pk == row.pk
    assert (again.attempts, again.lease, again.ended_at) == (0, None, None)


def test_the_task_goes_on_until_nothing_is_due(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judge_pending, "_BATCH", 2)
    for data in alice.server.days(DAY, DAY + timedelta(days=4)):
        send_unjudged(alice, data)
    tasks.judge_pending_files()
    assert {file.state for file in alice.files()} == {FileState.ACCEPTED}


def broken_reader(*_: object) -> None:
    raise RecursionError


def test_a_file_that_the_reader_does_not_survive_waits_for_a_person(
    alice: Company,
    charlie: Company,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(read_file, "read", broken_reader)
        file, _ = alice.send(alice.server.day(DAY))
        assert file.state == FileState.RECEIVED
        for number in range(job_queue.MOST_FAULTS):
            judge_pending.judge_pending(at=LATER + timedelta(hours=number))
    row = row_of(alice, file)
    assert (row.state, row.problem) == (JobState.FAILED, judge_pending.READER_FAILED)
    assert [r.levelno for r in caplog.records].count(logging.CRITICAL) == 1
    # It keeps nobody waiting, and nobody tries it until a person says so.
    send_unjudged(charlie, charlie.server.day(DAY))
    assert judge_pending.judge_pending(at=LATER + timedelta(days=1)) == 1
    assert state_of(alice, file) == FileState.RECEIVED
    with unit_of_work.acting_for(alice.id):
        assert job_queue.retry(Settling, row.pk, at=LATER)
        assert not job_queue.retry(Settling, row.pk, at=LATER)
    assert judge_pending.judge_pending(at=LATER) == 1
    assert state_of(alice, file) == FileState.ACCEPTED


def test_a_file_whose_worker_never_comes_back_waits_for_a_person(
    alice: Company,
) -> None:
    file = send_unjudged(alice, alice.server.day(DAY))
    at = LATER
    with pytest.MonkeyPatch.context() as patch:
        # As if the process had gone: nothing is written down after the charge.
        patch.setattr(judge, "judge_file", lambda *_, **__: None)
        for _ in range(job_queue.MOST_FAULTS):
            assert judge_pending.judge_pending(at=at) == 1
            assert row_of(alice, file).state == JobState.WAITING
            at += timedelta(hours=1)
        assert judge_pending.judge_pending(at=at) == 1
    assert row_of(alice, file).state == JobState.FAILED


def test_what_is_ours_is_never_given_up(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = send_unjudged(alice, alice.server.day(DAY))
    with monkeypatch.context() as patch:
        patch.setattr(tenant_keys, "opening_key", lambda *_: 1 / 0)
        for number in range(3 * job_queue.MOST_FAULTS):
            assert judge_pending.judge_pending(at=LATER + timedelta(hours=number)) == 1
    row = row_of(alice, file)
    assert (row.state, row.faults) == (JobState.WAITING, 0)


def test_a_decision_ends_a_job_that_waits_for_a_person(alice: Company) -> None:
    held, _ = alice.send(alice.writer("IC77").day(DAY))
    with unit_of_work.acting_for(alice.id):
        Settling.objects.update(state=JobState.FAILED, problem="reader-failed")
    decide.refuse(alice.id, file_id=held.pk, by="clerk", at=LATER, reason="No.")
    judge.judge_file(alice.id, held.pk, at=LATER)
    assert row_of(alice, held).state == JobState.DONE


@pytest.mark.parametrize("sent", [1, 2, 5])
def test_a_file_that_the_reader_does_not_survive_is_read_three_times_whoever_sends_it(
    alice: Company, monkeypatch: pytest.MonkeyPatch, sent: int
) -> None:
    data, read = alice.server.day(DAY), []

    def reader(*_: object) -> None:
        read.append(1)
        raise RecursionError

    with monkeypatch.context() as patch:
        patch.setattr(read_file, "read", reader)
        answers = [alice.send(data, at=NOW) for _ in range(sent)]
        assert {file.state for file, _ in answers} == {FileState.RECEIVED}
        file, _ = answers[0]
        assert len(read) == min(sent, job_queue.MOST_FAULTS)
        for number in range(job_queue.MOST_FAULTS):
            judge_pending.judge_pending(at=LATER + timedelta(hours=number))
        assert len(read) == job_queue.MOST_FAULTS
        assert row_of(alice, file).state == JobState.FAILED
        alice.send(data, at=LATER)
        assert len(read) == job_queue.MOST_FAULTS
    with unit_of_work.acting_for(alice.id):
        job_queue.retry(Settling, Settling.objects.get(file=file).pk, at=LATER)
    again, _ = alice.send(data, at=LATER)
    assert (again.pk, again.state) == (file.pk, FileState.ACCEPTED)
    assert row_of(alice, file).faults == 0


def test_what_is_ours_is_not_charged_to_who_sends_it_again(alice: Company) -> None:
    data = alice.server.day(DAY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tenant_keys, "opening_key", lambda *_: 1 / 0)
        for _ in range(2 * job_queue.MOST_FAULTS):
            file, _ = alice.send(data)
            assert row_of(alice, file).faults == 0
    assert alice.send(data)[0].state == FileState.ACCEPTED
