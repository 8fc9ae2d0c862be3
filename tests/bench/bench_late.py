"""Measures the late check for 100,000 tenants, against the raw calendar.

    VAR=… python tests/bench/bench_late.py [--json FILE] [--rounds N]

Tenants with three servers, made by SQL. The baseline asks the same question the long
way: of each server-day that is owed whether it was received before the deadline, over a
table with a row for each that was. Every round runs each candidate once and takes back
what it did. VAR is that of running engines; `make bench` starts some.
"""

import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import psycopg  # noqa: E402 - the path comes first

from tests.bench import bench_portal, many_tenants, measurements  # noqa: E402 - the same

TENANTS = 100_000

# Two days after the deadline, in every zone.
AT = datetime(2026, 6, 7, tzinfo=UTC)

BASE = "over the raw calendar"

_RAW = """
select p.tenant_id, p.deadline_at, array_agg(day || ' IC' || server) as late
from billing_tenantperiod p
join lateral (
    select keys from billing_licencechange
    where tenant_id = p.tenant_id and from_on <= %(last)s order by from_on desc limit 1
) l on 'I3_FEATURE_USAGE_TRACKING_LOCAL' = any(l.keys)
cross join generate_series(1, %(servers)s) as server
cross join generate_series(0, %(days)s - 1) as number
cross join lateral (select %(first)s::date + number as day) as days
where p.period = %(period)s and p.deadline_at <= %(until)s
and not exists (
    select from bench_calendar c
    where c.tenant_id = p.tenant_id and c.server = server and c.day = days.day
      and c.received_at < p.deadline_at
)
group by p.tenant_id, p.deadline_at
"""


_RELEASED = """
insert into billing_safetystop
    (period, found, usual, raised_at, released_at, released_by, reason)
values (%(period)s, 1, 1, %(at)s, %(at)s, 'bench', 'bench')
"""


def run(connection: Any, statement: str, parameters: dict[str, object]) -> int:
    """Run a statement, take back what it did, and return how many rows it gave."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        found = len(cursor.fetchall())
    connection.rollback()
    return found


def beside(
    connection: Any,
    raw: dict[str, object],
    raising: dict[str, object],
    rounds: int,
    name: str,
) -> measurements.Times:
    """Measure the check, in the state that there is, beside the baseline."""
    from billing.lateness import sql as late_sql

    candidates: measurements.Candidates = {
        BASE: partial(run, connection, _RAW, raw),
        name: partial(run, connection, late_sql.RAISE, raising),
    }
    return measurements.measure(candidates, rounds)


def raised_for_good(connection: Any, raising: dict[str, object]) -> int:
    """Raise the flags and keep them; return how many there are."""
    from billing.lateness import sql as late_sql

    connection.execute(late_sql.RAISE, raising)
    [(count,)] = connection.execute("select count(*) from billing_lateflag").fetchall()
    connection.commit()
    # The rounds have left theirs behind, dead; a server clears such rows away.
    connection.autocommit = True
    connection.execute("vacuum analyze billing_lateflag")
    connection.autocommit = False
    return int(count)


def main() -> None:
    told = measurements.arguments(__doc__, script=__file__, rounds=15)
    with bench_portal.prepared() as at:
        from billing.coverage.periods import BETWEEN_ZONES
        from billing.lateness import check as late_check
        from billing.periods.update_flags import WAIT

        made = many_tenants.ManyTenants(at.owner_url, TENANTS)
        made.make()
        made.write_out_calendar()
        raising: dict[str, object] = {
            "until": AT - WAIT,
            "at": AT,
            "has_inbox": False,
            "least": late_check.STOPS_FROM,
            "times": late_check.STOPS_TIMES,
            "between_zones": BETWEEN_ZONES,
        }
        raw: dict[str, object] = {
            "until": AT - WAIT,
            "period": many_tenants.PERIOD,
            "first": many_tenants.FIRST,
            "last": AT.date(),
            "days": many_tenants.DAYS,
            "servers": many_tenants.SERVERS,
        }
        with psycopg.connect(at.owner_url) as connection:
            measure = partial(beside, connection, raw, raising, told.rounds)
            held = measure("the check, held by the stop")
            connection.execute(_RELEASED, {"period": many_tenants.PERIOD, "at": AT})
            connection.commit()
            raised = measure("the check, raising all flags")
            count = raised_for_good(connection, raising)
            idle = measure("the check, nothing new")
        sys.stdout.write(f"\n{TENANTS:,} tenants, {count:,} of them late\n")
        tables = {
            "held": measurements.report("", held, BASE),
            "raising": measurements.report("", raised, BASE),
            "idle": measurements.report("", idle, BASE),
        }
    measurements.write(told.json, tables)


if __name__ == "__main__":
    main()
