"""Results in binary form are those of an ordinary query."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import ProgrammingError, connection, connections
from django.test.utils import CaptureQueriesContext
from psycopg.sql import SQL

from portal.db import binary, unit_of_work
from tests.builders import Company

_STATEMENT = SQL("""
    select id, name, created_at, first_owed_on, is_demo, array['a', 'b']::varchar[],
        null::int, 0.5::float
    from portal_tenant where number = %(number)s and created_at < %(at)s
""")
_PARAMETERS: dict[str, Any] = {
    "number": "A-100",
    "at": datetime(2100, 1, 1, tzinfo=UTC),
}


def test_values_are_those_of_an_ordinary_query(alice: Company) -> None:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        found = binary.fetch_all(_STATEMENT, _PARAMETERS)
        with connection.cursor() as cursor:
            cursor.execute(_STATEMENT, _PARAMETERS)
            assert found == cursor.fetchall()
    assert found[0][:2] == (alice.id, "Alice Assurance")


def test_it_is_counted_as_a_query_and_sees_what_the_unit_sees(
    alice: Company, charlie: Company
) -> None:
    with (
        CaptureQueriesContext(connection) as queries,
        unit_of_work.acting_for(charlie.id, reading=True),
    ):
        assert binary.fetch_all(_STATEMENT, _PARAMETERS) == []
    assert sum("portal_tenant where number" in one["sql"] for one in queries) == 1
    with pytest.raises(ProgrammingError, match="permission denied"):
        binary.fetch_all(_STATEMENT, _PARAMETERS)


def test_a_prepared_statement_is_kept_by_the_server(alice: Company) -> None:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        first = binary.fetch_all(_STATEMENT, _PARAMETERS)
        assert binary.fetch_all(_STATEMENT, _PARAMETERS, prepare=True) == first
        assert binary.fetch_all(_STATEMENT, _PARAMETERS, prepare=True) == first
        found = binary.fetch_all(
            SQL("select statement from pg_prepared_statements"), {}
        )
    assert sum("where number" in statement for (statement,) in found) == 1
    # Other statements of the connection are not prepared.
    assert all("pg_prepared_statements" not in statement for (statement,) in found)


@pytest.mark.usefixtures("db")
def test_the_owner_of_the_database_creates_the_extension() -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "select rolname, rolsuper from pg_extension"
            " join pg_roles on pg_roles.oid = extowner where extname = 'pg_trgm'"
        )
        assert cursor.fetchall() == [("portal_owner", False)]
