"""Roles and database: made once, made again, made by a role that is no superuser."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from portal.stack import database, settings
from portal.stack.engines import running_engines

ADMINISTRATOR = "hosted_administrator"


@pytest.fixture(scope="module")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that was there before, and open to everybody."""
    made: Path = tmp_path_factory.mktemp("database") / "var"
    made.mkdir()
    made.chmod(0o755)
    return made


@pytest.fixture(scope="module")
def engines(var: Path) -> Iterator[dict[str, str]]:
    before = os.umask(0o022)
    with running_engines(var, durable=False) as parts:
        os.umask(before)
        kept = settings.load_secrets(var)
        port = int(parts["DATABASE_URL"].split(":")[3].split("/")[0])
        yield {**parts, database.SUPERUSER_VARIABLE: settings.superuser_url(kept, port)}


def test_what_the_engines_write_is_for_their_user_alone(
    engines: dict[str, str], var: Path
) -> None:
    paths = [var, *var.rglob("*")]
    assert len(paths) > 100
    open_to_others = [
        path.relative_to(var)
        for path in paths
        if path.stat().st_mode & 0o077 and path.name != "engines.log"
    ]
    assert open_to_others == []


# A value, in each place where a statement can have one.
VALUE = "quince-value"
FAILING = (
    f"INSERT INTO unique_names VALUES ('{VALUE}'), ('{VALUE}')",
    f"INSERT INTO unique_names SELECT NULL::text WHERE '{VALUE}' = '{VALUE}'",
    f"SELECT '{VALUE}'::text::uuid",
    f"SELECT '{VALUE}' nonsense {VALUE}",
    f"DO $$ BEGIN RAISE EXCEPTION '{VALUE}' USING DETAIL = '{VALUE}'; END $$",
)


@pytest.mark.parametrize(
    ("variable", "statements"),
    [
        ("DATABASE_URL", FAILING),
        ("DATABASE_OWNER_URL", FAILING),
        # An error's own sentence stays in the log for those who look after the server.
        (database.SUPERUSER_VARIABLE, FAILING[:2]),
    ],
)
def test_the_servers_log_has_no_value_of_a_failed_statement(
    engines: dict[str, str], var: Path, variable: str, statements: tuple[str, ...]
) -> None:
    database.prepare_from(engines)
    inside = engines[database.SUPERUSER_VARIABLE].rpartition("/")[0] + "/portal"
    with psycopg.connect(inside, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS unique_names (name text PRIMARY KEY)"
        )
        connection.execute("GRANT INSERT ON unique_names TO portal_app, portal_owner")
    url = inside if variable == database.SUPERUSER_VARIABLE else engines[variable]
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            with pytest.raises(psycopg.DatabaseError):
                connection.execute(statement)
    marker = f"everything is logged of {variable}"
    with psycopg.connect(inside, autocommit=True) as connection:
        connection.execute(f"DO $$ BEGIN RAISE WARNING '{marker}'; END $$")
    journal = var / "engines.log"
    deadline = time.monotonic() + 20
    while marker not in journal.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert VALUE not in journal.read_text()


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
    engines: dict[str, str], capsys: pytest.CaptureFixture[str]
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
    assert "log will contain values" in capsys.readouterr().out
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
