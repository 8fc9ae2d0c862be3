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

from tests.faults.answer_log import Ledger
from tests.faults.consistency_check import Findings, judge
from tests.faults.customer_client import Client
from tests.faults.killable_portal import ALL_TASKS, MOST_RINGS, broken_invariants
from tests.faults.process_killer import Killer
from tests.faults.shared_portal import Standing, standing_portal

KILLS = int(os.environ.get("FAULTS_KILLS") or 6)
SEED = int(os.environ.get("FAULTS_SEED") or 1)
CLIENTS = 4

# After so many the clients pause, all that waits is done, and the judge is asked.
ROUND = 50

# Days of so many servers are more than a client can send.
SERVERS = max(4, KILLS // 4)

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120 + 10 * KILLS)]


class Load:
    """Clients that send one file after another, until told to stop."""

    def __init__(self, clients: list[Client], seed: int) -> None:
        self.troubles: list[Exception] = []
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
        assert self.troubles == []

    def _send(self, client: Client, seed: int, stop: threading.Event) -> None:
        dice = random.Random(seed)
        content = client.customer.any(dice)
        try:
            while not stop.is_set():
                client.send(content, name=f"{dice.random()}.usg")
                if dice.random() < 0.8:
                    content = client.customer.any(dice)
                time.sleep(dice.uniform(0, 0.3))
        except Exception as error:  # noqa: BLE001 - told by who waits for the thread
            self.troubles.append(error)


def settled(standing: Standing, clients: list[Client]) -> Findings:
    """Wait until every part is well, have all work done, and ask the judge."""
    standing.await_health()
    world = standing.world
    with standing.working() as work:
        for _ in range(MOST_RINGS):
            world.let_time_pass()
            work.run(*ALL_TASKS)
            if not world.waiting():
                break
        findings = judge(world, clients)
        findings.wrong += broken_invariants(work)
    return findings


def test_whatever_is_killed_nothing_is_lost_and_nothing_is_doubled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger, dice = Ledger(), random.Random(SEED)
    with standing_portal(tmp_path / "var") as standing:
        customers = standing.open_customers(CLIENTS, servers=SERVERS)
        clients = [Client(standing.port, one, ledger) for one in customers]
        killer, load = Killer(standing, dice), Load(clients, SEED)
        left, findings = KILLS, Findings()
        while left > 0:
            with load.running():
                killer.kill(min(left, ROUND))
            left -= ROUND
            findings = settled(standing, clients)
            assert findings.bad == []
            with capsys.disabled():
                _tell(killer, ledger, findings)


def _tell(killer: Killer, ledger: Ledger, findings: Findings) -> None:
    slowest = max(ledger.seconds, default=0.0)
    sys.stdout.write(
        f"\n{killer.killed.total()} kills, seed {SEED}: {ledger.tries} tries,"
        f" {ledger.cuts} cut, {ledger.answered} answered (slowest {slowest:.1f} s),"
        f" {findings.kept} kept, {findings.confirmed} confirmed in S3,"
        f" {len(findings.stray)} stray; lost {len(findings.lost)}, doubled"
        f" {len(findings.doubled)}\n  {dict(killer.killed)}"
        f"\n  {dict(ledger.refusals)}\n"
    )
