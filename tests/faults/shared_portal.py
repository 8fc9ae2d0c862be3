"""Runs the whole portal as `make run` does, with parts to kill and to await."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from portal.env import VARIABLES
from portal.stack import folder, ports
from portal.stack.run import is_healthy
from portal.stack.settings import S3_VARIABLES
from tests.faults.customer_client import Customer
from tests.faults.killable_portal import WorkProcess
from tests.faults.stored_state import StoredState
from tests.journeys.live_server import ROOT, wait_for
from tests.portal.stack.stack_copies import command_line, leads_session, processes_of

# Seconds for everything to be up: a first start makes the database.
START_TIMEOUT = 120.0

# How the processes of each kind are told apart, and whether the supervisor has
# started them or they are children of such a one.
KINDS = {
    "web master": (b"gunicorn", True),
    "web worker": (b"gunicorn", False),
    "worker": (b"\0--queues=celery\0", True),
    "worker's process": (b"\0--queues=celery\0", False),
    "forwarder": (b"\0--queues=forward\0", True),
    "forwarder's process": (b"\0--queues=forward\0", False),
    "refresher": (b"\0--queues=refresh\0", True),
    "refresher's process": (b"\0--queues=refresh\0", False),
    "beat": (b"\0beat\0", True),
    "valkey": (b"valkey-server", True),
    "s3": (b"/weed\0", True),
    "postgres": (b"/bin/postgres\0", True),
    # Each server process of PostgreSQL makes a session of its own.
    "database session": (b"postgres: portal_app", True),
}

# What has to be there for the portal to be well.
PARTS = (
    *("web master", "worker", "forwarder", "refresher", "beat"),
    *("valkey", "s3", "postgres"),
)


@dataclass
class SharedPortal:
    """A running portal of its own."""

    var: Path
    port: int
    environment: dict[str, str]
    supervisor: subprocess.Popen[bytes]
    starts: int = field(default=1)

    @property
    def parts(self) -> dict[str, str]:
        return folder.read_private(self.var / folder.PARTS_FILE)

    @property
    def stored(self) -> StoredState:
        parts = self.parts
        s3 = {name.removeprefix("S3_").lower(): parts[name] for name in S3_VARIABLES}
        return StoredState(parts["DATABASE_OWNER_URL"], self.var / "usage", s3)

    @property
    def log(self) -> str:
        return (self.var / "run.log").read_text(errors="replace")

    def find(self, kind: str) -> list[int]:
        """Find the living processes of a kind."""
        mark, is_leader = KINDS[kind]
        return [
            pid
            for pid in processes_of(self.var)
            if mark in command_line(pid) and leads_session(pid) == is_leader
        ]

    def start_again(self, ending: signal.Signals) -> None:
        """End the supervisor, and with it everything; then start it."""
        self.supervisor.send_signal(ending)
        self.supervisor.wait(START_TIMEOUT)
        self.starts += 1
        self.supervisor = _start(self.var, self.environment)
        self.await_health()

    def await_health(self) -> None:
        """Wait until every part is there, and the portal answers."""

        def are_up() -> bool:
            if not is_healthy(self.port) or not all(map(self.find, PARTS)):
                return False
            return self.stored.is_answering()

        is_up = wait_for(are_up, START_TIMEOUT)
        assert is_up, self.log[-5_000:]

    def open_customers(self, number: int, *, servers: int) -> list[Customer]:
        command = [sys.executable, "-m", "tests.faults.whole_portal", "open"]
        done = subprocess.run(
            [*command, str(number), str(servers)],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return [
            Customer.from_dict(json.loads(line)) for line in done.stdout.splitlines()
        ]

    @contextmanager
    def working(self) -> Iterator[WorkProcess]:
        """Yield a process that runs the waiting jobs on order."""
        with (self.var / "work.log").open("ab") as journal:
            work = WorkProcess(self.environment, journal)
            try:
                yield work
            finally:
                work.end()


def _start(var: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    with (var / "run.log").open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.faults.whole_portal", "run"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


@contextmanager
def run_shared_portal(var: Path) -> Iterator[SharedPortal]:
    """Run the whole portal on an empty folder until the block ends."""
    var.mkdir(parents=True, exist_ok=True)
    port = ports.find_free()
    own = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    environment = {
        **own,
        "VAR": str(var),
        "PORT": str(port),
        "DEMO": "no",
        "LOG_LEVEL": "WARNING",
        "DJANGO_SETTINGS_MODULE": "portal.settings",
    }
    shared = SharedPortal(var, port, environment, _start(var, environment))
    try:
        shared.await_health()
        yield shared
    finally:
        shared.supervisor.terminate()
        with suppress(subprocess.TimeoutExpired):
            shared.supervisor.wait(30)
        shared.supervisor.kill()
        shared.supervisor.wait()
        for pid in processes_of(var):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)
