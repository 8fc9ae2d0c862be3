"""The desk's SQL says of all tenants what the pure functions say of each."""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from random import Random

import pytest

from billing.coverage.periods import deadline_at, zone_named
from billing.coverage.summary import Summary, numbers_at, standing_at, summarise
from billing.desk import queries as desk_queries
from billing.desk.queries import DeskRow
from billing.desk.sql import ORDER, DeskFilter
from billing.models import PeriodRollUp, TenantPeriod
from portal.db import unit_of_work
from portal.models import Tenant
from tests.billing.scenes import BERLIN, MAY
from tests.billing.test_coverage_histories import tenant as random_tenant
from tests.billing.test_rollup import some_refused
from tests.builders import NOW

DUE = deadline_at(MAY, zone_named(BERLIN))
DAY = timedelta(days=1)
MANY = 1_000
IN_MAY = DeskFilter(period=MAY)

Maker = Callable[[Random], Summary]


def from_histories(rng: Random) -> Summary:
    """What a random history in some period comes to."""
    period, facts = random_tenant(rng)
    due = deadline_at(period, zone_named(facts.zone))
    return summarise(period, some_refused(rng, facts, due=due), deadline_at=due)


def out_of_thin_air(rng: Random) -> Summary:
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


def keep(number: int, found: Summary, *, due: datetime = DUE) -> int:
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
    PeriodRollUp.objects.create(tenant=one, period=str(MAY), deadline_at=due, **said)
    return one.pk


def all_rows(at: datetime, wish: DeskFilter = IN_MAY) -> list[DeskRow]:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        return desk_queries.desk_rows(wish, at=at, most=MANY)


def instants_around(found: list[Summary]) -> Iterator[datetime]:
    """Just before, at, and just after everything that can change by itself."""
    rng = Random(7)
    times = {DUE}
    for one in found:
        times |= {*one.missing_from, *one.fault_from, *one.with_us_from}
        times |= {one.open_until, *one.graced_until}
    for at in rng.sample(sorted(times), min(25, len(times))):
        yield from (at - timedelta(microseconds=1), at, at + DAY / 3)


@pytest.mark.parametrize("make", [from_histories, out_of_thin_air])
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.usefixtures("db")
def test_it_says_of_each_what_its_roll_up_says(seed: int, make: Maker) -> None:
    rng = Random(seed)
    found = [make(rng) for _ in range(60)]
    with unit_of_work.acting_for(unit_of_work.STAFF):
        kept = {keep(number, one): one for number, one in enumerate(found)}
    for at in instants_around(found):
        rows = {row.tenant_id: row for row in all_rows(at)}
        assert rows.keys() == kept.keys()
        for tenant_id, one in kept.items():
            row = rows[tenant_id]
            assert row.standing == standing_at(one, deadline_at=DUE, at=at)
            assert row.numbers == numbers_at(one, at=at)
            passed = [end for end in one.missing_from if end <= at]
            assert row.missing_since == min(passed, default=None)
        with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
            counts = desk_queries.standing_counts(IN_MAY, at=at)
        standings = [row.standing for row in rows.values()]
        assert counts == {one: standings.count(one) for one in ORDER}
