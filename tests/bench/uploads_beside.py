"""Uploads files of a tenant continuously while something else changes the tenant."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from threading import Event
from typing import TYPE_CHECKING

from tests.bench import bench_portal
from tests.bench.measurements import Table

if TYPE_CHECKING:
    from tests.bench.sized_files import SizedBody

# Each change is repeated for so many seconds, at least once and so many times at most.
# The uploading client waits a little, so that its files last as long.
SECONDS, MOST_CHANGES, MOST_UPLOADS, PAUSE = 2.5, 4, 18, 0.08

# The web server closes a connection that is idle for 15 seconds.
IDLE_SECONDS = 10.0

# A change that holds the tenant's lock for minutes is still waited for.
PATIENCE = 300.0

SUCCESS = (HTTPStatus.OK, HTTPStatus.CREATED)

# A token and what is sent with it.
File = tuple[str, "SizedBody"]


class TenantUploader:
    """Uploads with the token of any tenant, over a connection for each."""

    def __init__(self, web: bench_portal.Web) -> None:
        self._web = web
        self._clients: dict[str, tuple[bench_portal.BenchClient, float]] = {}

    def send(self, token: str, body: "SizedBody") -> int:
        client, used_at = self._clients.get(token, (None, 0.0))
        if client is None or time.monotonic() - used_at > IDLE_SECONDS:
            client = bench_portal.BenchClient(self._web, token, timeout=PATIENCE)
        client.put(body)
        self._clients[token] = client, time.monotonic()
        return client.status

    def send_accepted(self, file: File) -> None:
        status = self.send(*file)
        assert status == HTTPStatus.CREATED, status


def run_beside(
    prepare: Callable[[], Callable[[], object]],
    files: Iterator[File],
    uploader: TenantUploader,
) -> Table:
    """Repeat a change, prepared each time, while another client uploads."""
    stop = Event()
    with ThreadPoolExecutor(1) as pool:
        uploading = pool.submit(upload_until, stop, files, uploader)
        try:
            changed, busy = repeat(prepare)
        finally:
            stop.set()
        answers = uploading.result()
    statuses = Counter(str(status) for status, _ in answers)
    return {
        "uploads": len(answers),
        "statuses": dict(statuses),
        "failed_uploads": sum(status not in SUCCESS for status, _ in answers),
        "longest_upload_ms": max((taken for _, taken in answers), default=0.0),
        "changes": len(changed),
        "busy_changes": busy,
        "longest_change_ms": max(changed),
    }


def repeat(prepare: Callable[[], Callable[[], object]]) -> tuple[list[float], int]:
    """Return how long each change took, and how many ended as busy."""
    from tests.bench.tenant_changes import BusyError

    taken: list[float] = []
    busy = 0
    until = time.monotonic() + SECONDS
    while len(taken) < MOST_CHANGES and (not taken or time.monotonic() < until):
        run = prepare()
        began = time.perf_counter()
        try:
            run()
        except BusyError:
            busy += 1
        taken.append((time.perf_counter() - began) * 1e3)
        time.sleep(SECONDS / MOST_CHANGES)
    return taken, busy


def upload_until(
    stop: Event, files: Iterator[File], uploader: TenantUploader
) -> list[tuple[int, float]]:
    """Send file after file, a busy one again; return statuses and milliseconds."""
    answers: list[tuple[int, float]] = []
    file = next(files, None)
    while file and not stop.is_set() and len(answers) < MOST_UPLOADS:
        began = time.perf_counter()
        status = uploader.send(*file)
        answers.append((status, (time.perf_counter() - began) * 1e3))
        if status != HTTPStatus.SERVICE_UNAVAILABLE:
            file = next(files, None)
        stop.wait(PAUSE)
    return answers


def report_beside(name: str, table: Table) -> None:
    sys.stdout.write(
        f"  {name:34} {table['uploads']:3} uploads,"
        f" {table['failed_uploads']:2} failed {table['statuses']},"
        f" longest {table['longest_upload_ms']:8.1f} ms;"
        f" {table['changes']} changes, {table['busy_changes']} busy,"
        f" longest {table['longest_change_ms']:8.1f} ms\n"
    )
