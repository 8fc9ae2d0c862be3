"""A Valkey for one test, which can hang, stop, or lose all messages."""

import random
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from portal.stack import ports, valkey
from tests.journeys.live_server import wait_for

PASSWORD = "of-these-tests"

# Seconds between two times of forgetting.
FORGETS_AFTER = (0.01, 0.1)


class Broker:
    """The running server, on one port for all its lives."""

    def __init__(self, folder: Path) -> None:
        self._port = ports.find_free()
        self._part = valkey.describe_server(folder, self._port, PASSWORD)
        self.url = f"redis://:{PASSWORD}@{ports.LOOPBACK}:{self._port}/0"
        self._start()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            self._part.argv,
            cwd=self._part.cwd,
            env=dict(self._part.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert wait_for(self._part.is_ready)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()

    @contextmanager
    def usual(self) -> Iterator[None]:
        yield

    @contextmanager
    def hung(self) -> Iterator[None]:
        """Accept connections, and say nothing."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        self._process.terminate()
        self._process.wait()
        try:
            yield
        finally:
            self._start()

    @contextmanager
    def emptied(self) -> Iterator[None]:
        """Forget every message, again and again, at random."""
        rng, over = random.Random(1), threading.Event()

        def forget() -> None:
            with redis.Redis.from_url(self.url) as client:
                while not over.wait(rng.uniform(*FORGETS_AFTER)):
                    client.flushall()

        thread = threading.Thread(target=forget)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


@contextmanager
def own_broker(folder: Path) -> Iterator[Broker]:
    broker = Broker(folder)
    try:
        yield broker
    finally:
        broker.end()
