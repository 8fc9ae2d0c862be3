"""Tells the workers to have a look now; what is to be done stands in rows.

Nothing in a request waits for the broker. A ring is noted after the commit and sent
by a thread of its own; rings that pile up while one is on its way are sent once. A
ring that cannot be sent is logged and forgotten: beat rings every minute anyway.
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

    def ring(self, task: str) -> None:
        with self._changed:
            self._wanted.add(task)
            # Begun at the first ring, so that it lives in the process that rings
            # and not in the one that was forked to make it.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._send_for_ever, name="doorbell", daemon=True
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
    """Have a task looked after once the running transaction is committed."""
    transaction.on_commit(lambda: _thread.ring(task))


def _send(task: str) -> None:
    from portal.celery import app

    try:
        app.send_task(task)
    except Exception as error:  # noqa: BLE001 - whatever the broker's client raises
        logger.warning("The broker did not take %s: %s", task, error)
