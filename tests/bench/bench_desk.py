"""Measures the staff pages with many tenants, against an empty signed-in page.

    VAR=… python tests/bench/bench_desk.py [--json FILE] [--rounds N]

10,000 and 100,000 tenants with three servers each, made by SQL, in the period that has
ended last. Every round requests each page once, as a clerk's browser does over a
connection that it keeps: the emptiest page of somebody who is signed in, staff pages
with nothing in them (the desk of a period that nobody has), the desk in its uses, the
list of tenants and the page Mail. Times are from the first byte sent to the last one
read. VAR is that of running engines; `make bench` starts some.
"""

import statistics
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from billing.coverage.periods import Period  # noqa: E402 - the path comes first
from portal.stack import ports  # noqa: E402 - the same
from tests.bench import bench_portal, many_tenants, measurements  # noqa: E402 - the same
from tests.bench.measurements import Table, Times  # noqa: E402 - the same

SIZES = (10_000, 100_000)
BASE = "empty page"
PERIOD = Period.containing(datetime.now(UTC).date()).previous()
DESK = f"/staff/?period={PERIOD}"

# Of the names of a dozen tenants.
RARE = "4f6d"
PAGES = {
    BASE: "/signed-in",
    "a page of the staff, empty": "/staff/?period=2031-01",
    "to decide, nothing there": "/staff/held",
    "desk, most urgent first": DESK,
    "desk, those who are late": f"{DESK}&standing=late",
    "desk, by name": f"{DESK}&sort=tenant",
    "desk, a search for a common word": f"{DESK}&q=bank",
    "desk, a search for a rare word": f"{DESK}&q={RARE}",
    "desk, page 100": f"{DESK}&page=100",
    "tenants": "/staff/tenants",
    "tenants, a search": "/staff/tenants?q=bank",
    "mail": "/staff/mail",
}


class SignedInClient:
    """A clerk who is signed in, over one connection."""

    def __init__(self, web: bench_portal.Web, cookie: str) -> None:
        self._connection = HTTPConnection(ports.LOOPBACK, web.port, timeout=60)
        self._headers = {"Cookie": f"sessionid={cookie}"}

    def get(self, path: str) -> bytes:
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        assert answer.status == 200, (path, answer.status)
        return body


def cookie_of_a_clerk() -> str:
    from django.conf import settings
    from django.test import Client

    from portal.db import unit_of_work
    from portal.models import StaffRole
    from portal.tenants import create
    from tests.builders import NOW, PASSWORD

    with unit_of_work.acting_for(unit_of_work.STAFF):
        clerk = create.add_person(
            email="clerk@vendor.example",
            name="Clerk",
            password=PASSWORD,
            staff_role=StaffRole.CLERK,
            at=NOW,
        )
    client = Client()
    client.force_login(clerk)
    return str(client.cookies[settings.SESSION_COOKIE_NAME].value)


def report(title: str, times: Times) -> Table:
    """Print and return the table, and the 95th of 100 requests beside the medians."""
    table = measurements.report(title, times, BASE)
    slow = {
        name: statistics.quantiles(taken, n=20)[-1] for name, taken in times.items()
    }
    for name, taken in slow.items():
        ratio = taken / slow[BASE]
        table[name] |= {"p95_ms": round(taken, 4), f"p95_ratio_to_{BASE}": ratio}
        sys.stdout.write(f"  {name:34} {taken:8.2f} ms p95  {ratio:5.2f} of {BASE}\n")
    return table


def of_many(tenants: int, rounds: int) -> Table:
    with bench_portal.prepared() as told:
        from django.core.management import call_command

        call_command("collectstatic", interactive=False, verbosity=0)
        many_tenants.ManyTenants(told.owner_url, tenants, PERIOD).make()
        cookie = cookie_of_a_clerk()
        with bench_portal.serving("portal.wsgi:application") as web:
            browser = SignedInClient(web, cookie)
            pages: dict[str, Callable[[], object]] = {
                name: partial(browser.get, path) for name, path in PAGES.items()
            }
            # Each worker process has its templates and its connection to make first.
            for get in [*pages.values()] * 5:
                get()
            times = measurements.measure(pages, rounds)
    return report(f"{tenants:,} tenants with {many_tenants.SERVERS} servers", times)


def main() -> None:
    told = measurements.arguments(__doc__, script=__file__, rounds=60)
    tables = {f"{size} tenants": of_many(size, told.rounds) for size in SIZES}
    measurements.write(told.json, tables)


if __name__ == "__main__":
    main()
