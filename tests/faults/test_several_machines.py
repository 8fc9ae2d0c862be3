"""Two machines with folders of their own, and the store on S3: either may be killed.

FAULTS_MACHINE_UPLOADS and FAULTS_MACHINE_KILLS say how many files are sent, and how
often a web server or a worker is killed meanwhile.
"""

import os
import random
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import uuid4

import pytest

from tests.builders import open_company
from tests.faults.answer_log import AnswerLog
from tests.faults.consistency_check import ConsistencyReport, check_consistency
from tests.faults.customer_client import DAYS, PATIENCE, Customer, FaultClient
from tests.faults.killable_portal import (
    ALL_TASKS,
    MOST_ROUNDS,
    WorkProcess,
    broken_invariants,
)
from tests.faults.several_machines import Killing, Machine, run_machines
from tests.faults.stored_state import StoredState
from usage.inbox import s3 as inbox_s3

UPLOADS = int(os.environ.get("FAULTS_MACHINE_UPLOADS") or 60)
KILLS = int(os.environ.get("FAULTS_MACHINE_KILLS") or 2)
SEED = int(os.environ.get("FAULTS_SEED") or 1)
CLIENTS = 4

# Every file is that of another day of another server.
EACH = UPLOADS // CLIENTS
SERVERS = EACH // DAYS + 1

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180 + UPLOADS)]


@dataclass
class Senders:
    """Clients that send to any of the machines, until each file is answered."""

    clients: list[FaultClient]
    machines: list[Machine]
    sent: int = 0
    errors: list[Exception] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send_all(self, killing: Killing) -> None:
        threads = [
            threading.Thread(target=self._send, args=(client, SEED + number))
            for number, client in enumerate(self.clients)
        ]
        for thread in threads:
            thread.start()
        for after in _moments():
            while self.sent < after and any(one.is_alive() for one in threads):
                time.sleep(0.01)
            killing.kill_next()
        for thread in threads:
            thread.join()
        assert self.errors == [], self.machines[0].log + self.machines[1].log

    def _send(self, client: FaultClient, seed: int) -> None:
        rng = random.Random(seed)
        try:
            for number in range(EACH):
                content = client.customer.any(rng)
                # One in five is sent again, as a script does that was cut off.
                tries = 2 if rng.random() < 0.2 else 1
                for name in (str(number), f"again-{number}")[:tries]:
                    until = time.monotonic() + PATIENCE
                    while not self._any(client, rng).try_once(content, name=name):
                        assert time.monotonic() < until, name
                        time.sleep(0.1)
                with self._lock:
                    self.sent += 1
        except Exception as error:  # noqa: BLE001 - reported by the thread that joins this one
            self.errors.append(error)

    def _any(self, client: FaultClient, rng: random.Random) -> FaultClient:
        return replace(client, port=rng.choice(self.machines).port)


def _moments() -> Iterator[int]:
    """Yield after how many files each kill is due."""
    return (UPLOADS * number // (KILLS + 1) for number in range(1, KILLS + 1))


def test_two_machines_share_all_files_whichever_is_killed(
    stored: StoredState,
    worker_id: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bucket, prefix = f"machines-{worker_id}", f"{uuid4().hex}/"
    inbox_s3.prepare(bucket)
    changes = {
        "S3_BUCKET": stored.s3["bucket"],
        "S3_PREFIX": stored.s3["prefix"],
        "USAGE_STORE": "s3",
        "USAGE_STORE_BUCKET": bucket,
        "USAGE_STORE_PREFIX": prefix,
        "LOG_LEVEL": "WARNING",
    }
    on_s3 = replace(stored, store=(bucket, prefix))
    answer_log = AnswerLog()
    database = f"test_portal_{worker_id}"
    with run_machines(tmp_path, 2, database=database, changes=changes) as machines:
        clients = [
            FaultClient(machines[0].port, _open_customer(number), answer_log)
            for number in range(CLIENTS)
        ]
        killing = Killing(machines, random.Random(SEED))
        began = time.monotonic()
        Senders(clients, machines).send_all(killing)
        took = time.monotonic() - began
        for machine in machines:
            machine.end("worker")
            machine.await_web()
        report = finish_and_check(on_s3, clients, machines)
        with capsys.disabled():
            _write_counts(killing, answer_log, report, took)
        assert report.bad == []
        assert report.confirmed == sum(map(_is_accepted, answer_log.contents.values()))
        # Each machine has had its share, and keeps nothing that another would miss.
        assert [machine.files for machine in machines] == [[], []]


def _open_customer(number: int) -> Customer:
    name = f"M-{number}"
    company = open_company(name, name=name, zone="Europe/Berlin")
    return Customer.of(company, servers=SERVERS)


def _is_accepted(content: object) -> bool:
    return getattr(content, "final_state", "") == "accepted"


def finish_and_check(
    stored: StoredState, clients: list[FaultClient], machines: list[Machine]
) -> ConsistencyReport:
    """Run all waiting jobs on the second machine; then compare everything."""
    with (machines[1].var / "work.log").open("wb") as journal:
        work = WorkProcess(machines[1].environment, journal)
        try:
            for _ in range(MOST_ROUNDS):
                stored.let_time_pass()
                assert work.run(*ALL_TASKS) == 0, machines[1].log
                if not stored.waiting():
                    break
            report = check_consistency(stored, clients)
            report.wrong += broken_invariants(work)
            return report
        finally:
            work.end()


def _write_counts(
    killing: Killing, log: AnswerLog, report: ConsistencyReport, took: float
) -> None:
    slowest = max(log.seconds)
    sys.stdout.write(
        f"\n{len(log.contents)} files in {took:.0f} s, {len(killing.killed)} kills,"
        f" seed {SEED}: {log.tries} tries, {log.cuts} cut, {log.answered} answered"
        f" (slowest {slowest:.1f} s), {report.kept} kept, {report.confirmed} confirmed"
        f" in S3, {len(report.stray)} stray; lost {len(report.lost)}, doubled"
        f" {len(report.doubled)}\n  {dict(log.refusals)}\n"
    )
