"""A tenant whose lock is held: its files wait, those of other tenants do not."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client

from portal.db import unit_of_work
from portal.errors import Unavailable
from portal.jobs.queue import JobState
from tests.builders import NOW, Company
from tests.journeys.stored_files import Api, put
from usage.models import FileState, KeyState, ServerKey, Settling
from usage.servers import keys as server_keys
from usage.uploads import judge, judge_pending, read_file
from usage.uploads import receive as upload_receive
from usage.usg import fingerprint

DAY = date(2026, 5, 7)
LATER = NOW + timedelta(minutes=5)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unit_of_work, "LOCK_TIMEOUT", "200ms")


@contextmanager
def holding_lock(company: Company) -> Iterator[None]:
    """Keep a tenant's lock in another connection."""
    held, enough = threading.Event(), threading.Event()

    def hold() -> None:
        with unit_of_work.acting_for(company.id, holding=True):
            held.set()
            enough.wait(30)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(10)
    try:
        yield
    finally:
        enough.set()
        thread.join()


@contextmanager
def holding_lock_once_received(company: Company) -> Iterator[None]:
    """Keep the lock from the moment on in which a file is received."""
    receive = upload_receive.receive
    with pytest.MonkeyPatch.context() as patch:
        held = holding_lock(company)

        def received(*args: Any) -> upload_receive.ReceivedFile:
            receipt = receive(*args)
            held.__enter__()
            return receipt

        patch.setattr(upload_receive, "receive", received)
        try:
            yield
        finally:
            held.__exit__(None, None, None)


def test_a_lock_that_is_not_to_be_had_is_not_waited_for(alice: Company) -> None:
    with holding_lock(alice):
        with (
            pytest.raises(OperationalError),
            unit_of_work.acting_for(alice.id, holding=True),
        ):
            pass
        with pytest.raises(OperationalError), unit_of_work.acting_for(alice.id):
            unit_of_work.hold_tenant(alice.id)


def test_the_longest_wait_ends_with_the_unit_of_work(alice: Company) -> None:
    asked = "select current_setting('lock_timeout')"
    for who in (alice.id, unit_of_work.STAFF, unit_of_work.SWEEP):
        with unit_of_work.acting_for(who), connection.cursor() as cursor:
            cursor.execute(asked)
            assert cursor.fetchone() == ("200ms",)
    with connection.cursor() as cursor:
        cursor.execute(asked)
        assert cursor.fetchone() == ("0",)


def test_a_file_that_cannot_be_judged_now_is_received(alice: Company) -> None:
    with holding_lock_once_received(alice):
        file, is_new = alice.send(alice.server.day(DAY))
    assert (file.state, is_new) == (FileState.RECEIVED, True)
    assert judge_pending.judge_pending(at=LATER) == 1
    assert alice.files()[0].state == FileState.ACCEPTED


def test_a_file_that_cannot_be_received_now_leaves_nothing(
    alice: Company, tmp_path: Path
) -> None:
    with holding_lock(alice), pytest.raises(Unavailable) as refusal:
        alice.send(alice.server.day(DAY))
    assert refusal.value.code == "busy"
    assert [path for path in tmp_path.rglob("*.usg") if path.is_file()] == []
    assert alice.files() == []


def test_the_api_says_that_the_portal_is_busy(alice: Company, api: Api) -> None:
    alice.send(alice.writer("IC77").day(DAY))
    with unit_of_work.acting_for(alice.id, reading=True):
        key = ServerKey.objects.get(state=KeyState.PROPOSED)
    path = f"/servers/IC77/keys/{key.fingerprint}/confirm"
    client = Client(raise_request_exception=False)
    client.force_login(alice.people["admin"])
    with holding_lock(alice):
        sent = put(api, alice, alice.server.day(DAY))
        confirmed = client.generic("POST", f"/api/v1{path}")
    for answer in (sent, confirmed):
        assert (answer.status_code, answer.json()["code"]) == (503, "busy")


def test_one_tenants_lock_keeps_no_other_tenants_verdict(
    alice: Company, charlie: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unit_of_work, "LOCK_TIMEOUT", "20s")
    monkeypatch.setattr(read_file, "_gate", threading.BoundedSemaphore(1))
    file, _ = alice.send(alice.writer("IC77").day(DAY))
    begun = threading.Event()

    def judge_later() -> None:
        begun.set()
        judge.judge_file(alice.id, file.pk, at=LATER)
        connection.close()

    with holding_lock(alice):
        waiting = threading.Thread(target=judge_later)
        waiting.start()
        assert begun.wait(10)
        # Until it waits for the lock, and not only is about to.
        _await_a_waiter()
        is_free = read_file._gate.acquire(timeout=5)
        assert is_free
        read_file._gate.release()
        assert charlie.send(charlie.server.day(DAY))[0].state == FileState.ACCEPTED
    waiting.join(10)


def _await_a_waiter() -> None:
    asked = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
    pause = threading.Event()
    for _ in range(100):
        with connection.cursor() as cursor:
            cursor.execute(asked)
            if cursor.fetchone() != (0,):
                return
        pause.wait(0.05)
    pytest.fail("Nobody waits for the lock.")


def test_the_sweep_asks_for_a_lock_once_and_goes_on(
    alice: Company, charlie: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge, "judge", lambda *_, **__: 1 / 0)
        for data in alice.server.days(DAY, DAY + timedelta(days=3)):
            alice.send(data)
        charlie.send(charlie.server.day(DAY), at=NOW + timedelta(minutes=1))
    asked = []
    judge_later = judge.judge_file

    def count(tenant_id: int, *args: Any, **kwargs: Any) -> Any:
        asked.append(tenant_id)
        return judge_later(tenant_id, *args, **kwargs)

    monkeypatch.setattr(judge, "judge_file", count)
    with holding_lock(alice):
        assert judge_pending.judge_pending(at=LATER) == 5
    assert asked == [alice.id, charlie.id]
    assert charlie.files()[0].state == FileState.ACCEPTED
    with unit_of_work.acting_for(alice.id, reading=True):
        rows = set(Settling.objects.values_list("state", "problem", "lease"))
    assert rows == {(JobState.WAITING, "busy", None)}


def test_held_files_are_left_to_the_sweep_where_the_lock_is_not_to_be_had(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = alice.writer("IC77")
    for data in stranger.days(DAY, DAY + timedelta(days=3)):
        alice.send(data)
    tried = []

    def raise_busy(_tenant: int, file_id: object, **_: object) -> None:
        tried.append(file_id)
        raise OperationalError

    with monkeypatch.context() as patch:
        patch.setattr(judge, "judge_file", raise_busy)
        server_keys.confirm_key(
            alice.id,
            server="IC77",
            key=fingerprint(stranger.pair.public),
            by="admin",
            at=LATER,
        )
    assert len(tried) == 1
    assert judge_pending.judge_pending(at=LATER) == 4
    assert {file.state for file in alice.files()} == {FileState.ACCEPTED}
