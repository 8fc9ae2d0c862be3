"""The overview beside a statement repeats its figures, also after the migration."""

import importlib
import json
from typing import Any

from django.db import connection

from billing.models import CurrentStatement, Statement
from billing.statements.overview import overview_of
from portal.db import unit_of_work
from portal.health import invariants
from tests.billing.statements.statement_tenants import (
    AFTER,
    issue_version,
    open_tenant,
    send_all,
)
from tests.builders import Company

MIGRATION: Any = importlib.import_module("billing.migrations.0018_statement_overviews")


def migrated(company: Company, table: str, figures: str) -> dict[str, Any]:
    """Return the overview as the migration makes it."""
    sources = (
        f"(select convert_from({figures}, 'UTF8')::jsonb as d,"
        f" convert_from(files, 'UTF8')::jsonb as f from {table}) as source"
    )
    with (
        unit_of_work.acting_for(company.id, reading=True),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"select {MIGRATION.OVERVIEW} from {sources}")
        [(found,)] = cursor.fetchall()
    return dict(json.loads(found)) if isinstance(found, str) else dict(found)


def test_stored_overviews_equal_those_of_the_migration(
    db: None,
) -> None:
    company = open_tenant("A-1")
    company.server = company.registered("b-server")
    send_all(company)
    company.server = company.registered("A-SERVER")
    send_all(company)
    issue_version(company, reason="two days are missing")
    with unit_of_work.acting_for(company.id, reading=True):
        issued, current = Statement.objects.get(), CurrentStatement.objects.get()
    files = json.loads(bytes(issued.files))
    expected = overview_of(json.loads(bytes(issued.document)), files)
    assert expected["servers"] == ["A-SERVER", "b-server"]
    assert "days" not in expected["completeness"]
    assert issued.overview == current.overview == expected
    assert migrated(company, "billing_statement", "document") == expected
    assert migrated(company, "billing_currentstatement", "figures") == expected


def test_an_overview_without_files_names_no_servers(db: None) -> None:
    company = open_tenant("A-1")
    issue_version(company, reason="no files")
    found = migrated(company, "billing_statement", "document")
    with unit_of_work.acting_for(company.id, reading=True):
        assert found == Statement.objects.get().overview
    assert found["servers"] == []


def test_an_overview_that_differs_from_its_statement_is_found(db: None) -> None:
    company = open_tenant("A-1")
    send_all(company)
    issue_version(company)
    assert breaches(company) == set()
    with unit_of_work.acting_for(company.id, holding=True):
        CurrentStatement.objects.update(overview={})
    assert breaches(company) == {"current-statements-are-what-they-would-be"}


def breaches(company: Company) -> set[str]:
    found = invariants.findings(
        tenants=[(company.id, company.number)],
        reads=invariants.CheckCost.ROWS,
        at=AFTER,
    )
    names = {one.invariant.name for one in found if one.finding.is_breach}
    return {name for name in names if "statement" in name}
