"""The desk's list: order, pages, search, and its number of queries."""

from datetime import timedelta
from itertools import pairwise
from random import Random

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.coverage.standing import Standing
from billing.desk import queries as desk_queries
from billing.desk.desk_row import DeskRow
from billing.desk.sql import DeskFilter, DeskOrder
from billing.standings.sql import ORDER
from portal.db import unit_of_work
from portal.models import StaffRole, Tenant
from tests.billing.coverage.berlin_tenant import MAY
from tests.billing.desk.stored_summaries import (
    DUE,
    all_rows,
    random_summary,
    store_tenant,
)
from tests.billing.staff.staff_clients import staff_client

DAY = timedelta(days=1)
INSTANTS = tuple(DUE + days * DAY for days in (-25, -8, -1, 0, 3, 20))


@pytest.fixture
def many(db: None) -> None:
    rng = Random(5)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        for number in range(90):
            store_tenant(number, random_summary(rng))


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("standing", [None, Standing.COMPLETE, Standing.LATE])
@pytest.mark.parametrize("sort", DeskOrder)
def test_its_pages_one_behind_the_other_are_the_whole_list(
    sort: DeskOrder, standing: Standing | None
) -> None:
    desk_filter = DeskFilter(period=MAY, sort=sort, standing=standing)
    for at in INSTANTS:
        with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
            counted = desk_queries.standing_counts(desk_filter, at=at)
            paged = [
                row.tenant_id
                for offset in range(0, 100, 7)
                for row in desk_queries.desk_rows(
                    desk_filter, at=at, most=7, offset=offset, counted=counted
                )
            ]
            whole = desk_queries.tenant_ids(desk_filter, at=at)
        assert paged == whole
        assert [row.tenant_id for row in all_rows(at, desk_filter)] == whole
        expected = counted[standing] if standing else sum(counted.values())
        assert len(whole) == expected


@pytest.mark.usefixtures("many")
def test_those_who_have_to_act_come_first() -> None:
    for at in INSTANTS:
        found = all_rows(at)
        places = [ORDER.index(row.standing) for row in found]
        assert places == sorted(places)
        for one, other in pairwise(found):
            if one.standing != other.standing:
                continue
            if one.standing in (Standing.LATE, Standing.INCOMPLETE):
                assert one.deadline_at <= other.deadline_at
            if one.standing is Standing.OPEN and other.missing_since:
                assert one.missing_since
                assert one.missing_since <= other.missing_since


@pytest.mark.usefixtures("many")
def test_it_is_sorted_by_what_its_columns_say() -> None:
    def shown(sort: DeskOrder) -> list[DeskRow]:
        return all_rows(DUE, DeskFilter(period=MAY, sort=sort))

    names = [row.name for row in shown(DeskOrder.TENANT)]
    assert names == sorted(names)
    missing = [row.numbers.missing for row in shown(DeskOrder.MISSING)]
    assert missing == sorted(missing, reverse=True)
    parts = [row.covered / row.owed for row in shown(DeskOrder.RECEIVED) if row.owed]
    assert parts == sorted(parts)
    last = [row.last_received_at for row in shown(DeskOrder.LAST_FILE)]
    assert last.index(DUE - DAY) == last.count(None)


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize(
    ("search", "count"),
    [("tenant 4", 11), ("00008", 11), ("100%", 1), ("a_b", 1), ("c\\d", 1), ("_", 1)],
)
def test_a_search_means_what_is_typed(search: str, count: int) -> None:
    odd = ("100% Ltd", "a_b", "c\\d")
    with unit_of_work.acting_for(unit_of_work.STAFF):
        for place, name in enumerate(odd):
            Tenant.objects.filter(number=f"{place:06}").update(name=name)
    found = all_rows(DUE, DeskFilter(period=MAY, search=search))
    assert len(found) == count
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        assert sum(
            desk_queries.standing_counts(
                DeskFilter(period=MAY, search=search), at=DUE
            ).values()
        ) == (count)


@pytest.mark.usefixtures("db")
def test_it_asks_as_often_for_ninety_tenants_as_for_ten() -> None:
    clerk = staff_client(StaffRole.CLERK)
    addresses = [
        f"/staff/?period={MAY}{more}"
        for more in ("", "&standing=late", "&sort=missing", "&q=tenant", "&page=2")
    ]

    def query_counts() -> list[int]:
        found = []
        for address in addresses:
            clerk.get(address)
            with CaptureQueriesContext(connection) as queries:
                assert clerk.get(address).status_code == 200
            found.append(len(queries))
        return found

    rng = Random(9)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        for number in range(10):
            store_tenant(number, random_summary(rng))
    before = query_counts()
    with unit_of_work.acting_for(unit_of_work.STAFF):
        for number in range(10, 90):
            store_tenant(number, random_summary(rng))
    assert query_counts() == before


@pytest.mark.usefixtures("many")
def test_odd_addresses_are_answered() -> None:
    clerk = staff_client(StaffRole.CLERK)
    for more in ("page=0", "page=999999999999", "page=x", "standing=odd", "sort=odd"):
        answer = clerk.get(f"/staff/?period={MAY}&{more}")
        assert answer.status_code == 200
        assert "Tenant 8" in answer.content.decode()
    assert clerk.get("/staff/?period=may").status_code == 422
    empty = clerk.get("/staff/?period=2030-01").content.decode()
    assert "No tenant has this period" in empty
    nobody = clerk.get(f"/staff/?period={MAY}&q=%00nobody").content.decode()
    assert "No such tenant has" in nobody
