"""Prepares the roles and the database of the portal as a superuser; can be repeated."""

from collections.abc import Mapping
from typing import LiteralString

import psycopg
from psycopg import sql

from portal import service_urls
from portal.service_urls import DatabaseUrl
from portal.stack import log, settings

# Without a login of their own. The application takes one of them for a single
# transaction and has no right on a tenant's rows outside of that.
WORKING_ROLES = ("portal_tenant", "portal_staff", "portal_sweep")

# `GRANT … WITH INHERIT FALSE` came with 16, the locale provider used here with 17.
OLDEST_SERVER = 170_000


# What the server's own log would contain of a failed statement: the statement with the
# values in it, and the row. The portal gets every error, and logs it without values.
# A plain user cannot undo these. `log` leaves errors out, but not what ends a session.
QUIET_SETTINGS = {
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length_on_error": "0",
}

SUPERUSER_VARIABLE = "DATABASE_SUPERUSER_URL"


class TooOldError(Exception):
    """The server cannot keep the tenants apart as the portal needs it."""


class MisnamedError(Exception):
    """The URLs do not say what is to be prepared."""


def prepare_from(environment: Mapping[str, str]) -> str:
    """Prepare what the URLs in the environment name; return the database's name."""
    names = (SUPERUSER_VARIABLE, "DATABASE_OWNER_URL", "DATABASE_URL")
    missing = [name for name in names if not environment.get(name)]
    if missing:
        message = f"set {' and '.join(missing)} (docs/operations.md)"
        raise MisnamedError(message)
    owner = _parse(environment, "DATABASE_OWNER_URL", settings.OWNER_ROLE)
    app = _parse(environment, "DATABASE_URL", settings.APP_ROLE)
    if owner.name != app.name or not app.name:
        message = "DATABASE_OWNER_URL and DATABASE_URL must name the same database"
        raise MisnamedError(message)
    superuser_dsn = environment[SUPERUSER_VARIABLE]
    # It is libpq's to use; only an error of libpq would contain the password.
    service_urls.database(SUPERUSER_VARIABLE, superuser_dsn)
    prepare_database(
        superuser_dsn,
        database=app.name,
        owner_password=owner.password,
        app_password=app.password,
    )
    return app.name


def _parse(environment: Mapping[str, str], name: str, role: str) -> DatabaseUrl:
    url = service_urls.database(name, environment[name])
    if url.user != role or not url.password:
        message = f"{name} must sign in as {role}, with a password"
        raise MisnamedError(message)
    return url


def prepare_database(
    superuser_dsn: str, *, database: str, owner_password: str, app_password: str
) -> None:
    """Create what is missing, and set what can be set again."""
    with psycopg.connect(superuser_dsn, autocommit=True) as connection:
        if connection.info.server_version < OLDEST_SERVER:
            message = "PostgreSQL 17 or later is needed"
            raise TooOldError(message)
        _prepare_roles(connection, owner_password, app_password)
        _prepare_database(connection, database)
    # Rights on a schema can only be set from inside its database.
    inside = psycopg.conninfo.make_conninfo(superuser_dsn, dbname=database)
    with psycopg.connect(inside, autocommit=True) as connection:
        connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")


def _prepare_roles(
    connection: psycopg.Connection, owner_password: str, app_password: str
) -> None:
    for role in WORKING_ROLES:
        _ensure_role(connection, role, "NOLOGIN NOINHERIT")
    _ensure_role(connection, settings.OWNER_ROLE, "LOGIN CREATEDB", owner_password)
    _ensure_role(connection, settings.APP_ROLE, "LOGIN NOCREATEDB", app_password)
    _keep_values_from_log(connection)
    for role in WORKING_ROLES:
        # SET, so that a transaction can become it; not INHERIT, so that nothing is
        # allowed before it has; not ADMIN, so that it stays among these roles.
        connection.execute(
            sql.SQL("GRANT {} TO {} WITH INHERIT FALSE, SET TRUE, ADMIN FALSE").format(
                sql.Identifier(role), sql.Identifier(settings.APP_ROLE)
            )
        )


def _keep_values_from_log(connection: psycopg.Connection) -> None:
    try:
        for role in (settings.OWNER_ROLE, settings.APP_ROLE):
            for name, value in QUIET_SETTINGS.items():
                connection.execute(
                    sql.SQL("ALTER ROLE {} SET {} = {}").format(
                        sql.Identifier(role), sql.Identifier(name), sql.Literal(value)
                    )
                )
    except psycopg.errors.InsufficientPrivilege:
        log.log_line(
            "the server's own log will contain values of failed statements: only a"
            " superuser can prevent that (docs/operations.md)"
        )


def _ensure_role(
    connection: psycopg.Connection,
    role: str,
    attributes: LiteralString,
    password: str | None = None,
) -> None:
    known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
    verb = "ALTER" if known.fetchone() else "CREATE"
    command = sql.SQL("{} ROLE {} {}").format(
        sql.SQL(verb), sql.Identifier(role), sql.SQL(attributes)
    )
    connection.execute(command)
    if password is None:
        return
    # Hashed on this side: the password itself must not reach the server's log.
    hashed = connection.pgconn.encrypt_password(
        password.encode(), role.encode(), b"scram-sha-256"
    )
    connection.execute(
        sql.SQL("ALTER ROLE {} PASSWORD {}").format(
            sql.Identifier(role), sql.Literal(hashed.decode())
        )
    )


def _prepare_database(connection: psycopg.Connection, database: str) -> None:
    owner = sql.Identifier(settings.OWNER_ROLE)
    name = sql.Identifier(database)
    _allow_to_give_away(connection)
    known = connection.execute(
        "SELECT 1 FROM pg_database WHERE datname = %s", [database]
    )
    if known.fetchone() is None:
        # The builtin locale sorts alike with every C library, also after an upgrade.
        connection.execute(
            sql.SQL(
                "CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8' "
                "LOCALE 'C' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'"
            ).format(name, owner)
        )
    for command in (
        "REVOKE ALL ON DATABASE {} FROM PUBLIC",
        "GRANT CONNECT ON DATABASE {} TO {}",
    ):
        connection.execute(
            sql.SQL(command).format(name, sql.Identifier(settings.APP_ROLE))
        )


def _allow_to_give_away(connection: psycopg.Connection) -> None:
    """Let the administrator of a hosted server, no real superuser, name the owner."""
    row = connection.execute(
        "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
    ).fetchone()
    if row is not None and not row[0]:
        connection.execute(
            sql.SQL("GRANT {} TO CURRENT_USER WITH INHERIT TRUE, SET TRUE").format(
                sql.Identifier(settings.OWNER_ROLE)
            )
        )
