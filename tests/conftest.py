"""Shared fixtures: one database and one bucket for each worker, real servers.

The parts themselves run once for all workers; `tests/run.py` starts them and says in
the environment where they are. Tests commit for real, as the product does, and what
they have written is removed by the tables' owner after each.
"""

import time
from collections.abc import Callable, Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.core.management import call_command
from django.db import connections
from django.test import Client
from pytest_django import DjangoDbBlocker

from billing.periods import updating
from portal.accounts import known_browsers
from portal.models import User
from tests.builders import Company, open_company

_force_login = Client.force_login


def _sign_in(client: Any, user: User, backend: str | None = None) -> None:
    """Sign a person in with all factors, in a browser that they have used before."""
    with patch.object(known_browsers, "has_signed_in_here", return_value=True):
        _force_login(client, user, backend)
    at = time.time()
    presented: list[dict[str, object]] = [{"method": "password", "at": at}]
    if user.staff_role:
        presented.append({"method": "mfa", "type": "totp", "at": at})
    session = client.session
    session["account_authentication_methods"] = presented
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()


Client.force_login = _sign_in  # type: ignore[assignment,method-assign]  # in all tests


@pytest.fixture(scope="session")
def _database(
    django_db_blocker: DjangoDbBlocker, worker_id: str
) -> Iterator[DjangoDbBlocker]:
    """Make this worker's database, as the owner, by the product's own migrations."""
    name = f"test_portal_{worker_id}"
    with django_db_blocker.unblock():
        owner = connections["owner"]
        _as_owner(
            f"drop database if exists {name} with (force)", f"create database {name}"
        )
        owner.close()
        for alias in connections:
            connections[alias].settings_dict["NAME"] = name
        call_command("migrate", verbosity=0, interactive=False)
        _as_owner(f"grant connect on database {name} to portal_app")
        yield django_db_blocker
        for alias in connections:
            connections[alias].close()
        close_pool = getattr(connections["default"], "close_pool", None)
        if close_pool is not None:
            close_pool()


def _as_owner(*statements: str) -> None:
    with connections["owner"].cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@pytest.fixture
def db(
    _database: DjangoDbBlocker,
    settings: Any,
    tmp_path: Path,
    worker_id: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[None]:
    """Give a test an empty database, an empty folder for files, and a bucket."""
    settings.VAR = tmp_path
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STATIC_ROOT.mkdir()
    settings.STORAGES = {
        **settings.STORAGES,
        "usage": {
            **settings.STORAGES["usage"],
            "OPTIONS": {"location": str(tmp_path / "usage")},
        },
        "staticfiles": {
            "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        },
    }
    settings.S3 = {**settings.S3, "bucket": f"tests-{worker_id}"}
    # Nothing refreshes summaries beside a test: exports would wait in vain.
    monkeypatch.setattr(updating, "WAIT_FOR", 0.0)
    # Tests send in a second what a script sends in a night.
    settings.TOKEN_REQUESTS_PER_SECOND = settings.NETWORK_REQUESTS_PER_SECOND = 0
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    with _database.unblock():
        yield
        connections["default"].close()
        empty_database()


# Tables whose rows never change.
FROZEN = ("billing_statement", "billing_statementpdf")


def empty_database() -> None:
    """Remove all rows, and let their numbers begin anew.

    Of the tables that have any, from those that point to others on: to truncate all of
    them takes four times as long, and there are thousands of tests.
    """
    tables, sequences = _tables_and_sequences()
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            " union all ".join(
                f"select '{name}' where exists (select from {name})" for name in tables
            )
        )
        filled = {name for (name,) in cursor.fetchall()}
        deletes = [f"delete from {name}" for name in tables if name in filled]
        # Once more, for a trigger counts the summaries that were deleted.
        deletes.append("delete from billing_summarycount")
        restarts = [f"select setval('{name}', 1, false)" for name in sequences]
        # What was issued is never removed, except here.
        frozen = [name for name in FROZEN if name in filled]
        for name in frozen:
            cursor.execute(f"alter table {name} disable trigger user")
        cursor.execute("begin; " + "; ".join([*deletes, *restarts]) + "; commit")
        for name in frozen:
            cursor.execute(f"alter table {name} enable trigger user")


@cache
def _tables_and_sequences() -> tuple[list[str], list[str]]:
    """Return all tables, each before those it points to; and all sequences."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "select relname from pg_class where relkind = 'r'"
            " and relnamespace = 'public'::regnamespace and relname <> %s",
            ["django_migrations"],
        )
        order = TopologicalSorter({name: set() for (name,) in cursor.fetchall()})
        cursor.execute(
            "select confrelid::regclass::text, conrelid::regclass::text"
            " from pg_constraint where contype = 'f' and conrelid <> confrelid"
        )
        for target, source in cursor.fetchall():
            order.add(target, source)
        cursor.execute(
            "select relname from pg_class where relkind = 'S'"
            " and relnamespace = 'public'::regnamespace"
        )
        return list(order.static_order()), [name for (name,) in cursor.fetchall()]


@pytest.fixture
def alice(db: None) -> Company:
    """A tenant with a server, a token, and people of every role."""
    return open_company("A-100", name="Alice Assurance", zone="Europe/Berlin")


@pytest.fixture
def charlie(db: None) -> Company:
    """Another tenant, which must see nothing of Alice's."""
    return open_company("C-300", name="Charlie Cargo", zone="America/Chicago")


@pytest.fixture
def api() -> Callable[..., Any]:
    """Call the API with a token or as a person; the client raises no exception."""

    def call(
        method: str,
        path: str,
        *,
        token: str = "",
        person: User | None = None,
        **extra: Any,
    ) -> Any:
        headers = dict(extra.pop("headers", {}))
        if token:
            headers["Authorization"] = f"Bearer {token}"
        client = Client(raise_request_exception=False)
        if person is not None:
            client.force_login(person)
        return client.generic(method, f"/api/v1{path}", headers=headers, **extra)

    return call
