"""Measures receiving a usage file, against the sum of its unavoidable steps.

    VAR=… python tests/bench/bench_upload.py [--json FILE] [--rounds N]

Whole uploads against their floors, where their time goes, the processor's time for
receiving, memory in flight. VAR is that of running engines; `make bench` starts some.
"""

import os
import statistics
import sys
import tempfile
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench import bench_portal, measurements  # noqa: E402 - the path comes first
from tests.bench.bare_libraries import BareLibraries  # noqa: E402 - the same
from tests.bench.measurements import (  # noqa: E402 - the same
    Candidates,
    Table,
    Times,
    milliseconds,
)
from tests.bench.other_servers import run_other_servers  # noqa: E402 - the same

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.sized_files import SizedBody
    from tests.builders import Company

# First uploads fill caches and open connections; they are not counted.
WARMING_UP = 2

# Bodies in one reading of the processor's clock, and uploads at the same time.
BODIES, AT_ONCE = 10, 8

PORTAL = "portal.wsgi:application"
RAW = "tests.bench.raw_receive:application"
STEPS = "tests.bench.timed_steps:application"

# What glibc is told to share its memory among two pools instead of one per thread.
TWO_ARENAS = {"MALLOC_ARENA_MAX": "2"}


def send(client: bench_portal.BenchClient, body: "SizedBody") -> None:
    answer = client.put(body)
    assert client.status == HTTPStatus.CREATED, answer
    assert b'"accepted"' in answer, answer


def write_and_sync(folder: Path, data: bytes) -> None:
    """The file stays, as an upload's does: memory that was just freed is faster."""
    number, _ = tempfile.mkstemp(dir=folder)
    with os.fdopen(number, "wb", buffering=0) as file:
        file.write(data)
        os.fsync(number)


@contextmanager
def committing(url: str) -> "Iterator[psycopg.Connection]":
    """Prepare for one row and one commit, on the same database."""
    with suppress(psycopg.OperationalError), psycopg.connect(url) as connection:
        connection.execute("create table bench_commit (number int)")
        connection.commit()
        yield connection


def one_commit(connection: psycopg.Connection) -> None:
    connection.execute("insert into bench_commit values (1)")
    connection.commit()


class UploadBench:
    """What all the tables need."""

    def __init__(
        self, at: bench_portal.BenchPortal, company: "Company", rounds: int
    ) -> None:
        from tests.bench.sized_files import Files

        self.stage = at
        self.company = company
        self.files = Files(company)
        self.rounds = rounds

    def scratch(self, name: str) -> Path:
        """Make a folder on the disk that uploads go to."""
        # Who root has started may work as somebody else.
        self.stage.folder.chmod(0o755)
        folder = self.stage.folder / name
        folder.mkdir(mode=0o755)
        return folder

    def client(self, web: bench_portal.Web) -> bench_portal.BenchClient:
        return bench_portal.BenchClient(web, self.company.token)

    def bare(self) -> BareLibraries:
        from portal.db import unit_of_work
        from usage import tenant_keys
        from usage.models import SealingKey

        with unit_of_work.acting_for(self.company.id):
            key = SealingKey.objects.get()
            private = tenant_keys.opening_key(self.company.id, key.fingerprint)
        assert private is not None
        pair = self.company.server.pair
        return BareLibraries(sealing_private=private, signing_public=pair.public)


def whole_uploads(bench: UploadBench) -> dict[str, Table]:
    from tests.bench.sized_files import SIZES

    bare, tables = bench.bare(), {}
    with (
        committing(bench.stage.owner_url) as connection,
        run_other_servers(bench.scratch("whole")) as others,
        bench_portal.serving(PORTAL) as portal,
        bench_portal.serving(RAW) as raw,
    ):
        ours, floor = bench.client(portal), bench_portal.BenchClient(raw)
        for name in SIZES:
            times: Times = defaultdict(list)
            for number in range(bench.rounds + WARMING_UP):
                body = bench.files.make(name)
                floors: Candidates = {
                    "pipeline": partial(bare.pipeline, body.data),
                    "raw receive": partial(floor.put, body),
                    "write and fsync": partial(
                        write_and_sync, bench.stage.spool, body.data
                    ),
                    "one commit": partial(one_commit, connection),
                }
                taken = {step: milliseconds(run) for step, run in floors.items()}
                taken["sum of floors"] = sum(taken.values())
                taken["whole upload"] = milliseconds(partial(send, ours, body))
                for other, there in others.items():
                    put = partial(there.put, f"{number}-{name[:2].strip()}", body)
                    taken[other] = milliseconds(put)
                for step, milli in taken.items():
                    times[step].append(milli)
            counted = {step: milli[WARMING_UP:] for step, milli in times.items()}
            title = f"A file of {name}, from its first byte sent to its verdict"
            tables[name] = measurements.report(title, counted, "sum of floors")
    return tables


