"""Measures statements: the largest month, late files, growth, and the month end.

    VAR=… python tests/bench/bench_statements.py [--json FILE] [--rounds N]
        [--servers N] [--days N] [--logins N] [--people N] [--tenants N] [--quick]

Statements of real sealed files are computed by the product's functions, from the files
to the stored row; the files are in the page cache. The largest months are computed in a
process of their own on one core. Without options the sizes are those of the aims; with
smaller ones the result is marked. VAR is that of running engines; `make bench` starts
some.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench import bench_portal, measurements, statement_worker  # noqa: E402 - the path comes first
from tests.bench.measurements import Table, Times, milliseconds  # noqa: E402 - the same

if TYPE_CHECKING:
    from tests.bench.statement_months import MonthSize, MonthTenant

# The sizes of the aims.
SERVERS, DAYS, LOGINS, PEOPLE, MANY_PEOPLE = 40, 31, 70_000, 4_000, 20_000
TENANTS = 1_000

# Servers and logins of the growth tables are divided by so many with --quick.
QUICK = 10

# How often a month that takes seconds is computed, at most.
COLD_ROUNDS = 2

# Late files that the largest month gets; the first warms up and is not counted.
LATE_FILES = 6

SMALL_SERVERS, SMALL_DAYS, SMALL_PEOPLE, SMALL_LOGINS = 3, 30, 400, 6_400
MOST_SMALL_ROUNDS = 28
READING_ISSUED = "reading the issued version"


@dataclass(frozen=True, slots=True)
class Aim:
    """The most seconds (median) and MB that something may take; 0 is no aim."""

    seconds: float
    memory: float = 0

    def compare(self, seconds: float, memory: float = 0) -> str:
        parts = []
        if self.seconds:
            parts.append(_compared(seconds, self.seconds, "s"))
        if self.memory:
            parts.append(_compared(memory, self.memory, "MB"))
        return ", ".join(parts)


def _compared(found: float, most: float, unit: str) -> str:
    return f"aim {most:g} {unit}: {'met' if found <= most else 'MISSED'}"


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--json", type=Path, default=measurements.RESULTS / "bench_statements.json"
    )
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--servers", type=int, default=SERVERS)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--logins", type=int, default=LOGINS)
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--many-people", type=int, default=MANY_PEOPLE)
    parser.add_argument("--tenants", type=int, default=TENANTS)
    parser.add_argument("--quick", action="store_true", help="small growth tables")
    return parser.parse_args()


def processor_name() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2] for line in lines if line.startswith("model name")]
    return names[0].strip() if names else "unknown"


def make(number: str, size: "MonthSize", *, server_zone: str = "") -> "MonthTenant":
    """Make a tenant with its files; print how long that took."""
    from tests.bench import statement_months

    began = time.perf_counter()
    zone = server_zone or statement_months.ZONE
    tenant = statement_months.make_tenant(number, size, server_zone=zone)
    seconds = time.perf_counter() - began
    # What is measured does not share the disk with writing the files.
    os.sync()
    megabytes = tenant.read_all() / statement_worker.MB
    sys.stdout.write(
        f"\n{size}, servers in {zone}, ten lines: {size.rows / 1e6:.1f} million rows,"
        f" {megabytes:,.0f} MB (made in {seconds:.0f} s)\n"
    )
    return tenant


def measure_cold(
    owner_url: str, tenant: "MonthTenant", *, aim: Aim, rounds: int
) -> Table:
    """Compute a month of which nothing is stored, in processes of their own."""
    from tests.bench import statement_months

    found = []
    for _ in range(rounds):
        statement_months.forget(owner_url, tenant)
        found.append(statement_worker.compute_in_process(tenant.company.id))
    table = {
        "seconds": measurements.report_values(
            "cold, time", [one.seconds for one in found], "s"
        ),
        "processor": measurements.report_values(
            "cold, processor, Python", [one.processor for one in found], "s"
        ),
        "most_mb": measurements.report_values(
            "cold, memory at most", [one.most for one in found], "MB"
        ),
        "before_mb": measurements.report_values(
            "of which before", [one.before for one in found], "MB"
        ),
    }
    judged = aim.compare(table["seconds"]["median"], max(one.most for one in found))
    sys.stdout.write(f"  {judged}\n" if judged else "")
    return {"size": str(tenant.size), **table, "judged": judged}


def issue(tenant: "MonthTenant") -> None:
    """Issue the first version, though the spare server's files are missing."""
    from billing.statements import issue as issuing
    from billing.statements.issue import IssueRequest
    from tests.bench.statement_months import AT, PERIOD

    wanted = IssueRequest(
        period=PERIOD, by="bench", at=AT, reason="Benchmark", with_incomplete=True
    )
    issuing.issue(tenant.company.id, wanted)


def make_draft(tenant: "MonthTenant") -> None:
    """Compute the draft that a late file makes, as its reader does."""
    from billing.models import StatementState
    from billing.statements import refresh
    from tests.bench.statement_months import AT, PERIOD

    draft = refresh.fresh_statement(
        tenant.company.id, PERIOD, at=AT, seconds=statement_worker.PATIENCE
    )
    assert draft.state == StatementState.DRAFT


