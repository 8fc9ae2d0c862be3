"""Machines that share PostgreSQL, Valkey and S3, and have each a folder of their own.

Each runs a web server and a worker for all queues; both are killed as a power cut
would, all of their processes at once, and started again.
"""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from portal import env
from portal.stack import ports
from tests.journeys.live_server import CONFIGURATION, ROOT, environment_of, wait_for

# A database of Valkey that no other test sends messages to.
BROKER_DATABASE = "7"

WEB = ("-m", "gunicorn", "-c", str(CONFIGURATION), "portal.wsgi:application")
WORKER = (
    *("-W", "ignore:You're running the worker with superuser privileges"),
    *("-m", "celery", "--quiet", "--app", "portal.celery", "worker"),
    *("--queues=celery,forward,refresh", "--concurrency", "1"),
    *("--without-gossip", "--without-mingle", "--without-heartbeat"),
)

STARTS = {"web": WEB, "worker": WORKER}


@dataclass
class Machine:
    """A web server and a worker; nothing of `var` is seen by other machines."""

    name: str
    var: Path
    port: int
    environment: Mapping[str, str]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, kind: str) -> None:
        with (self.var / f"{kind}.log").open("ab") as output:
            self.running[kind] = subprocess.Popen(
                [sys.executable, *STARTS[kind]],
                env=self.environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def end(self, kind: str) -> None:
        """Kill a part with all its processes."""
        process = self.running.pop(kind)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def kill_and_start_again(self, kind: str) -> None:
        self.end(kind)
        if kind == "web":
            # The kernel frees the port of a killed process a moment later.
            assert wait_for(lambda: ports.is_free(self.port))
        self.start(kind)

    def await_web(self) -> None:
        assert wait_for(lambda: ports.is_answering(self.port)), self.log

    @property
    def log(self) -> str:
        logs = sorted(self.var.glob("*.log"))
        return "\n".join(path.read_text(errors="replace")[-3_000:] for path in logs)

    @property
    def files(self) -> list[Path]:
        """Everything below the folder in which a single machine has its files."""
        return [path for path in (self.var / "usage").rglob("*") if path.is_file()]


@dataclass
class Killing:
    """Kills one part after another, of any machine; `killed` lists them."""

    machines: Sequence[Machine]
    rng: random.Random
    killed: list[str] = field(default_factory=list)

    def kill_next(self) -> None:
        """Kill a web server and a worker in turn, each of a machine at random."""
        kind = ("web", "worker")[len(self.killed) % 2]
        machine = self.rng.choice(self.machines)
        machine.kill_and_start_again(kind)
        self.killed.append(f"{kind} of {machine.name}")


@contextmanager
def run_machines(
    folder: Path, number: int, *, database: str, changes: Mapping[str, str]
) -> Iterator[list[Machine]]:
    """Run so many machines on one database until the block ends."""
    broker = urlsplit(env.text("BROKER_URL"))._replace(path=f"/{BROKER_DATABASE}")
    with ExitStack() as ending:
        machines = []
        for name in (f"machine-{one}" for one in range(1, number + 1)):
            var, port = folder / name, ports.find_free()
            (var / "static").mkdir(parents=True)
            environment = environment_of(
                var,
                database=database,
                port=port,
                changes={"BROKER_URL": urlunsplit(broker), **changes},
            )
            machine = Machine(name, var, port, environment)
            for kind in STARTS:
                machine.start(kind)
                ending.callback(_end, machine, kind)
            machines.append(machine)
        for machine in machines:
            machine.await_web()
        yield machines


def _end(machine: Machine, kind: str) -> None:
    if kind in machine.running:
        machine.end(kind)
