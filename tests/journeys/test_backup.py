"""The commands of the docs dump and restore all rows of all tables."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from django.core.cache import cache
from django.db import connections

from billing.periods.open_periods import open_current_periods
from portal import env
from portal.stack import database, postgresql, settings
from tests.builders import NOW, Company
from tests.docs_pages import DOCS, ROOT
from tests.journeys.live_server import database_url, environment_of

IN_CONTAINER = "docker compose exec -T postgres "


@pytest.fixture
def superuser_url() -> str:
    """How the tests' own engines are administered."""
    port = urlsplit(env.text("DATABASE_URL")).port
    assert port is not None
    return settings.superuser_url(settings.load_secrets(env.var_folder()), port)


@pytest.fixture
def empty(superuser_url: str, worker_id: str) -> Iterator[str]:
    """The name of a database that is not there yet."""
    name = f"restored_{worker_id}"

    def drop() -> None:
        with psycopg.connect(superuser_url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    drop()
    yield name
    drop()


@pytest.fixture
def filled(alice: Company, charlie: Company) -> str:
    """The name of a database with files, bytes, an audit trail, people and a note."""
    for company in (alice, charlie):
        for day in (17, 18, 19):
            company.send(company.server.day(NOW.date().replace(day=day)))
    # check_invariants compares with the present.
    now = datetime.now(UTC)
    open_current_periods(today=now.date(), at=now)
    cache.set("note", 1)
    return str(connections["default"].settings_dict["NAME"])


def commands(*beginnings: str) -> list[str]:
    """Return the commands of the chapter on backups that begin so."""
    page = (DOCS / "operations.md").read_text(encoding="utf-8")
    chapter = page[page.index("\n## Backups\n") : page.index("\n## The log\n")]
    lines = re.findall(r"^    (\S.*)$", chapter, re.M)
    return [line for line in lines if line.startswith(beginnings)]


def run(command: str, folder: Path, environment: Mapping[str, str]) -> None:
    """Run a command of the docs, with the dump in a folder of the test."""
    line = command.replace("portal.dump", str(folder / "portal.dump"))
    line = line.replace(".venv/bin/python", sys.executable)
    programs = str(Path(postgresql.find_program("pg_dump")).parent)
    path = f"{programs}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-euc", line],
        cwd=ROOT,
        env={**environment, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def rows_of(url: str, name: str) -> dict[str, tuple[int, str]]:
    """Return for every table its number of rows and a hash of them; sequences too."""
    found = {}
    inside = psycopg.conninfo.make_conninfo(url, dbname=name)
    with psycopg.connect(inside) as connection:
        tables = connection.execute(
            "SELECT format('%I.%I', nspname, relname), relkind = 'S' FROM pg_class"
            " JOIN pg_namespace AS n ON n.oid = relnamespace"
            " WHERE relkind IN ('r', 'p', 'm', 'S')"
            " AND nspname !~ '^pg_|^information_schema$'"
        )
        for table, is_sequence in tables.fetchall():
            row = connection.execute(
                f"SELECT last_value, is_called::text FROM {table}"
                if is_sequence
                else "SELECT count(*), coalesce(md5(string_agg(md5(one::text), ''"
                f" ORDER BY md5(one::text))), '') FROM {table} AS one"
            ).fetchone()
            assert row is not None
            found[table] = row
    return found


@pytest.fixture
def environment(
    filled: str, empty: str, superuser_url: str, settings: Any
) -> dict[str, str]:
    """Variables of the empty database; the stored files are where they were."""
    given = environment_of(settings.VAR, database=empty, port=1)
    given["DATABASE_OWNER_URL"] = database_url(empty, variable="DATABASE_OWNER_URL")
    given[database.SUPERUSER_VARIABLE] = superuser_url
    return given


def test_the_owner_dumps_and_restores_every_row(
    filled: str,
    empty: str,
    environment: dict[str, str],
    superuser_url: str,
    tmp_path: Path,
) -> None:
    [dump] = commands("pg_dump")
    owner_url = database_url(filled, variable="DATABASE_OWNER_URL")
    before = rows_of(superuser_url, filled)
    run(dump, tmp_path, {**environment, "DATABASE_OWNER_URL": owner_url})
    restore = commands(".venv/bin/python", "pg_restore")
    assert len(restore) == 3
    for command in restore[:2]:
        run(command, tmp_path, environment)
    assert rows_of(superuser_url, empty) == before
    assert before["public.usage_usagefile"][0] == 6
    assert before["public.portal_auditentry"][0] > 6
    # Rights, policies and bytes are there too, or it would find nothing or fail.
    run(restore[2], tmp_path, environment)


def test_the_superuser_in_a_container_dumps_and_restores_every_row(
    filled: str,
    empty: str,
    environment: dict[str, str],
    superuser_url: str,
    tmp_path: Path,
) -> None:
    parts = urlsplit(superuser_url)
    inside = {
        **environment,
        "PGHOST": str(parts.hostname),
        "PGPORT": str(parts.port),
        "PGPASSWORD": str(parts.password),
    }
    dump, restore = commands(IN_CONTAINER)
    run(named(dump, "custom portal", f"custom {filled}"), tmp_path, inside)
    database.prepare_from(environment)
    run(named(restore, "dbname portal", f"dbname {empty}"), tmp_path, inside)
    assert rows_of(superuser_url, empty) == rows_of(superuser_url, filled)


def named(command: str, database_of_docs: str, of_test: str) -> str:
    assert database_of_docs in command
    return command.removeprefix(IN_CONTAINER).replace(database_of_docs, of_test)


def test_row_security_shows_the_owner_every_row_of_every_table(db: None) -> None:
    """Without such a policy `pg_dump --enable-row-security` writes an empty table."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class AS c WHERE relforcerowsecurity AND NOT EXISTS"
            " (SELECT FROM pg_policy WHERE polrelid = c.oid AND polpermissive"
            "  AND polcmd = '*' AND polroles = ARRAY[c.relowner]"
            "  AND pg_get_expr(polqual, polrelid) = 'true')"
            " OR relrowsecurity AND EXISTS"
            " (SELECT FROM pg_policy WHERE polrelid = c.oid AND NOT polpermissive"
            "  AND polroles && ARRAY[c.relowner, 0::oid])"
        )
        assert cursor.fetchall() == []
        cursor.execute("SELECT count(*) FROM pg_class WHERE relforcerowsecurity")
        assert cursor.fetchone()[0] > 20
