"""Wake-ups: nothing waits for the broker, whatever state it is in."""

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import transaction

from portal.celery import app
from portal.jobs import wakeup


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        time.sleep(0.01)
    pytest.fail("it did not happen")


@pytest.fixture(autouse=True)
def _own_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    # The one of another test may still be waiting for that test's broker.
    monkeypatch.setattr(wakeup, "_thread", wakeup._WakeUpThread())


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    tasks: list[str] = []
    monkeypatch.setattr(wakeup, "_send", tasks.append)
    return tasks


def test_a_wakeup_is_sent_after_the_commit(db: None, sent: list[str]) -> None:
    with transaction.atomic():
        wakeup.wake_up("usage.forward")
        time.sleep(0.05)
        assert sent == []
    wait_for(lambda: sent == ["usage.forward"])


def test_what_is_rolled_back_sends_no_wakeup(db: None, sent: list[str]) -> None:
    with transaction.atomic():
        wakeup.wake_up("usage.forward")
        transaction.set_rollback(True)
    time.sleep(0.05)
    assert sent == []


def test_wakeups_that_pile_up_are_sent_once(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []

    def slow(task: str) -> None:
        time.sleep(0.1)
        sent.append(task)

    monkeypatch.setattr(wakeup, "_send", slow)
    for _ in range(50):
        wakeup.wake_up("usage.forward")
    wait_for(lambda: bool(sent))
    time.sleep(0.3)
    # One, and one more if it was sent already when the last one was requested.
    assert len(sent) <= 2


@pytest.fixture
def hung_broker() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


def test_a_broker_that_never_answers_holds_nobody_up(
    db: None, monkeypatch: pytest.MonkeyPatch, hung_broker: str, settings: Any
) -> None:
    monkeypatch.setitem(app.conf, "broker_url", hung_broker)
    started = time.monotonic()
    wakeup.wake_up("usage.forward")
    assert time.monotonic() - started < 0.1


def test_a_wakeup_that_cannot_be_sent_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(_: str) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(app, "send_task", refused)
    wakeup._send("usage.forward")
    assert "did not take usage.forward" in caplog.text
