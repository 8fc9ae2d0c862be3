"""The desk's search: exact for few tenants, bounded for many, by an index."""

from random import Random

import pytest
from django.db import connection
from psycopg.sql import SQL

from billing.coverage.standing import Standing
from billing.desk import queries as desk_queries
from billing.desk import sql as desk_sql
from billing.desk.sql import DeskFilter
from billing.standings.sql import ORDER
from portal.db import unit_of_work
from portal.models import StaffRole, Tenant
from tests.billing.coverage.berlin_tenant import MAY
from tests.billing.desk.stored_summaries import DUE, random_summary, store_tenant
from tests.billing.staff.staff_clients import staff_client

MANY, NAMED = 90, 60


@pytest.fixture
def many(db: None) -> None:
    """Ninety tenants, of which sixty are banks."""
    rng = Random(5)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        for number in range(MANY):
            store_tenant(number, random_summary(rng))
        banks = Tenant.objects.filter(number__lt=f"{NAMED:06}")
        for tenant in banks:
            Tenant.objects.filter(pk=tenant.pk).update(name=f"Bank {tenant.number}")


@pytest.fixture
def few_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count at most ten tenants that a search finds."""
    monkeypatch.setattr(desk_queries, "MOST_COUNTED", 10)


@pytest.mark.usefixtures("many", "few_counted")
@pytest.mark.parametrize("standing", [None, *ORDER])
def test_a_walk_lists_what_a_sorted_search_lists(standing: Standing | None) -> None:
    wanted = DeskFilter(period=MAY, standing=standing, search="bank")
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        assert desk_queries.find_matches(wanted) is None
        whole = desk_queries.tenant_ids(wanted, at=DUE)
        walked = [
            row.tenant_id
            for offset in range(0, NAMED + 10, 7)
            for row in desk_queries.desk_rows(wanted, at=DUE, most=7, offset=offset)
        ]
    assert walked == whole


@pytest.mark.usefixtures("many")
def test_a_search_that_finds_few_is_counted() -> None:
    page = staff_client(StaffRole.CLERK).get(f"/staff/?period={MAY}&q=bank")
    text = page.content.decode()
    assert f"1 to 50 of {NAMED} tenants" in text
    assert f"Export all {NAMED}, CSV" in text


@pytest.mark.usefixtures("many")
def test_a_search_that_finds_many_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("billing.desk.queries", "billing.desk.views"):
        monkeypatch.setattr(f"{name}.MOST_COUNTED", 55)
    clerk = staff_client(StaffRole.CLERK)
    first = clerk.get(f"/staff/?period={MAY}&q=bank").content.decode()
    assert (
        "More than 55 tenants have <bdi>“bank”</bdi> in their name or number." in first
    )
    assert "<b>55+</b>" in first
    assert "Export all, CSV" in first
    assert first.count("Bank 0000") == 100
    assert "page=2" in first
    second = clerk.get(f"/staff/?period={MAY}&q=bank&page=2").content.decode()
    assert "page=3" not in second
    none = clerk.get("/staff/?period=2030-01&q=bank").content.decode()
    assert "No such tenant has" in none


@pytest.mark.usefixtures("many")
def test_staff_search_by_the_index() -> None:
    wanted = DeskFilter(period=MAY, search="000042")
    parameters = desk_sql.search_parameters(wanted) | {"most": 10}
    with unit_of_work.acting_for(unit_of_work.STAFF), connection.cursor() as cursor:
        cursor.execute("set local enable_seqscan = off")
        cursor.execute(SQL("explain {}").format(desk_sql.MATCHES), parameters)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "tenants_searched" in plan


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("q", ["BANK 000007", "bank 000007", "Bank 000007", "000007"])
def test_a_search_ignores_the_case_of_letters(q: str) -> None:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        found = desk_queries.find_matches(DeskFilter(period=MAY, search=q))
    assert found is not None
    assert len(found.tenants or ()) == 1
