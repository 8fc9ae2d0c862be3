"""Measures an upload whose bytes are stored in the folder, and on S3.

    VAR=… python tests/bench/bench_store.py [--json FILE] [--rounds N]

Two web servers of the same portal, one for each store. In each round either is sent the
next day of a server that is known: 4,500 logins in 38 kB, with a token, from the first
byte to the verdict. Shown are the time, and the processor's in the web server, in
PostgreSQL and in the S3 server. VAR is that of running engines; `make bench` starts
some.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench import bench_portal, measurements  # noqa: E402 - the path comes first
from tests.bench.bench_large_tenant import (  # noqa: E402 - the same
    PORTAL,
    Clocks,
    make_tenants,
    measure_clocked,
    next_files,
    report_clocked,
)
from tests.bench.bench_portal import CPU_CLOCK, BenchPortal, Web  # noqa: E402 - the same
from tests.bench.measurements import Table  # noqa: E402 - the same
from tests.bench.postgresql_time import PostgresqlClock  # noqa: E402 - the same
from tests.bench.uploads_beside import File, TenantUploader  # noqa: E402 - the same

FOLDER, ON_S3 = "folder", "S3"

S3_PROCESSOR = "processor, S3 server"

ROUNDS = 300


def s3_server() -> int:
    """Return the pid of the S3 server that listens where the environment says."""
    mark = f"-s3.port={urlsplit(os.environ['S3_ENDPOINT_URL']).port}".encode()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark in path.read_bytes().split(b"\0"):
                return int(path.parent.name)
        except OSError:
            continue
    message = "the S3 server is not on this machine"
    raise LookupError(message)


def processor_seconds(pid: int) -> float:
    return time.clock_gettime(~pid << 3 | CPU_CLOCK)


def measure(at: BenchPortal, rounds: int) -> dict[str, Table]:
    """Send files to both in turn."""
    from tests.bench.large_tenant import TenantSize

    files = next_files(make_tenants(at.owner_url, TenantSize(4, 1), 2 * rounds + 20))
    on_s3 = {
        "USAGE_STORE": "s3",
        "USAGE_STORE_BUCKET": os.environ["S3_BUCKET"],
        "USAGE_STORE_PREFIX": "store",
        "S3_PREFIX": "archive/",
        "S3_INBOX_BUCKET": "",
    }
    one_worker = {"WEB_WORKERS": "1"}
    with (
        bench_portal.serving(PORTAL, **one_worker) as folder,
        bench_portal.serving(PORTAL, **one_worker, **on_s3) as bucket,
    ):
        webs = {FOLDER: folder, ON_S3: bucket}
        check_stores(webs, files, at)
        store = s3_server()
        clocks: Clocks = {
            S3_PROCESSOR: partial(processor_seconds, store),
            "processor, PostgreSQL": PostgresqlClock(at.owner_url).seconds,
            "processor, web server": lambda: sum(
                w.cpu_seconds() for w in webs.values()
            ),
            "time": time.perf_counter,
        }
        prepared = {name: sending(web, files) for name, web in webs.items()}
        times = measure_clocked(clocks, prepared, rounds)
    # Nothing, for the folder: there is no ratio to it.
    used = times.pop(S3_PROCESSOR)[ON_S3]
    return {
        **report_clocked("A file of 38 kB", times, FOLDER),
        S3_PROCESSOR: measurements.report_values(S3_PROCESSOR, used, "ms"),
    }


def sending(web: Web, files: Iterator[File]) -> Callable[[], Callable[[], None]]:
    uploader = TenantUploader(web)
    return lambda: partial(uploader.send_accepted, next(files))


def check_stores(webs: dict[str, Web], files: Iterator[File], at: BenchPortal) -> None:
    """Make sure that each web server stores where it is said to."""
    counts = []
    for web in webs.values():
        sending(web, files)()()
        counts.append(len(list((at.folder / "usage").rglob("*.usg"))))
    # The first one has added a file to the folder, the second has not.
    assert counts[0] == counts[1] > 0, counts


def main() -> None:
    given = measurements.arguments(__doc__, script=__file__, rounds=ROUNDS)
    with bench_portal.prepared() as at:
        tables = measure(at, given.rounds)
    measurements.write(given.json, tables)


if __name__ == "__main__":
    main()