def where_the_time_goes(bench: UploadBench) -> dict[str, Table]:
    from tests.bench.sized_files import SIZES

    tables = {}
    with bench_portal.serving(STEPS) as web:
        client = bench.client(web)
        for name in SIZES:
            rows: list[dict[str, float]] = []
            for _ in range(bench.rounds + WARMING_UP):
                whole = milliseconds(partial(send, client, bench.files.make(name)))
                rows.append({"whole": whole, **client.timing()})
            tables[name] = report_steps(name, rows[WARMING_UP:])
    return tables


def report_steps(name: str, rows: list[dict[str, float]]) -> Table:
    statements = statistics.median(row.pop("statements") for row in rows)
    for row in rows:
        inside = sum(row.values()) - row["whole"]
        row["web server and connection"] = row["whole"] - inside
    sys.stdout.write(
        f"\nWhere an upload of {name} spends its time"
        f" ({statements:.0f} statements to the database)\n"
    )
    steps = {step for row in rows for step in row}
    taken = {step: [row.get(step, 0.0) for row in rows] for step in steps}
    order = sorted(steps, key=lambda step: -statistics.median(taken[step]))
    return {
        "statements": statements,
        **{step: measurements.report_values(step, taken[step], "ms") for step in order},
    }


def processor(bench: UploadBench) -> Table:
    """Compare the processor's time per GB of bodies.

    Ours are refused at their last byte, by a wrong digest: all was received, hashed
    and written to the spool, and nothing after that was done.
    """
    from tests.bench.sized_files import LARGE, SizedBody, digest_of

    body = SizedBody(bench.files.make(LARGE).data, digest_of(b""))
    spool = str(bench.stage.spool)
    sys.stdout.write("\nProcessor seconds of the web server per GB received\n")
    seconds: Times = defaultdict(list)
    with (
        bench_portal.serving(RAW) as raw,
        bench_portal.serving(RAW, BENCH_SPOOL=spool) as writing,
        bench_portal.serving(PORTAL) as portal,
        run_other_servers(bench.scratch("processor")) as others,
    ):
        servers = {
            "received, hashed": (raw, bench.client(raw)),
            "received, hashed, written": (writing, bench.client(writing)),
            "ours, refused by its digest": (portal, bench.client(portal)),
        }
        for round_ in range(bench.rounds + WARMING_UP):
            for name, (web, client) in servers.items():
                before = web.cpu_seconds()
                for _ in range(BODIES):
                    client.put(body)
                used = web.cpu_seconds() - before
                seconds[name].append(used * 1e9 / (BODIES * len(body.data)))
            for name, there in others.items():
                before = there.cpu_seconds()
                for number in range(BODIES):
                    there.put(f"{round_}-{number}", body)
                used = there.cpu_seconds() - before
                seconds[name].append(used * 1e9 / (BODIES * len(body.data)))
    counted = {name: used[WARMING_UP:] for name, used in seconds.items()}
    return measurements.report("", counted, "received, hashed, written", unit="s")


def memory(bench: UploadBench) -> dict[str, Table]:
    """Let one worker take in files one by one and many at once; see what it holds."""
    tables = {}
    for title, environment in {"as configured": {}, "two arenas": TWO_ARENAS}.items():
        sys.stdout.write(f"\nMemory a worker gains, in files of 10 MB: {title}\n")
        with bench_portal.serving(PORTAL, WEB_WORKERS="1", **environment) as web:
            tables[title] = gains(bench, web)
    return tables


def gains(bench: UploadBench, web: bench_portal.Web) -> Table:
    from tests.bench.sized_files import LARGE, SIZES

    grown: Times = defaultdict(list)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        # Code and connections are not what a file costs.
        for name in SIZES:
            send(bench.client(web), bench.files.make(name))
        before = web.resident(peak=False)
        for at_once in (1, AT_ONCE):
            for _ in range(max(3, bench.rounds // 4)):
                bodies = [bench.files.make(LARGE) for _ in range(at_once)]
                clients = [bench.client(web) for _ in bodies]
                web.forget_peak()
                list(pool.map(send, clients, bodies))
                size = len(bodies[0].data)
                peak = (web.resident(peak=True) - before) / size
                kept = (web.resident(peak=False) - before) / size
                grown[f"{at_once} at once, most"].append(peak)
                grown[f"{at_once} at once, most, each"].append(peak / at_once)
                grown[f"{at_once} at once, kept after"].append(kept)
    return {
        name: measurements.report_values(name, found, "x")
        for name, found in grown.items()
    }


def main() -> None:
    told = measurements.arguments(__doc__, script=__file__, rounds=12)
    with bench_portal.prepared() as at:
        from tests.builders import open_company

        company = open_company("B-100", name="Bench", zone="Europe/Berlin")
        bench = UploadBench(at, company, told.rounds)
        tables = {
            "whole": whole_uploads(bench),
            "steps": where_the_time_goes(bench),
            "processor": processor(bench),
            "memory": memory(bench),
        }
    measurements.write(told.json, tables)


if __name__ == "__main__":
    main()
