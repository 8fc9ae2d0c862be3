"""Measures a tenant with 40 servers and 24 months of files, against one with 1 and 1.

    VAR=… python tests/bench/bench_large_tenant.py [--json FILE] [--rounds N]

A usual file is the next day of a server that is known, 4,500 logins in 38 kB, sent to
the web server with a token. Shown are its time and the processor's, how both grow with
servers and months, changes that affect all periods, uploads of the same tenant beside
such changes, and computing one period for the page. The refresher runs beside all of
it, as it does in a portal. VAR is that of running engines;
`make bench` starts some.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import psycopg  # noqa: E402 - the path comes first

from tests.bench import (  # noqa: E402 - the same
    bench_portal,
    measurements,
    uploads_beside,
)
from tests.bench.measurements import Table, Times, milliseconds  # noqa: E402 - the same
from tests.bench.postgresql_time import PostgresqlClock  # noqa: E402 - the same
from tests.bench.uploads_beside import File, TenantUploader  # noqa: E402 - the same

if TYPE_CHECKING:
    from tests.bench.large_tenant import SizedTenant, TenantSize
    from tests.bench.tenant_changes import TenantChanges

SERVERS, MONTHS = (1, 5, 10, 40), (1, 12, 24)

# What the large tenant has at least; a benchmark of a smaller one fails.
LEAST_FILES, LEAST_PERIODS = 29_000, 24

# First uploads fill caches and open connections; they are not counted.
WARMING_UP = 2

# The large tenant has room for 200 new files: enough for these rounds and all others.
MOST_ROUNDS = 25
GROWTH_ROUNDS = 8

# Changes that affect all periods add servers: few rounds, and none begins after so
# many seconds.
CHANGE_ROUNDS, CHANGE_SECONDS = 4, 90.0

# Longest that the refresher may take for all summaries of the large tenant.
REFRESH_SECONDS = 120.0

PORTAL = "portal.wsgi:application"

# What is measured of each step: seconds before it and after it. The time comes last, so
# that it does not include reading the others.
Clocks = dict[str, Callable[[], float]]

# Called before each round, and returns what is measured.
Prepare = Callable[[], Callable[[], object]]


class LargeTenantBench:
    """The tenants of all sizes, their next files, and who sends them."""

    def __init__(
        self, at: bench_portal.BenchPortal, web: bench_portal.Web, rounds: int
    ) -> None:
        from tests.bench.large_tenant import TenantSize

        self.rounds = rounds
        self.web = web
        self.owner_url = at.owner_url
        self.postgresql = PostgresqlClock(at.owner_url)
        self.uploader = TenantUploader(web)
        self.small, self.large = TenantSize(1, 1), TenantSize(40, 24)
        self.sizes = [TenantSize(one, months) for one in SERVERS for months in MONTHS]
        self.tenants = {
            size: make_tenants(at.owner_url, size, self._needed(size))
            for size in self.sizes
        }
        prepare(at.owner_url, [one for many in self.tenants.values() for one in many])
        self.files = {size: next_files(many) for size, many in self.tenants.items()}

    def _needed(self, size: "TenantSize") -> int:
        grown = GROWTH_ROUNDS + 1
        if size == self.small:
            return grown + self.rounds + WARMING_UP + CHANGE_ROUNDS + 1
        return grown

    def send_next(self, size: "TenantSize") -> Callable[[], None]:
        """Write the next file; return what sends it."""
        return partial(self.uploader.send_accepted, next(self.files[size]))


def make_tenants(owner_url: str, size: "TenantSize", files: int) -> list["SizedTenant"]:
    """Make as many tenants of a size as are needed for a number of new files."""
    from tests.bench.large_tenant import ROOM, make_tenant

    return [
        make_tenant(
            owner_url,
            f"B-{size.servers}-{size.months}-{number}",
            size,
            at=datetime.now(UTC),
        )
        for number in range(ceil(files / (size.servers * ROOM)))
    ]


def prepare(owner_url: str, tenants: list["SizedTenant"]) -> None:
    from tests.bench.large_tenant import compute_summaries, vacuum

    vacuum(owner_url)
    for tenant in tenants:
        compute_summaries(tenant, at=datetime.now(UTC))
    vacuum(owner_url)


def next_files(tenants: list["SizedTenant"]) -> Iterator[File]:
    from tests.bench.large_tenant import usual_sessions

    sessions = usual_sessions()
    for tenant in tenants:
        yield from tenant.next_files(sessions)


def report_sizes(bench: LargeTenantBench) -> Table:
    """Print and return the sizes; fail where the large tenant is too small."""
    sizes = {}
    for size, many in bench.tenants.items():
        opened = many[0].periods
        sizes[str(size)] = {"files": size.files, "periods": opened}
        sys.stdout.write(
            f"  {size.servers:2} servers x {size.months:2} months:"
            f" {size.files:6,} accepted files, {opened:2} periods\n"
        )
    assert bench.large.files >= LEAST_FILES, bench.large.files
    assert bench.tenants[bench.large][0].periods >= LEAST_PERIODS
    return sizes


def clocked(clocks: Clocks, run: Callable[[], object]) -> dict[str, float]:
    """Run something once; return what each clock has gone on, in milliseconds."""
    before = {name: clock() for name, clock in clocks.items()}
    run()
    after = {name: clocks[name]() for name in reversed(clocks)}
    return {name: (after[name] - before[name]) * 1e3 for name in clocks}


def measure_clocked(
    clocks: Clocks, prepared: Mapping[str, Prepare], rounds: int
) -> dict[str, Times]:
    """Prepare and run each candidate once in every round, after some to warm up."""
    times: dict[str, Times] = {name: defaultdict(list) for name in clocks}
    for number in range(rounds + WARMING_UP):
        for candidate, prepare_one in prepared.items():
            taken = clocked(clocks, prepare_one())
            if number >= WARMING_UP:
                for name, milli in taken.items():
                    times[name][candidate].append(milli)
    return times


def report_clocked(title: str, times: dict[str, Times], base: str) -> dict[str, Table]:
    return {
        name: measurements.report(f"{title}: {name}", times[name], base)
        for name in reversed(times)
    }


def usual_files(bench: LargeTenantBench) -> dict[str, Table]:
    clocks: Clocks = {
        "processor, PostgreSQL": bench.postgresql.seconds,
        "processor, web server": bench.web.cpu_seconds,
        "time": time.perf_counter,
    }
    sizes = (bench.small, bench.large)
    prepared = {str(size): partial(bench.send_next, size) for size in sizes}
    times = measure_clocked(clocks, prepared, bench.rounds)
    return report_clocked("A usual file", times, str(bench.small))


def one_period(bench: LargeTenantBench) -> dict[str, Table]:
    """Compute a period as the page does, in this process."""
    from billing.coverage.periods import Period
    from billing.periods.queries import view_period
    from portal.db import unit_of_work

    def view(tenant: "SizedTenant", period: Period) -> None:
        with unit_of_work.acting_for(tenant.id, reading=True):
            view_period(period, at=datetime.now(UTC))

    small, large = (bench.tenants[size][0] for size in (bench.small, bench.large))
    running = Period.containing(large.next_day)
    candidates = {
        f"{bench.small}, newest": partial(view, small, running),
        f"{bench.large}, newest": partial(view, large, running),
        f"{bench.large}, before": partial(view, large, running.previous()),
    }
    clocks: Clocks = {
        "processor, PostgreSQL": bench.postgresql.seconds,
        "processor, Python": time.process_time,
        "time": time.perf_counter,
    }
    prepared = {name: partial(lambda run: run, one) for name, one in candidates.items()}
    times = measure_clocked(clocks, prepared, bench.rounds)
    return report_clocked("One period", times, f"{bench.small}, newest")


def growth(bench: LargeTenantBench) -> Table:
    times: Times = defaultdict(list)
    for number in range(GROWTH_ROUNDS + 1):
        for size in bench.sizes:
            taken = milliseconds(bench.send_next(size))
            if number > 0:
                times[str(size)].append(taken)
    title = "A usual file, by servers x months"
    return measurements.report(title, times, str(bench.small))


def await_refreshed(owner_url: str) -> None:
    """Wait until the refresher has worked off all marks."""
    with psycopg.connect(owner_url, autocommit=True) as connection:
        until = time.monotonic() + REFRESH_SECONDS
        while connection.execute("select 1 from billing_summarymark").fetchone():
            assert time.monotonic() < until, "the refresher is not done"
            time.sleep(0.02)


def changes_alone(
    bench: LargeTenantBench, changes: "TenantChanges"
) -> dict[str, Table]:
    """Measure changes, each when nothing is stale, and when all is fresh again."""
    base = "usual file, 1 x 1"
    usual = partial(bench.send_next, bench.small)
    prepared: dict[str, Prepare] = {base: usual, **changes.all()}
    times: Times = defaultdict(list)
    fresh: Times = defaultdict(list)
    until = time.monotonic() + CHANGE_SECONDS
    for _ in range(CHANGE_ROUNDS):
        if times and time.monotonic() > until:
            break
        for name, prepare_one in prepared.items():
            run = prepare_one()
            await_refreshed(bench.owner_url)
            times[name].append(milliseconds(run))
            fresh[name].append(milliseconds(partial(await_refreshed, bench.owner_url)))
    title = f"Changes of a tenant of {bench.large}"
    return {
        "changes": measurements.report(title, times, base),
        "until fresh": measurements.report(f"{title}: until fresh", fresh, base),
    }


def changes_beside_uploads(
    bench: LargeTenantBench, changes: "TenantChanges"
) -> dict[str, Table]:
    files = bench.files[bench.large]
    sys.stdout.write(f"\nUploads of a tenant of {bench.large} beside its changes\n")
    tables = {}
    for name, prepare_one in changes.all().items():
        beside = uploads_beside.run_beside(
            prepare_one, files, TenantUploader(bench.web)
        )
        uploads_beside.report_beside(name, beside)
        tables[name] = beside
    return tables


def main() -> None:
    options = measurements.arguments(__doc__, script=__file__, rounds=15)
    rounds = min(options.rounds, MOST_ROUNDS)
    with (
        bench_portal.prepared() as at,
        bench_portal.serving(PORTAL) as web,
        bench_portal.refreshing(),
    ):
        from tests.bench.tenant_changes import TenantChanges

        bench = LargeTenantBench(at, web, rounds)
        tables = {"sizes": report_sizes(bench)}
        tables["usual file"] = usual_files(bench)
        tables["one period"] = one_period(bench)
        tables["growth"] = growth(bench)
        changes = TenantChanges(bench.tenants[bench.large][0], bench.uploader.send)
        tables |= changes_alone(bench, changes)
        tables["uploads beside changes"] = changes_beside_uploads(bench, changes)
    measurements.write(options.json, tables)


if __name__ == "__main__":
    main()
