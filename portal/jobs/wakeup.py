"""Wakes the Celery workers once a transaction is committed, from a thread.

The jobs themselves are rows. Nothing in a request waits for the broker: a wake-up is
requested after the commit and sent by a thread of its own, and requests that pile up
while one is being sent are sent once. A wake-up that cannot be sent is logged and
dropped: beat sends one every minute anyway.
"""

import logging
import threading

from django.db import transaction

logger = logging.getLogger(__name__)


class _WakeUpThread:
    def __init__(self) -> None:
        self._wanted: set[str] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def request(self, task: str) -> None:
        with self._changed:
            self._wanted.add(task)
            # Started by the first request, so that the thread runs in the process
            # that requests and not in its parent before the fork.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._send_for_ever, name="wake-up", daemon=True
                )
                self._thread.start()
            self._changed.notify()

    def _send_for_ever(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._wanted)
                tasks, self._wanted = self._wanted, set()
            for task in tasks:
                _send(task)


_thread = _WakeUpThread()


def wake_up(task: str) -> None:
    """Have a worker run a task once the running transaction is committed."""
    transaction.on_commit(lambda: _thread.request(task))


def _send(task: str) -> None:
    from portal.celery import app

    try:
        app.send_task(task)
    except Exception as error:  # noqa: BLE001 - whatever the broker's client raises
        logger.warning("The broker did not take %s: %s", task, error)
