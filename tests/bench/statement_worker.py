"""Computes the statement of a period once, on one core; prints seconds and memory.

    python tests/bench/statement_worker.py TENANT_ID

A process of its own, as the workers of a portal are, so that the memory is that of the
computation. It inherits the environment of the benchmark that starts it.
"""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

# Much longer than the largest month takes.
PATIENCE = 3_600.0

MB = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFigures:
    """Seconds, and memory in MB: what the process holds before, and at most."""

    seconds: float
    processor: float
    before: float
    most: float


def compute_in_process(tenant_id: int) -> WorkerFigures:
    """Compute a tenant's statement in a new process, and return what it measured."""
    done = subprocess.run(
        [sys.executable, __file__, str(tenant_id)],
        cwd=ROOT,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        stdout=subprocess.PIPE,
        check=True,
    )
    return WorkerFigures(**json.loads(done.stdout))


def main() -> None:
    import django

    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    django.setup()
    from billing.statements import refresh
    from portal.db import unit_of_work
    from tests.bench.statement_months import AT, PERIOD

    tenant_id = int(sys.argv[1])
    with unit_of_work.acting_for(tenant_id, reading=True):
        pass  # the connection is open
    before = _most_resident()
    processor, seconds = time.process_time(), time.perf_counter()
    is_done = refresh.refresh_period(tenant_id, PERIOD, at=AT, seconds=PATIENCE)
    assert is_done
    figures = {
        "seconds": time.perf_counter() - seconds,
        "processor": time.process_time() - processor,
        "before": before,
        "most": _most_resident(),
    }
    sys.stdout.write(json.dumps(figures))


def _most_resident() -> float:
    """Return the most memory that this process has held, in MB."""
    status = Path("/proc/self/status").read_text()
    [line] = [one for one in status.splitlines() if one.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024 / MB


if __name__ == "__main__":
    main()
