"""The kept numbers of tenants by standing equal those that are counted."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from random import Random
from threading import Event

import pytest
from django.db import ProgrammingError, connection, connections

from billing.coverage.standing import Standing
from billing.models import PeriodSummary, SummaryCount
from billing.standings import merge as standings_merge
from billing.standings import queries as standings_queries
from billing.standings import sql as standings_sql
from billing.standings.sql import ORDER
from portal.db import unit_of_work
from portal.db.unit_of_work import Across
from tests.billing.coverage.berlin_tenant import MAY
from tests.billing.desk.stored_summaries import (
    DUE,
    all_rows,
    random_summary,
    store_tenant,
)
from tests.billing.lateness.late_tenants import DAY, broken_invariants

INSTANTS = (DUE - 30 * DAY, DUE - DAY, DUE, DUE + 30 * DAY)


class RolledBackError(Exception):
    """Thrown to roll a unit of work back."""


def kept(at: datetime) -> dict[Standing, int]:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        return standings_queries.tenant_counts(MAY, at=at)


def counted(at: datetime) -> dict[Standing, int]:
    """Count the rows of the desk, whose standings another test compares."""
    found = Counter(row.standing for row in all_rows(at))
    return {standing: found[standing] for standing in ORDER}


def parts() -> int:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        return SummaryCount.objects.count()


def change(rng: Random, tenant_id: int) -> None:
    """Change a summary as the tenant or as staff; one time in three, not at all."""
    callers: list[int | Across] = [tenant_id, unit_of_work.STAFF]
    with suppress(RolledBackError), unit_of_work.acting_for(rng.choice(callers)):
        rows = PeriodSummary.objects.filter(tenant_id=tenant_id)
        rows.update(
            owed=rng.choice([0, 30]),
            covered=rng.choice([0, 30]),
            late=["2026-05-07 IC01"] * rng.choice([0, 1]),
            open_until=DUE - rng.choice([5, 6]) * DAY,
        )
        if rng.random() < 1 / 3:
            raise RolledBackError


@pytest.fixture
def tenants(db: None) -> list[int]:
    rng = Random(3)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        return [store_tenant(number, random_summary(rng)) for number in range(30)]


@pytest.mark.parametrize("seed", range(3))
def test_kept_counts_are_those_that_are_counted(tenants: list[int], seed: int) -> None:
    rng = Random(seed)
    for _ in range(8):
        for _ in range(10):
            change(rng, rng.choice(tenants))
        if rng.random() < 1 / 2:
            standings_merge.merge_counts()
        for at in INSTANTS:
            assert kept(at) == counted(at)


def test_a_summary_that_is_removed_is_not_counted(tenants: list[int]) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "delete from billing_periodrollup where tenant_id = %s", tenants[:1]
        )
    assert sum(kept(DUE).values()) == len(tenants) - 1
    assert kept(DUE) == counted(DUE)


def test_merging_leaves_one_part_for_each_combination(tenants: list[int]) -> None:
    rng = Random(1)
    for tenant_id in tenants * 3:
        change(rng, tenant_id)
    before = kept(DUE)
    standings_merge.merge_counts()
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        columns = ("period", "outcome", "open_until", "late_from")
        combinations = PeriodSummary.objects.values_list(*columns).distinct().count()
    assert parts() == combinations
    assert kept(DUE) == before
    standings_merge.merge_counts()
    assert parts() == combinations


def test_a_change_that_moves_no_standing_adds_no_part(tenants: list[int]) -> None:
    before = parts()
    with unit_of_work.acting_for(tenants[0]):
        PeriodSummary.objects.update(strip="m" * 30)
    assert parts() == before


def test_counts_that_are_wrong_are_found(tenants: list[int]) -> None:
    assert ("kept-counts-are-right", True) not in broken_invariants(DUE)
    with connections["owner"].cursor() as cursor:
        cursor.execute("update billing_summarycount set tenants = tenants + 1")
    assert ("kept-counts-are-right", True) in broken_invariants(DUE)


def test_a_tenant_reads_and_writes_no_counts(tenants: list[int]) -> None:
    for statement in (
        "select * from billing_summarycount",
        "delete from billing_summarycount",
        "insert into billing_summarycount (period, outcome, open_until, tenants)"
        " values ('2026-05', 1, now(), 1)",
        "select billing_count_summary()",
    ):
        with (
            pytest.raises(ProgrammingError, match="permission denied"),
            unit_of_work.acting_for(tenants[0]),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)


def test_changes_during_a_merge_are_counted_once(tenants: list[int]) -> None:
    """Two merges, with a change that commits between the start and end of the first."""
    rng = Random(2)
    for tenant_id in tenants:
        change(rng, tenant_id)
    has_begun, may_end = Event(), Event()

    def merge_slowly() -> None:
        with unit_of_work.acting_for(unit_of_work.STAFF):
            with connection.cursor() as cursor:
                cursor.execute(standings_sql.MERGE)
            has_begun.set()
            may_end.wait(timeout=20)
        connection.close()

    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(merge_slowly)
        assert has_begun.wait(timeout=20)
        for tenant_id in tenants:
            change(rng, tenant_id)
        standings_merge.merge_counts()
        assert kept(DUE) == counted(DUE)
        may_end.set()
        slow.result(timeout=20)
    assert kept(DUE) == counted(DUE)
    standings_merge.merge_counts()
    assert kept(DUE) == counted(DUE)
