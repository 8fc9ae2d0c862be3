"""Measures the quarter-hourly tasks and the opening of a period, for 100,000 tenants.

    VAR=… python tests/bench/bench_many.py [--json FILE] [--rounds N]

Tenants with three servers and two members, made by SQL; of one in ten something is
missing, and all of their mails were sent. The baseline is one scan of all summaries.
Finally the next period opens for all of them, and is computed for some.
VAR is that of running engines; `make bench` starts some.
"""

import sys
from datetime import UTC, datetime, time, timedelta
from functools import partial
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench import bench_portal, many_tenants, measurements  # noqa: E402 - the path comes first

TENANTS = 100_000
BASE = "one scan of all summaries"

# Days after the end of the period, at noon in UTC: all mails of that day were sent; a
# day far from any deadline.
MAILED, QUIET = 3, 20

# Days after the end of the period on which the one after the next has begun.
NEXT_PERIOD = 33

# Tenants whose summaries of a new period are computed, one by one.
REFRESHED = 200


def scan() -> None:
    from django.db import connection

    from portal.db import unit_of_work

    with unit_of_work.acting_for(unit_of_work.STAFF), connection.cursor() as cursor:
        cursor.execute("select count(strip) from billing_periodrollup")


def plan(at: datetime) -> None:
    from billing.reminders import plan as reminder_plan

    assert reminder_plan.plan_reminders(at=at) == 0


def digest(at: datetime) -> None:
    from billing.mail import digest as mail_digest
    from portal.db import unit_of_work

    with unit_of_work.acting_for(unit_of_work.STAFF):
        assert mail_digest.standing_counts(at=at)
        mail_digest.open_items()


def open_nothing(at: datetime) -> None:
    from billing.periods import open_periods

    assert open_periods.open_current_periods(today=at.date(), at=at) == 0


def open_for_all(at: datetime) -> float:
    """Open the next period for all tenants, once; return the seconds."""
    from billing.periods import open_periods

    began = perf_counter()
    opened = open_periods.open_current_periods(today=at.date(), at=at)
    assert opened == TENANTS, opened
    return perf_counter() - began


def refresh_some() -> list[float]:
    """Refresh the new period of some tenants; return the milliseconds of each."""
    from billing.periods import marks, refresh

    taken = []
    for _ in range(REFRESHED):
        claim = marks.claim()
        assert claim is not None
        began = perf_counter()
        refresh._refresh_claimed(claim)
        taken.append((perf_counter() - began) * 1e3)
    return taken


def main() -> None:
    told = measurements.arguments(__doc__, script=__file__, rounds=15)
    ended = datetime.combine(many_tenants.MAY.ends_on, time(12), UTC)
    with bench_portal.prepared() as at:
        from billing.standings import merge as standings_merge
        from portal.mail import switch as mail_switch

        many_tenants.ManyTenants(at.owner_url, TENANTS).make()
        # So that mails may be sent, of which none was due before the period.
        mail_switch.claim(by="bench", at=ended - timedelta(days=60))
        standings_merge.merge_counts()
        candidates: measurements.Candidates = {
            BASE: scan,
            "plan reminders, all are mailed": partial(
                plan, ended + timedelta(days=MAILED)
            ),
            "plan reminders, nothing is due": partial(
                plan, ended + timedelta(days=QUIET)
            ),
            "numbers of a digest": partial(digest, ended + timedelta(days=MAILED)),
            "merge counts": standings_merge.merge_counts,
            "open periods, nothing to do": partial(open_nothing, ended),
        }
        times = measurements.measure(candidates, told.rounds)
        table = measurements.report(f"{TENANTS:,} tenants", times, BASE)
        seconds = open_for_all(ended + timedelta(days=NEXT_PERIOD))
        table["open a period for all"] = measurements.report_values(
            "open a period for all", [seconds], "s"
        )
        table["refresh a new period"] = measurements.report_values(
            "refresh a new period, each tenant", refresh_some(), "ms"
        )
    measurements.write(told.json, {"many": table})


if __name__ == "__main__":
    main()
