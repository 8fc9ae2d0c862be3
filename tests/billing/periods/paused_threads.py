"""Runs a function in a thread that stops at a failpoint until it is resumed."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from portal.health import failpoints

# Longer than anything takes here, shorter than a test may.
_PATIENCE = 30


class PausedThread:
    """A thread with its own connection; `arrived` is set at its failpoint."""

    def __init__(self, function: Callable[[], Any], place: str) -> None:
        self.place = place
        self.arrived, self._resumed = threading.Event(), threading.Event()
        self.result: Any = None
        self._error: BaseException | None = None
        self._function = function
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.result = self._function()
        except BaseException as error:  # noqa: BLE001 - raised by `finish`
            self._error = error
        finally:
            connection.close()
            self.arrived.set()

    def reach(self, place: str) -> None:
        if place == self.place and threading.current_thread() is self._thread:
            self.arrived.set()
            assert self._resumed.wait(_PATIENCE)

    @property
    def is_waiting(self) -> bool:
        """Whether it is still running after a while in which it could have ended."""
        self._thread.join(0.3)
        return self._thread.is_alive()

    def finish(self) -> Any:
        """Resume it; return its result."""
        self._resumed.set()
        self._thread.join(_PATIENCE)
        assert not self._thread.is_alive()
        if self._error is not None:
            raise self._error
        return self.result


@contextmanager
def paused(
    function: Callable[[], Any], place: str, patch: pytest.MonkeyPatch
) -> Iterator[PausedThread]:
    """Run a function up to a failpoint; the block runs while it is paused."""
    threads: list[PausedThread] = []
    ready = threading.Event()

    def reach(name: str) -> None:
        if threading.current_thread() is not threading.main_thread():
            assert ready.wait(_PATIENCE)
            for one in threads:
                one.reach(name)

    with patch.context() as own:
        own.setattr(failpoints, "reach", reach)
        thread = PausedThread(function, place)
        threads.append(thread)
        ready.set()
        assert thread.arrived.wait(_PATIENCE)
        try:
            yield thread
        finally:
            thread.finish()


def running(function: Callable[[], Any]) -> PausedThread:
    """Run a function in a thread that stops nowhere."""
    return PausedThread(function, "")
