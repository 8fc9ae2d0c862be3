"""Measures how the time of a cold statement grows with what is counted."""

import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from billing.statements import refresh
from tests.bench import statement_months
from tests.bench.measurements import Table, milliseconds, spread
from tests.bench.statement_months import AT, PERIOD, MonthSize, MonthTenant
from tests.bench.statement_worker import PATIENCE

ROUNDS = 3

# What grows, and the month in which it does.
_GROWTH: dict[str, tuple[MonthSize, Sequence[int]]] = {
    "servers": (MonthSize(1, 2, 20_000, 1_000), (1, 5, 10, 40)),
    "days": (MonthSize(1, 1, 20_000, 1_000), (1, 7, 14, 31)),
    "logins": (MonthSize(1, 7, 5_000, 4_000), (5_000, 20_000, 40_000, 70_000)),
    "people": (MonthSize(1, 7, 70_000, 500), (500, 4_000, 10_000, 20_000)),
}


def compute_cold(owner_url: str, tenant: MonthTenant) -> float:
    """Compute a statement of which nothing is stored; return the milliseconds."""
    statement_months.forget(owner_url, tenant)
    return milliseconds(lambda: compute(tenant))


def compute(tenant: MonthTenant) -> None:
    is_done = refresh.refresh_period(tenant.company.id, PERIOD, at=AT, seconds=PATIENCE)
    assert is_done


def measure_growth(owner_url: str, *, divisor: int) -> Table:
    """Measure and print; servers and logins are divided by `divisor` to be quick."""
    tables: Table = {}
    for name, (base, counts) in _GROWTH.items():
        sizes = [_divided(replace(base, **{name: count}), divisor) for count in counts]
        tenants = [
            statement_months.make_tenant(f"G-{name}-{place}", size)
            for place, size in enumerate(sizes)
        ]
        tables[name] = _report(name, sizes, _times(owner_url, tenants))
        for tenant in tenants:
            tenant.remove_files()
    return tables


def _divided(size: MonthSize, divisor: int) -> MonthSize:
    return replace(
        size,
        servers=max(1, size.servers // divisor),
        logins=max(1, size.logins // divisor),
    )


def _times(owner_url: str, tenants: Sequence[MonthTenant]) -> list[list[float]]:
    times: dict[int, list[float]] = defaultdict(list)
    for number in range(ROUNDS + 1):
        for tenant in tenants:
            taken = compute_cold(owner_url, tenant)
            if number > 0:
                times[tenant.company.id].append(taken)
    return [times[tenant.company.id] for tenant in tenants]


def _report(
    name: str, sizes: Sequence[MonthSize], times: Sequence[Sequence[float]]
) -> Table:
    """Print each size with its time, and the least time against that of the first."""
    sys.stdout.write(f"\nA cold statement, by {name}\n")
    table: Table = {}
    for size, taken in zip(sizes, times, strict=True):
        figures = spread(taken)
        growth = getattr(size, name) / getattr(sizes[0], name)
        ratio = figures["min"] / min(times[0])
        table[str(size)] = {
            **{f"{key}_ms": value for key, value in figures.items()},
            "size_ratio": round(growth, 4),
            "time_ratio": round(ratio, 4),
        }
        sys.stdout.write(
            f"  {size!s:58} {figures['median']:8.0f} ms"
            f"  ({figures['min']:.0f} to {figures['max']:.0f})"
            f"  {growth:5.1f} times as many: {ratio:5.2f} times as long\n"
        )
    return table
