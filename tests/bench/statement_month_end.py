"""Measures the month end of many small tenants."""

import sys
import time
from collections.abc import Mapping

from billing.models import MonthEndOutcome
from billing.statements import month_end
from billing.statements.month_end import RunRequest
from portal.db import unit_of_work
from tests.bench import statement_months
from tests.bench.measurements import Table
from tests.bench.postgresql_time import PostgresqlClock
from tests.bench.statement_months import AT, PERIOD, MonthSize

SMALL = MonthSize(1, 30, 20, 15)


def measure_month_end(owner_url: str, *, tenants: int) -> Table:
    """Issue the statements of many tenants, then run it again; print both.

    A run is over all tenants, so that there must not be others yet.
    """
    began = time.perf_counter()
    for number in range(tenants):
        statement_months.make_tenant(f"M-{number:04}", SMALL)
    made = time.perf_counter() - began
    sys.stdout.write(
        f"\nMonth end of {tenants:,} tenants, {SMALL} (made in {made:.0f} s)\n"
    )
    clock = PostgresqlClock(owner_url)
    runs = {
        "computing and issuing": MonthEndOutcome.ISSUED,
        "the same again, unchanged": MonthEndOutcome.UNCHANGED,
    }
    tables: Table = {"size": str(SMALL), "tenants": tenants}
    for name, outcome in runs.items():
        figures, outcomes = _run(clock)
        assert outcomes == {outcome: tenants}, outcomes
        tables[name] = figures
        _print_run(name, figures)
    return tables


def _run(
    clock: PostgresqlClock,
) -> tuple[dict[str, float], Mapping[MonthEndOutcome, int]]:
    postgresql, processor, began = (
        clock.seconds(),
        time.process_time(),
        time.perf_counter(),
    )
    wanted = RunRequest(period=PERIOD, is_issuing=True, by="bench", at=AT)
    run = month_end.start(wanted, wakes=False)
    tried = month_end.work(now=lambda: AT, has_time=lambda: True)
    seconds = time.perf_counter() - began
    figures = {
        "seconds": seconds,
        "tenants_a_second": tried / seconds,
        "processor_python": time.process_time() - processor,
        "processor_postgresql": clock.seconds() - postgresql,
    }
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        progress = month_end.progress(run)
    assert not progress.waiting, progress
    assert not progress.failed, progress
    return {key: round(value, 3) for key, value in figures.items()}, progress.outcomes


def _print_run(name: str, figures: Mapping[str, float]) -> None:
    sys.stdout.write(
        f"  {name:34} {figures['seconds']:8.1f} s,"
        f" {figures['tenants_a_second']:.1f} tenants a second; processor:"
        f" Python {figures['processor_python']:.1f} s,"
        f" PostgreSQL {figures['processor_postgresql']:.1f} s\n"
    )
