"""Creates tenants with arbitrary stored summaries, for tests of the desk's SQL."""

from dataclasses import asdict
from datetime import datetime
from random import Random

from billing.coverage.periods import deadline_at, zone_named
from billing.coverage.summary import Summary
from billing.desk import queries as desk_queries
from billing.desk.desk_row import DeskRow
from billing.desk.sql import DeskFilter
from billing.models import PeriodSummary, TenantPeriod
from portal.db import unit_of_work
from portal.models import Tenant
from tests.billing.coverage.berlin_tenant import BERLIN, MAY
from tests.billing.lateness.late_tenants import DAY
from tests.builders import NOW

DUE = deadline_at(MAY, zone_named(BERLIN))
MANY = 1_000
IN_MAY = DeskFilter(period=MAY)


def random_summary(rng: Random) -> Summary:
    """Any numbers at all, also such as no history has."""

    def instants() -> tuple[datetime, ...]:
        most = rng.choice([0, 0, 1, 5])
        return tuple(sorted(DUE + rng.randint(-400, 60) * DAY / 4 for _ in range(most)))

    owed = rng.choice([0, 30, 90])
    graced = instants()
    return Summary(
        owed=owed,
        covered=rng.choice([owed, max(0, owed - 3)]),
        missing_from=instants(),
        fault_from=instants(),
        with_us_from=instants(),
        lacks_servers=rng.random() < 0.1,
        open_until=DUE + rng.randint(-20, 5) * DAY,
        late=("2026-05-07 IC01",) * rng.choice([0, 0, 2]),
        graced=tuple(f"2026-05-{day + 10} IC01" for day in range(len(graced))),
        graced_until=tuple(rng.sample(graced, len(graced))),
        strip="r" * 30,
        last_received_at=DUE - DAY if owed else None,
    )


def store_tenant(number: int, found: Summary, *, due: datetime = DUE) -> int:
    """Give a tenant of its own what the desk reads of it."""
    one = Tenant.objects.create(
        number=f"{number:06}",
        name=f"Tenant {number}",
        zone=BERLIN,
        first_owed_on=MAY.starts_on,
        created_at=NOW,
    )
    TenantPeriod.objects.create(
        tenant=one, period=str(MAY), zone=BERLIN, deadline_at=due, opened_at=NOW
    )
    said = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in asdict(found).items()
    }
    PeriodSummary.objects.create(tenant=one, period=str(MAY), deadline_at=due, **said)
    return one.pk


def all_rows(at: datetime, desk_filter: DeskFilter = IN_MAY) -> list[DeskRow]:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        return desk_queries.desk_rows(desk_filter, at=at, most=MANY)
