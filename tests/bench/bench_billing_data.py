"""Measures the page *Billing data* of a large tenant, against an empty signed-in page.

    VAR=… python tests/bench/bench_billing_data.py [--json FILE] [--rounds N]

A tenant with 40 servers, ten lines and 24 issued periods; the newest one has a draft.
Its files are computed once; the earlier periods repeat that statement, copied by SQL.
Every round requests each page once, as an admin's browser does over a connection that
it keeps. VAR is that of running engines; `make bench` starts some.
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench import bench_portal, measurements  # noqa: E402 - the path comes first
from tests.bench.bench_desk import BASE, SignedInClient, report  # noqa: E402 - the same

SERVERS, DAYS, LOGINS, PEOPLE = 40, 31, 400, 100
PERIODS = 24

# A period with its version and its current statement, as another period.
COPY = """
insert into billing_tenantperiod (tenant_id, period, {period_columns})
select tenant_id, %(to)s, {period_columns} from billing_tenantperiod
where period = %(of)s;
insert into billing_statement
    (tenant_id, period, number, position, {statement_columns})
select tenant_id, %(to)s, 'COPY-' || %(to)s, position + %(step)s, {statement_columns}
from billing_statement where period = %(of)s;
insert into billing_currentstatement (tenant_id, period, {current_columns})
select tenant_id, %(to)s, {current_columns} from billing_currentstatement
where period = %(of)s;
"""


def copy_to_earlier_periods(owner_url: str) -> None:
    import psycopg

    from tests.bench.statement_months import PERIOD

    # Several statements at once need parameters that the client binds.
    factory = psycopg.ClientCursor
    with psycopg.connect(owner_url, cursor_factory=factory) as connection:
        copy = COPY.format(
            period_columns=columns(connection, "billing_tenantperiod"),
            statement_columns=columns(connection, "billing_statement"),
            current_columns=columns(connection, "billing_currentstatement"),
        )
        period = PERIOD
        for step in range(1, PERIODS):
            period = period.previous()
            connection.execute(
                copy, {"to": str(period), "of": str(PERIOD), "step": step}
            )


def columns(connection: Any, table: str) -> str:
    """Return the columns of a table that a copy keeps."""
    own = ("id", "tenant_id", "period", "number", "position")
    found = connection.execute(
        "select column_name from information_schema.columns where table_name = %s"
        " order by ordinal_position",
        [table],
    )
    return ", ".join(name for (name,) in found if name not in own)


def cookie_of_an_admin(tenant_id: int) -> str:
    from django.conf import settings
    from django.test import Client

    from portal.db import unit_of_work
    from portal.models import Role
    from portal.tenants import create
    from tests.builders import NOW, PASSWORD

    with unit_of_work.acting_for(unit_of_work.STAFF):
        admin = create.add_person(
            email="admin@large.example",
            name="Admin",
            password=PASSWORD,
            at=NOW,
        )
        create.add_member(tenant_id, user=admin, role=Role.ADMIN, by="bench", at=NOW)
    client = Client()
    client.force_login(admin)
    return str(client.cookies[settings.SESSION_COOKIE_NAME].value)


def main() -> None:
    told = measurements.arguments(__doc__, script=__file__, rounds=100)
    with bench_portal.prepared() as at:
        from django.core.management import call_command

        from tests.bench import bench_statements, statement_months
        from tests.bench.statement_months import PERIOD, MonthSize

        call_command("collectstatic", interactive=False, verbosity=0)
        statement_months.classify_eighth_add_on()
        size = MonthSize(SERVERS, DAYS, LOGINS, PEOPLE)
        tenant = bench_statements.make("LARGE", size)
        tenant.add_spare_server()
        bench_statements.issue(tenant)
        copy_to_earlier_periods(at.owner_url)
        tenant.send_late(size.first_day)
        bench_statements.make_draft(tenant)
        cookie = cookie_of_an_admin(tenant.company.id)
        here = f"/billing-data/{PERIOD}"
        paths = {
            BASE: "/signed-in",
            "issued version": here,
            "draft with its differences": f"{here}?version=draft",
            "hours of another line (no cache)": f"{here}?line=business",
            "a day, with its files": f"{here}/days/{size.first_day}",
            "JSON": f"/api/v1/statements/{PERIOD}",
            "PDF of a version": f"/api/v1/statements/{PERIOD}.pdf",
            "PDF of a draft": f"/api/v1/statements/{PERIOD}.pdf?version=draft",
        }
        with bench_portal.serving("portal.wsgi:application") as web:
            browser = SignedInClient(web, cookie)
            pages: dict[str, Callable[[], object]] = {
                name: partial(browser.get, path) for name, path in paths.items()
            }
            # Each worker process has its templates and its connection to make first.
            for get in [*pages.values()] * 5:
                get()
            times = measurements.measure(pages, told.rounds)
        tenant.remove_files()
    title = f"{SERVERS} servers, ten lines, {PERIODS} periods"
    measurements.write(told.json, {"billing data": report(title, times)})


if __name__ == "__main__":
    main()
