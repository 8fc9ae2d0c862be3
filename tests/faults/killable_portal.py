"""A portal whose web server and tasks can be killed anywhere, under a test's clock."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from django.core.management import get_commands

from portal.celery import app
from tests.faults import armed_failpoints
from tests.faults.consistency_check import ConsistencyReport, check_consistency
from tests.faults.customer_client import FaultClient
from tests.faults.stored_state import StoredState
from tests.journeys.live_server import (
    ROOT,
    RunningPortal,
    environment_of,
    running_portal,
    wait_for,
)

KILLED = -signal.SIGKILL

# The tasks that run waiting jobs; one run of each stands for a minute of beat.
app.loader.import_default_modules()
ALL_TASKS = tuple(
    name
    for name in (
        *("usage.inbox", "usage.settle"),
        *("billing.refresh_summaries", "usage.forward"),
    )
    if name in app.tasks
)

# Each forwards some hundreds of files: enough for tens of thousands.
MOST_ROUNDS = 200

CONFIGURATION = Path(__file__).with_name("gunicorn_faults.py")


class WorkProcess:
    """The process of `work_process`, and orders to it."""

    def __init__(self, environment: Mapping[str, str], journal: IO[bytes]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.work_process"],
            env=environment,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=journal,
            start_new_session=True,
            text=True,
        )

    def run(self, *names: str, place: str = "") -> int:
        """Run tasks or commands, dying at a place; return `KILLED` if it died."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"names": names, "place": place}) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


def broken_invariants(work: WorkProcess) -> list[str]:
    """Check the product's invariants; return an empty list if all hold."""
    if "check_invariants" not in get_commands():
        return []
    # What beat has done long before in real life: months go by here in a moment.
    code = work.run("billing.open_periods", "check_invariants")
    return [f"check_invariants ended with {code}; see work.log"] if code else []


def is_dead(pid: int) -> bool:
    """Return whether a process has ended, even if it was not reaped yet."""
    try:
        return " Z " in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True


@dataclass
class KillablePortal:
    """The running portal of one or more tests."""

    portal: RunningPortal
    work: WorkProcess
    stored: StoredState
    var: Path
    tasks: Sequence[str] = field(default=ALL_TASKS)

    @property
    def worker(self) -> int:
        """The process that serves; 0 while there is none."""
        pid = self.portal.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return next((one for one in map(int, children) if not is_dead(one)), 0)

    def arm(self, *places: str) -> None:
        """Have the next workers die, each at its place; the present one ends now."""
        first = armed_failpoints.put_list(self.var, places)

        def is_armed() -> bool:
            worker, (pid, number) = self.worker, armed_failpoints.taken(self.var)
            if worker == pid and number != first:
                # It may have ended by itself in between.
                with suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
            return (worker, first) == (pid, number)

        assert wait_for(is_armed), self.portal.log

    def finish_all_jobs(self) -> None:
        """Let time pass and run every task, until no job waits."""
        for _ in range(MOST_ROUNDS):
            self.stored.let_time_pass()
            assert self.work.run(*self.tasks) == 0, self.portal.log
            if not self.stored.waiting():
                return

    def finish_and_check(self, *clients: FaultClient) -> ConsistencyReport:
        """Run all jobs; then check consistency and the product's own invariants."""
        self.finish_all_jobs()
        report = check_consistency(self.stored, clients)
        report.wrong += broken_invariants(self.work)
        return report


@contextmanager
def run_killable_portal(
    var: Path, *, database: str, stored: StoredState, changes: Mapping[str, str]
) -> Iterator[KillablePortal]:
    """Serve a database, with one worker that may be killed; no task runs by itself."""
    settings = {"WEB_WORKERS": "1", "LOG_LEVEL": "ERROR", **changes}
    serving = running_portal(
        var, database=database, changes=settings, configuration=CONFIGURATION
    )
    with serving as portal, (var / "work.log").open("wb") as journal:
        environment = environment_of(
            var, database=database, port=portal.port, changes=settings
        )
        work = WorkProcess(environment, journal)
        try:
            yield KillablePortal(portal, work, stored, var)
        finally:
            work.end()
