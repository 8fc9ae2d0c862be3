"""The broker hangs, stops, loses messages: no upload fails, all jobs run afterwards.

FAULTS_UPLOADS says how many files are sent while it is not well; then the strict
bounds hold, and only beat starts tasks afterwards.
"""

import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from portal.stack.run import CELERY, FORWARDS, describe_worker
from tests.builders import open_company
from tests.faults.answer_log import AnswerLog
from tests.faults.consistency_check import check_consistency
from tests.faults.customer_client import DAYS, Customer, FaultClient
from tests.faults.faulty_broker import Broker, own_broker
from tests.faults.stored_state import StoredState
from tests.journeys.live_server import (
    ROOT,
    RunningPortal,
    environment_of,
    running_portal,
    wait_for,
)

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1_200)]

IS_LONG = "FAULTS_UPLOADS" in os.environ
UPLOADS = int(os.environ.get("FAULTS_UPLOADS") or 30)
ROUNDS = max(2, UPLOADS // 60)
WELL, UNWELL = "usual", ("hung", "stopped", "emptied")
EACH = UPLOADS // len(UNWELL) // ROUNDS + 1

# Everything has been forwarded so many seconds after the broker is back.
DONE_WITHIN = 120

# An answer takes at most twice as long as usual. A few files on a busy machine do not
# measure that: there, seconds that are not lost are what is looked for.
MOST_TIMES, SLACK = 2.0, 0.0 if IS_LONG else 0.5


@dataclass
class Timed:
    """How long the answers took in one state of the broker, in seconds."""

    seconds: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def p95(self) -> float:
        return statistics.quantiles(self.seconds, n=20)[-1]

    def __str__(self) -> str:
        count = len(self.seconds)
        return f"{count} files, median {self.median:.3f} s, p95 {self.p95:.3f} s"


@contextmanager
def background(environment: dict[str, str], var: Path) -> Iterator[list[int]]:
    """Run the product's workers, and beat where nothing else is to run tasks.

    What ends is started again, as the supervisor does. Yields the exit codes.
    """
    commands = [
        describe_worker("worker", "celery,refresh", 1),
        describe_worker("forwarder", "forward", FORWARDS),
    ]
    if IS_LONG:
        schedule = f"--schedule={var / 'beat'}"
        commands.append((*CELERY, "beat", "--pidfile=", schedule))
    over, ended = threading.Event(), list[int]()

    def keep(command: tuple[str, ...]) -> None:
        while not over.is_set():
            with (var / "celery.log").open("ab") as journal:
                process = subprocess.Popen(
                    [sys.executable, "-m", *command],
                    cwd=ROOT,
                    env={**environment, "PYTHONWARNINGS": "ignore"},
                    stdin=subprocess.DEVNULL,
                    stdout=journal,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            while process.poll() is None and not over.wait(0.2):
                pass
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            else:
                ended.append(process.returncode)
            process.wait()

    threads = [threading.Thread(target=keep, args=(one,)) for one in commands]
    for thread in threads:
        thread.start()
    try:
        yield ended
    finally:
        over.set()
        for thread in threads:
            thread.join()


def send(client: FaultClient, number: int) -> list[float]:
    entries = [client.send(client.customer.good()) for _ in range(number)]
    # Not one of them had to be sent again.
    assert {entry.state for entry in entries} == {"accepted"}
    assert (client.answer_log.cuts, client.answer_log.refusals) == (0, {})
    return [entry.seconds for entry in entries]


def measure(client: FaultClient, broker: Broker) -> dict[str, Timed]:
    """Send some files in each state of the broker, round by round."""
    timed = {state: Timed([]) for state in (WELL, *UNWELL)}
    send(client, 5)
    for _ in range(ROUNDS):
        for state, kept in timed.items():
            with getattr(broker, state)():
                kept.seconds += send(client, EACH)
    return timed


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with own_broker(tmp_path / "valkey") as running:
        yield running


@pytest.fixture
def environment(stored: StoredState, broker: Broker, worker_id: str) -> dict[str, str]:
    """Return the settings of all processes that differ from other tests."""
    return {
        "S3_BUCKET": stored.s3["bucket"],
        "S3_PREFIX": stored.s3["prefix"],
        "BROKER_URL": broker.url,
        "LOG_LEVEL": "ERROR",
    }


@pytest.fixture
def portal(
    stored: StoredState, environment: dict[str, str], worker_id: str
) -> Iterator[RunningPortal]:
    var, database = stored.folder.parent, f"test_portal_{worker_id}"
    with running_portal(var, database=database, changes=environment) as running:
        port = running.port
        settings = environment_of(
            var, database=database, port=port, changes=environment
        )
        with background(settings, var):
            yield running


def test_no_upload_notices_the_broker_and_all_is_forwarded_after_it(
    stored: StoredState,
    portal: RunningPortal,
    broker: Broker,
    capsys: pytest.CaptureFixture[str],
) -> None:
    company = open_company("B-1", name="B-1", zone="Europe/Berlin")
    servers = (len(UNWELL) + 1) * EACH * ROUNDS // DAYS + 2
    client = FaultClient(
        portal.port, Customer.of(company, servers=servers), AnswerLog()
    )
    timed = measure(client, broker)
    began = time.monotonic()

    def is_done() -> bool:
        if not IS_LONG and stored.waiting():
            # As beat would: accepting a file sends a wake-up.
            send(client, 1)
            time.sleep(2)
        return stored.waiting() == 0

    assert wait_for(is_done, DONE_WITHIN), stored.waiting()
    took = time.monotonic() - began
    with capsys.disabled():
        lines = [f"  {state}: {one}" for state, one in timed.items()]
        text = "\n".join(lines)
        sys.stdout.write(f"\n{text}\n  all forwarded {took:.0f} s after its return\n")
    usual = timed.pop(WELL)
    for state, one in timed.items():
        assert one.median <= MOST_TIMES * usual.median + SLACK, state
        assert one.p95 <= MOST_TIMES * usual.p95 + SLACK, state
    assert check_consistency(stored, [client]).bad == []
