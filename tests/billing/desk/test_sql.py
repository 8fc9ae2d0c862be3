"""The desk's SQL agrees with the pure functions for every tenant."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from random import Random

import pytest

from billing.coverage.periods import deadline_at, zone_named
from billing.coverage.summary import Summary, numbers_at, standing_at, summarise
from billing.desk import queries as desk_queries
from billing.standings.sql import ORDER
from portal.db import unit_of_work
from tests.billing.coverage.random_tenants import some_refused
from tests.billing.coverage.random_tenants import tenant as random_tenant
from tests.billing.desk.stored_summaries import (
    DUE,
    IN_MAY,
    all_rows,
    random_summary,
    store_tenant,
)

DAY = timedelta(days=1)

Maker = Callable[[Random], Summary]


def from_histories(rng: Random) -> Summary:
    """What a random history in some period comes to."""
    period, facts = random_tenant(rng)
    due = deadline_at(period, zone_named(facts.zone))
    return summarise(period, some_refused(rng, facts, due=due), deadline_at=due)


def instants_around(found: list[Summary]) -> Iterator[datetime]:
    """Just before, at, and just after everything that can change by itself."""
    rng = Random(7)
    times = {DUE}
    for one in found:
        times |= {*one.missing_from, *one.fault_from, *one.with_us_from}
        times |= {one.open_until, *one.graced_until}
    for at in rng.sample(sorted(times), min(25, len(times))):
        yield from (at - timedelta(microseconds=1), at, at + DAY / 3)


@pytest.mark.parametrize("make", [from_histories, random_summary])
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.usefixtures("db")
def test_it_says_of_each_what_its_summary_says(seed: int, make: Maker) -> None:
    rng = Random(seed)
    found = [make(rng) for _ in range(60)]
    with unit_of_work.acting_for(unit_of_work.STAFF):
        kept = {store_tenant(number, one): one for number, one in enumerate(found)}
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
