"""A crowd that stalls, and is not signed in, keeps nobody from their work."""

import os
import re
import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from portal.stack import gunicorn_conf
from portal.stack.web_socket import MOST_UNSENT
from tests.faults.customer_client import FaultClient
from tests.faults.killable_portal import KillablePortal
from tests.faults.stalling_crowd import STATIC, StallingCrowd
from tests.faults.stored_state import StoredState
from tests.journeys.live_server import RunningPortal, request

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]

# More than the one process of these tests takes connections.
CROWD = gunicorn_conf.worker_connections * 3 // 2

# Seconds between two bytes of each client; rounds of what honest clients do before, and
# meanwhile.
EVERY = 1.0
ROUNDS_BEFORE, ROUNDS = 3, 8

# What an honest client waits longer at most, in seconds, and what the process grows by.
PATIENCE = 1.0
MOST_GROWTH = 128 * 1024 * 1024


@pytest.fixture(scope="module")
def static_files(stored: StoredState) -> None:
    """What pages load, and a file that no socket's buffer holds, before the start."""
    folder = stored.folder.parent / "static"
    shutil.copytree(Path(os.environ["VAR"]) / "static", folder)
    (folder / Path(STATIC).name).write_bytes(b"x" * 4_000_000)


@pytest.fixture
def portal(static_files: None, killable: KillablePortal) -> KillablePortal:
    return killable


@pytest.fixture(autouse=True)
def _open_files() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def memory_and_threads(pid: int) -> tuple[int, int]:
    """Return the resident bytes and the threads of a process."""
    text = Path(f"/proc/{pid}/status").read_text()
    [memory] = re.findall(r"VmRSS:\s+(\d+) kB", text)
    [threads] = re.findall(r"Threads:\s+(\d+)", text)
    return int(memory) * 1024, int(threads)


def sign_in(portal: RunningPortal) -> None:
    """Open the page of signing in, and send its form with a wrong password."""
    page = portal.send_raw(request("GET", "/sign-in"))
    assert page.status == 200
    token = re.search(rb'name="csrfmiddlewaretoken" value="(\w+)"', page.body)
    assert token
    cookie = page.headers["set-cookie"].partition(";")[0]
    form = b"csrfmiddlewaretoken=%s&login=a%%40b.example&password=wrong" % token[1]
    answer = portal.send_raw(
        request(
            *("POST", "/sign-in", form),
            Cookie=cookie,
            Content_Type="application/x-www-form-urlencoded",
        )
    )
    assert answer.status in {200, 400}


def time_slowest(
    jobs: Mapping[str, Callable[[], object]], rounds: int
) -> dict[str, float]:
    """Do each job so often, in turn; return the seconds that the slowest took."""
    slowest = dict.fromkeys(jobs, 0.0)
    for _ in range(rounds):
        for name, job in jobs.items():
            started = time.monotonic()
            job()
            slowest[name] = max(slowest[name], time.monotonic() - started)
    return slowest


def test_a_stalling_crowd_is_in_nobodys_way(
    portal: KillablePortal,
    open_client: Callable[..., FaultClient],
    capsys: pytest.CaptureFixture[str],
) -> None:
    client = open_client()
    running = portal.portal
    document = running.send_raw(request("GET", "/api/v1/openapi.json"))
    # Nothing that anybody may request has a thread wait for its reader.
    assert 0 < len(document.body) < MOST_UNSENT
    jobs: dict[str, Callable[[], object]] = {
        "/healthz": lambda: running.send_raw(request("GET", "/healthz")),
        "sign in": lambda: sign_in(running),
        "upload": lambda: client.send(client.customer.good()),
    }
    alone = time_slowest(jobs, ROUNDS_BEFORE)
    before = memory_and_threads(portal.worker)
    with StallingCrowd(running.port, CROWD, every=EVERY) as crowd:
        # Some hundreds of them have asked for something that is answered first.
        jobs["/healthz"]()
        beside = time_slowest(jobs, ROUNDS)
        after = memory_and_threads(portal.worker)
    figures = ", ".join(
        f"{name} {beside[name]:.2f} s ({alone[name]:.2f} s alone)" for name in jobs
    )
    with capsys.disabled():
        sys.stdout.write(
            f"\n  {crowd.connected} stalled connections; slowest {figures};"
            f" {before[0] >> 20} and then {after[0] >> 20} MiB,"
            f" {before[1]} and then {after[1]} threads\n"
        )
    assert all(beside[name] < alone[name] + PATIENCE for name in jobs), figures
    assert after[0] - before[0] < MOST_GROWTH
    assert after[1] <= before[1] + gunicorn_conf.threads
    assert client.answer_log.cuts == 0