def measure_late(tenant: "MonthTenant", *, aim: Aim) -> Table:
    """Issue a month that is computed, then send late files, each of another day."""
    tenant.add_spare_server()
    times: Times = {"issuing": [milliseconds(lambda: issue(tenant))]}
    times |= {"late file, time": [], "late file, processor": []}
    for number in range(min(LATE_FILES, tenant.size.days)):
        tenant.send_late(tenant.size.first_day + timedelta(days=number))
        processor = time.process_time()
        taken = milliseconds(lambda: make_draft(tenant))
        if number > 0:
            times["late file, time"].append(taken)
            processed = (time.process_time() - processor) * 1e3
            times["late file, processor"].append(processed)
    table: Table = {
        name: measurements.report_values(name, taken, "ms")
        for name, taken in times.items()
    }
    judged = aim.compare(table["late file, time"]["median"] / 1e3)
    sys.stdout.write(f"  {judged}\n" if judged else "")
    return {**table, "judged": judged}


def largest_months(at: bench_portal.BenchPortal, options: argparse.Namespace) -> Table:
    from tests.bench.statement_months import OTHER_ZONE, MonthSize

    size = MonthSize(options.servers, options.days, options.logins, options.people)
    late, tables = Aim(2), {}
    month = make("LARGEST", size)
    aim = Aim(30, 500)
    cold = measure_cold(at.owner_url, month, aim=aim, rounds=COLD_ROUNDS)
    tables["largest month"] = {**cold, **measure_late(month, aim=late)}
    month.remove_files()

    zones = make("ZONES", size, server_zone=OTHER_ZONE)
    cold = measure_cold(at.owner_url, zones, aim=Aim(0), rounds=1)
    tables["servers in another zone"] = {**cold, **measure_late(zones, aim=late)}
    zones.remove_files()

    many = make("PEOPLE", replace(size, people=options.many_people))
    cold = measure_cold(at.owner_url, many, aim=Aim(50), rounds=1)
    tables["many people"] = {**cold, **measure_late(many, aim=Aim(0))}
    many.remove_files()
    return tables


def small_tenant(owner_url: str, rounds: int) -> Table:
    """Measure a small tenant: computed cold, after late files, and read."""
    from tests.bench.statement_growth import compute_cold
    from tests.bench.statement_months import MonthSize

    size = MonthSize(SMALL_SERVERS, SMALL_DAYS, SMALL_LOGINS, SMALL_PEOPLE)
    tenant = make("SMALL", size)
    compute_cold(owner_url, tenant)
    tenant.add_spare_server()
    issue(tenant)
    times: Times = {
        name: []
        for name in (READING_ISSUED, "reading the draft", "a late file", "cold")
    }
    for number in range(min(rounds, MOST_SMALL_ROUNDS) + 1):
        tenant.send_late(size.first_day + timedelta(days=number))
        taken = (
            milliseconds(lambda: make_draft(tenant)),
            milliseconds(lambda: read_json(tenant, "draft")),
            milliseconds(lambda: read_json(tenant, "1")),
            compute_cold(owner_url, tenant),
        )
        if number > 0:
            late, draft, issued, cold = taken
            times["a late file"].append(late)
            times["reading the draft"].append(draft)
            times[READING_ISSUED].append(issued)
            times["cold"].append(cold)
    return measurements.report("", times, READING_ISSUED)


def read_json(tenant: "MonthTenant", version: str) -> None:
    from billing.statements import queries
    from tests.bench.statement_months import AT, PERIOD

    served = queries.serve(tenant.company.id, PERIOD, version=version, at=AT)
    assert served.document


def report_sizes(options: argparse.Namespace) -> Table:
    """Print the processor and the sizes; mark a run that is smaller than the aims."""
    names = ("servers", "days", "logins", "people", "many_people", "tenants")
    sizes = {name: getattr(options, name) for name in names}
    real: Sequence[int] = (SERVERS, DAYS, LOGINS, PEOPLE, MANY_PEOPLE, TENANTS)
    is_smaller = options.quick or any(
        size < least for size, least in zip(sizes.values(), real, strict=True)
    )
    sys.stdout.write(f"{processor_name()}, {os.cpu_count()} cores\n")
    if is_smaller:
        sys.stdout.write("SMALLER than the sizes of the aims; no result\n")
    return {**sizes, "processor": processor_name(), "is_smaller": is_smaller}


def main() -> None:
    options = read_options()
    with bench_portal.prepared() as at:
        from tests.bench import statement_growth, statement_month_end, statement_months

        tables: Table = {"sizes": report_sizes(options)}
        statement_months.classify_eighth_add_on()
        # First: a run is over all tenants that there are.
        tables["month end"] = statement_month_end.measure_month_end(
            at.owner_url, tenants=options.tenants
        )
        tables["small tenant"] = small_tenant(at.owner_url, options.rounds)
        tables["growth"] = statement_growth.measure_growth(
            at.owner_url, divisor=QUICK if options.quick else 1
        )
        tables |= largest_months(at, options)
    measurements.write(options.json, tables)


if __name__ == "__main__":
    main()
