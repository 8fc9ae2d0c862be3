"""Any process of the whole portal is killed at any moment, under load.

FAULTS_KILLS says how often; a few times as a rule.
"""

import os
import random
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.answer_log import AnswerLog
from tests.faults.consistency_check import ConsistencyReport, check_consistency
from tests.faults.customer_client import FaultClient
from tests.faults.killable_portal import ALL_TASKS, MOST_ROUNDS, broken_invariants
from tests.faults.process_killer import ProcessKiller
from tests.faults.shared_portal import SharedPortal, run_shared_portal

KILLS = int(os.environ.get("FAULTS_KILLS") or 6)
SEED = int(os.environ.get("FAULTS_SEED") or 1)
CLIENTS = 4

# After so many the clients pause, all waiting jobs are run, and consistency is checked.
ROUND = 50

# Days of so many servers are more than a client can send.
SERVERS = max(4, KILLS // 4)

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120 + 10 * KILLS)]


class Load:
    """Clients that send one file after another, until told to stop."""

    def __init__(self, clients: list[FaultClient], seed: int) -> None:
        self.errors: list[Exception] = []
        self._clients, self._seed = clients, seed

    @contextmanager
    def running(self) -> Iterator[None]:
        stop = threading.Event()
        threads = [
            threading.Thread(target=self._send, args=(client, seed, stop))
            for seed, client in enumerate(self._clients, self._seed)
        ]
        self._seed += len(threads)
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert self.errors == []

    def _send(self, client: FaultClient, seed: int, stop: threading.Event) -> None:
        rng = random.Random(seed)
        content = client.customer.any(rng)
        try:
            while not stop.is_set():
                client.send(content, name=f"{rng.random()}.usg")
                if rng.random() < 0.8:
                    content = client.customer.any(rng)
                time.sleep(rng.uniform(0, 0.3))
        except Exception as error:  # noqa: BLE001 - reported by the thread that joins this one
            self.errors.append(error)


def finish_and_check(
    portal: SharedPortal, clients: list[FaultClient]
) -> ConsistencyReport:
    """Wait until every part is well, run all waiting jobs, and check consistency."""
    portal.await_health()
    stored = portal.stored
    with portal.working() as work:
        for _ in range(MOST_ROUNDS):
            stored.let_time_pass()
            work.run(*ALL_TASKS)
            if not stored.waiting():
                break
        report = check_consistency(stored, clients)
        report.wrong += broken_invariants(work)
    return report


def test_whatever_is_killed_nothing_is_lost_and_nothing_is_doubled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer_log, rng = AnswerLog(), random.Random(SEED)
    with run_shared_portal(tmp_path / "var") as portal:
        customers = portal.open_customers(CLIENTS, servers=SERVERS)
        clients = [FaultClient(portal.port, one, answer_log) for one in customers]
        killer, load = ProcessKiller(portal, rng), Load(clients, SEED)
        left, report = KILLS, ConsistencyReport()
        while left > 0:
            with load.running():
                killer.kill(min(left, ROUND))
            left -= ROUND
            report = finish_and_check(portal, clients)
            assert report.bad == []
            with capsys.disabled():
                _write_counts(killer, answer_log, report)


def _write_counts(
    killer: ProcessKiller, log: AnswerLog, report: ConsistencyReport
) -> None:
    slowest = max(log.seconds, default=0.0)
    sys.stdout.write(
        f"\n{killer.killed.total()} kills, seed {SEED}: {log.tries} tries,"
        f" {log.cuts} cut, {log.answered} answered (slowest {slowest:.1f} s),"
        f" {report.kept} kept, {report.confirmed} confirmed in S3,"
        f" {len(report.stray)} stray; lost {len(report.lost)}, doubled"
        f" {len(report.doubled)}\n  {dict(killer.killed)}"
        f"\n  {dict(log.refusals)}\n"
    )
