"""Roles and database: made once, made again, made by a role that is no superuser."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from portal.stack import database, settings
from portal.stack.engines import running_engines

ADMINISTRATOR = "hosted_administrator"


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    var: Path = tmp_path_factory.mktemp("database")
    with running_engines(var, durable=False) as parts:
        kept = settings.load_secrets(var)
        port = int(parts["DATABASE_URL"].split(":")[3].split("/")[0])
        yield {**parts, database.SUPERUSER_VARIABLE: settings.superuser_url(kept, port)}


def refused(url: str, statement: str) -> bool:
    with psycopg.connect(url, autocommit=True) as connection:
        try:
            connection.execute(statement)
        except psycopg.errors.InsufficientPrivilege:
            return True
    return False


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE intruder (id int)",
        "CREATE TEMPORARY TABLE intruder (id int)",
        "CREATE SCHEMA intruder",
        "CREATE DATABASE intruder",
        "CREATE ROLE intruder",
        "SET ROLE portal_owner",
        "GRANT portal_tenant TO portal_owner",
    ],
)
def test_the_application_may_only_what_was_granted(
    engines: dict[str, str], statement: str
) -> None:
    assert refused(engines["DATABASE_URL"], statement)


@pytest.mark.parametrize("role", database.WORKING_ROLES)
def test_the_application_inherits_nothing_but_may_become(
    engines: dict[str, str], role: str
) -> None:
    table = f"only_{role}"
    with psycopg.connect(engines["DATABASE_OWNER_URL"]) as connection:
        connection.execute(f"CREATE TABLE {table} (id int)")
        connection.execute(f"GRANT SELECT ON {table} TO {role}")
    assert refused(engines["DATABASE_URL"], f"SELECT * FROM {table}")
    with psycopg.connect(engines["DATABASE_URL"]) as connection:
        connection.execute("SELECT set_config('role', %s, true)", [role])
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_the_owner_may_make_databases(engines: dict[str, str]) -> None:
    assert not refused(engines["DATABASE_OWNER_URL"], "CREATE DATABASE test_portal")


def test_preparing_again_changes_passwords_and_nothing_else(
    engines: dict[str, str],
) -> None:
    assert database.prepare_from(engines) == settings.DATABASE
    psycopg.connect(engines["DATABASE_URL"]).close()


def test_an_administrator_who_is_no_superuser_can_prepare(
    engines: dict[str, str],
) -> None:
    with psycopg.connect(
        engines[database.SUPERUSER_VARIABLE], autocommit=True
    ) as connection:
        connection.execute("DROP DATABASE IF EXISTS test_portal")
        connection.execute("DROP DATABASE portal WITH (FORCE)")
        for role in (*database.WORKING_ROLES, "portal_owner", "portal_app"):
            connection.execute(f"DROP ROLE {role}")
        connection.execute(
            f"CREATE ROLE {ADMINISTRATOR} LOGIN CREATEDB CREATEROLE PASSWORD 'x'"
        )
    address = engines[database.SUPERUSER_VARIABLE].split("@")[1]
    hosted = {
        **engines,
        database.SUPERUSER_VARIABLE: f"postgres://{ADMINISTRATOR}:x@{address}",
    }
    database.prepare_from(hosted)
    database.prepare_from(hosted)
    assert refused(engines["DATABASE_URL"], "CREATE TABLE intruder (id int)")


def test_urls_that_do_not_fit_are_explained() -> None:
    given = {
        database.SUPERUSER_VARIABLE: "postgres://postgres:x@db/postgres",
        "DATABASE_OWNER_URL": "postgres://portal_owner:x@db/portal",
        "DATABASE_URL": "postgres://portal_app:x@db/portal",
    }
    for name, wrong, words in (
        ("DATABASE_URL", "", "set DATABASE_URL"),
        ("DATABASE_URL", "postgres://me:x@db/portal", "sign in as portal_app"),
        ("DATABASE_OWNER_URL", "postgres://portal_owner@db/portal", "with a password"),
        ("DATABASE_URL", "postgres://portal_app:x@db/other", "the same database"),
    ):
        with pytest.raises(database.MisnamedError, match=words):
            database.prepare_from({**given, name: wrong})
