"""The supervisor with the real engines: start, stop, crash, restart."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from portal.stack import ports
from tests.portal.stack.stack_copies import (
    Copy,
    command_line,
    leads_session,
    processes_of,
    wait_for,
)

pytestmark = pytest.mark.faults

ROUNDS = 3
STOPS_WITHIN = 10


def listening_addresses(pids: list[int]) -> set[str]:
    """Every address that these processes listen on, as the kernel says."""
    sockets = set()
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            try:
                target = descriptor.readlink().name
            except OSError:
                continue
            if target.startswith("socket:["):
                sockets.add(target.removeprefix("socket:[").removesuffix("]"))
    listening = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in sockets:
                listening.add(fields[1].split(":")[0])
    return listening


def note(copy: Copy) -> int:
    """Leave a mark in the database, and count the marks."""
    url = json.loads((copy.var / "parts.json").read_text())["DATABASE_OWNER_URL"]
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS marks (at timestamptz)")
        connection.execute("INSERT INTO marks VALUES (now())")
        row = connection.execute("SELECT count(*) FROM marks").fetchone()
    assert row is not None
    return int(row[0])


def test_it_starts_serves_and_stops(copy: Copy) -> None:
    process = copy.start()
    assert b" 200 " in copy.get()
    done = (copy.var / "manage.log").read_text().splitlines()
    assert [line.split()[0] for line in done] == [
        "migrate",
        "collectstatic",
        "prepare_bucket",
        "demo",
        "demo",
    ]
    # Every port of every part, and there are about fifteen, is on the loopback.
    assert listening_addresses(processes_of(copy.var)) == {"0100007F"}
    for name in ("parts.json", "secrets.json"):
        assert stat.S_IMODE((copy.var / name).stat().st_mode) == 0o600
    started = time.monotonic()
    process.terminate()
    assert process.wait(STOPS_WITHIN) == 0
    assert time.monotonic() - started < STOPS_WITHIN
    assert processes_of(copy.var) == []
    assert "does not stop" not in copy.log


def test_a_killed_supervisor_leaves_nothing_and_the_next_goes_on(copy: Copy) -> None:
    kept = None
    for round_ in range(1, ROUNDS + 1):
        process = copy.start()
        secrets = (copy.var / "secrets.json").read_text()
        assert secrets == (kept or secrets)
        kept = secrets
        assert note(copy) == round_
        process.kill()
        process.wait()
        # At once: the next start has to cope with what is still ending.
    copy.start()
    assert note(copy) == ROUNDS + 1
    assert (copy.var / "manage.log").read_text().split("\n").count("demo --silent") == 1
    copy.started[-1].kill()
    assert wait_for(lambda: not processes_of(copy.var), 10)


@pytest.mark.parametrize(
    "part",
    ["web", "worker", "forwarder", "refresher", "beat", "valkey", "s3", "postgres"],
)
def test_a_killed_part_is_started_again(shared_copy: Copy, part: str) -> None:
    marks = {
        "web": b"gunicorn",
        "worker": b"\0--queues=celery\0",
        "forwarder": b"\0--queues=forward\0",
        "refresher": b"\0--queues=refresh\0",
        "beat": b"\0beat\0",
        "valkey": b"valkey-server",
        "s3": b"/weed\0",
        "postgres": b"/bin/postgres\0",
    }

    def leaders() -> list[int]:
        return [
            pid
            for pid in processes_of(shared_copy.var)
            if marks[part] in command_line(pid) and leads_session(pid)
        ]

    # Beat ends with its broker: it may be about to be started again itself.
    found: list[int] = []

    def is_there() -> bool:
        found[:] = leaders()
        return len(found) == 1

    assert wait_for(is_there)
    (leader,) = found
    before = shared_copy.log.count(f"{part} ended (SIGKILL); starting it again")
    os.kill(leader, signal.SIGKILL)
    assert wait_for(
        lambda: (
            shared_copy.log.count(f"{part} ended (SIGKILL); starting it again") > before
        )
    )
    assert wait_for(lambda: b" 200 " in try_to_get(shared_copy))


def try_to_get(copy: Copy) -> bytes:
    try:
        return copy.get()
    except OSError:
        return b""


def test_a_taken_port_is_named(copy: Copy) -> None:
    with socket.create_server((ports.LOOPBACK, copy.port)):
        process = copy.start(until=f"port {copy.port} is taken by another program")
        assert process.wait(10) == 1
    assert not (copy.var / "postgres").exists()


def test_a_second_run_in_the_same_folder_is_refused(shared_copy: Copy) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "portal.stack", "run"],
        cwd=shared_copy.root,
        env={**shared_copy.environment, "PORT": str(ports.find_free())},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert second.returncode == 1
    assert "is in use by another run" in second.stdout
