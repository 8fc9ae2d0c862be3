"""Many clients send overlapping sets in random order: each file is stored once.

FAULTS_CLIENTS and FAULTS_SECONDS say how many and for how long.
"""

import os
import random
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.faults.answer_log import FinalState, SentContent
from tests.faults.customer_client import FaultClient
from tests.faults.killable_portal import KillablePortal

CLIENTS = int(os.environ.get("FAULTS_CLIENTS") or 8)
SECONDS = float(os.environ.get("FAULTS_SECONDS") or 4)
SEED = int(os.environ.get("FAULTS_SEED") or 1)

TENANTS = 3

# New files are added to a tenant's set while there is time, so many at once.
BATCH = 10

# Of a set, each client sends so much.
SHARE = 0.5

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120 + 3 * SECONDS)]


class SharedSet:
    """What one tenant's clients all have in their folders: it grows."""

    def __init__(self, client: FaultClient, rng: random.Random) -> None:
        self.client = client
        self._rng = rng
        self._contents: list[SentContent] = []
        self._lock = threading.Lock()

    def grow(self) -> None:
        with self._lock:
            some = [self.client.customer.any(self._rng) for _ in range(BATCH)]
            self._contents += some

    def drawn(self, rng: random.Random) -> Sequence[SentContent]:
        """Return some of the newest and some of all, in random order."""
        with self._lock:
            pool = self._contents[-2 * BATCH :] + rng.sample(self._contents, BATCH)
        return rng.sample(pool, int(len(pool) * SHARE))


def send_for(shared: SharedSet, seed: int, until: float) -> None:
    """Be one client: draw, send, draw again; one of them adds to the set."""
    rng = random.Random(seed)
    while time.monotonic() < until:
        if rng.random() < 0.2:
            shared.grow()
        for content in shared.drawn(rng):
            shared.client.send(content, name=f"{seed}-{content.day}.usg")


def test_overlapping_sets_from_many_clients_are_each_file_once(
    killable: KillablePortal,
    open_client: Callable[..., FaultClient],
    capsys: pytest.CaptureFixture[str],
) -> None:
    servers = 3 + int(SECONDS * 2)
    sets = [
        SharedSet(open_client(servers=servers), random.Random(SEED + number))
        for number in range(TENANTS)
    ]
    for shared in sets:
        shared.grow()
    until = time.monotonic() + SECONDS
    with ThreadPoolExecutor(CLIENTS) as pool:
        futures = [
            pool.submit(send_for, sets[number % TENANTS], SEED + number, until)
            for number in range(CLIENTS)
        ]
    for future in futures:
        future.result()
    clients = [shared.client for shared in sets]
    report = killable.finish_and_check(*clients)
    log = clients[0].answer_log
    with capsys.disabled():
        sys.stdout.write(
            f"\n  {CLIENTS} clients, {SECONDS:.0f} s, seed {SEED}: {log.answered}"
            f" answers for {len(log.contents)} files, {report.kept} kept,"
            f" {report.confirmed} confirmed in S3, refusals {dict(log.refusals)}\n"
        )
    assert report.bad == []
    assert report.stray == []
    assert log.cuts == 0
    assert_answered_at_once(log.contents.values(), clients[0])


def assert_answered_at_once(contents: Any, client: FaultClient) -> None:
    """Check that each file was judged by the request that sent it."""
    states = {
        entry.state
        for content in contents
        for entry in client.answer_log.answers[content.key]
    }
    assert states <= set(FinalState)
