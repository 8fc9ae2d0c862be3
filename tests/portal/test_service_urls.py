"""Every part of a URL reaches the service, or is refused by name."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from celery import Celery
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from redis import Redis

from portal import checks, env, service_urls
from portal.service_urls import ServiceUrlError
from portal.stack import database

pytestmark = pytest.mark.plain

ROOT = Path(__file__).resolve().parents[2]

SECRET = "quince-secret"
DATABASE = f"postgres://portal_app:{SECRET}@db.example:5433/portal"


def settings_from(expression: str, **environment: str) -> str:
    """Return what a process with this environment prints of its settings."""
    code = f"from portal import settings; print({expression})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or done.stderr


def test_an_option_of_the_database_reaches_the_client() -> None:
    options = "sslmode=verify-full&sslrootcert=/etc/ca%20db.pem&connect_timeout=3"
    found = settings_from(
        "settings.DATABASES['default']", DATABASE_URL=f"{DATABASE}?{options}"
    )
    for one in ("'verify-full'", "'/etc/ca db.pem'", "'connect_timeout': '3'"):
        assert one in found


def test_an_option_of_the_database_acts_on_the_connection(settings: Any) -> None:
    url = service_urls.database(
        "DATABASE_URL", f"{env.text('DATABASE_URL')}?sslmode=verify-full"
    )
    wrapper = connections["default"].copy("default")
    wrapper.settings_dict = {
        **wrapper.settings_dict,
        "OPTIONS": {**url.options, "connect_timeout": 2},
    }
    # The tests' server speaks no TLS: who asks for TLS must not get a connection.
    with pytest.raises(psycopg.OperationalError, match="SSL"):
        psycopg.connect(**wrapper.get_connection_params())


@pytest.mark.parametrize(
    ("given", "host", "port", "name"),
    [
        ("postgres://u:p@a,b:5433/portal", "a,b", ",5433", "portal"),
        ("postgres://u:p@[::1]:5433/portal", "::1", "5433", "portal"),
        ("postgresql:///portal?host=/run/postgresql", "/run/postgresql", "", "portal"),
        ("postgres://u:p@%2Frun%2Fpostgresql/portal", "/run/postgresql", "", "portal"),
    ],
)
def test_every_way_to_name_a_database_server_is_understood(
    given: str, host: str, port: str, name: str
) -> None:
    url = service_urls.database("DATABASE_URL", given)
    assert (url.host, url.port, url.name) == (host, port, name)
    assert url.options == {}


@pytest.mark.parametrize(
    ("variable", "parse", "given", "told"),
    [
        ("DATABASE_URL", "database", f"{DATABASE}?sslmod=require", "option sslmod,"),
        ("DATABASE_URL", "database", f"{DATABASE}?user=postgres", "option user,"),
        ("DATABASE_URL", "database", f"{DATABASE}?client_encoding=LATIN1", "client_"),
        (
            "DATABASE_URL",
            "database",
            f"{DATABASE}?sslmode=require&sslmode=disable",
            "option sslmode twice",
        ),
        ("DATABASE_URL", "database", f"{DATABASE}?sslmode=verify-ful", "an sslmode"),
        ("DATABASE_URL", "database", f"{DATABASE}?sslmode=", "an sslmode"),
        ("DATABASE_URL", "database", f"postgres://u:{SECRET}@x@h/portal", "as %40"),
        ("DATABASE_URL", "database", f"postgres://u:{SECRET}@[h/portal", "be read"),
        ("DATABASE_URL", "database", f"postgres://u:{SECRET}@h:x/portal", "no number"),
        ("DATABASE_URL", "database", f"mysql://u:{SECRET}@h/portal", "postgres://"),
        ("BROKER_URL", "broker", f"redis://:{SECRET}@h/0?ssl_cert_reqs=none", "ssl_"),
        ("BROKER_URL", "broker", f"rediss://:{SECRET}@h/0?timeout=3", "timeout,"),
        ("BROKER_URL", "broker", f"rediss://:{SECRET}@h/0?ssl_cert_reqs=1", "ssl_"),
        ("BROKER_URL", "broker", f"redis://:{SECRET}@h/portal", "path"),
        ("BROKER_URL", "broker", f"amqp://u:{SECRET}@h/0", "rediss://"),
        ("BROKER_URL", "broker", f"redis://:{SECRET}#x@h/0", "host|%23|read"),
        ("EMAIL_URL", "mail", f"smtp://u:{SECRET}@h?tls=yes", "option tls,"),
        ("EMAIL_URL", "mail", f"smtp+ssl://u:{SECRET}@h", "smtps://"),
        ("EMAIL_URL", "mail", f"smtp://u:{SECRET}@h/x", "path"),
        ("EMAIL_URL", "mail", f"smtp://u:{SECRET}@", "no host"),
        ("EMAIL_URL", "mail", f"smtp://:{SECRET}@h", "without password"),
        ("EMAIL_URL", "mail", "smtp://user@h", "without password"),
        ("S3_ENDPOINT_URL", "endpoint", f"https://u:{SECRET}@h", "user or password"),
        ("S3_ENDPOINT_URL", "endpoint", "https://h?region=x", "option region,"),
        ("S3_ENDPOINT_URL", "endpoint", "h:9000", "http://"),
        ("DATABASE_URL", "database", "postgres://u:p@h/db?host=g", "again"),
        ("DATABASE_URL", "database", "postgres://u:p@h:1/db?port=2", "again"),
        ("PORTAL_ADDRESS", "public_address", "https://h/portal", "has a path"),
        ("PORTAL_ADDRESS", "public_address", "https://h?lang=de", "option lang,"),
        ("PORTAL_ADDRESS", "public_address", f"https://u:{SECRET}@h", "user"),
        ("PORTAL_ADDRESS", "public_address", "portal.example", "https://"),
    ],
)
def test_what_nothing_would_use_is_refused_by_name_and_no_secret_shown(
    monkeypatch: pytest.MonkeyPatch, variable: str, parse: str, given: str, told: str
) -> None:
    monkeypatch.setenv(variable, given)
    with pytest.raises(ImproperlyConfigured, match=told) as error:
        env.url(variable, getattr(service_urls, parse))
    assert variable in str(error.value)
    assert SECRET not in str(error.value)
    assert error.value.__cause__ is None


@pytest.mark.parametrize(
    "given",
    [
        "https://h:8443",
        "HTTPS://H:8443/",
        "Https://h:8443?",
        "https://h:8443//",
        "https://h:8443\n",
    ],
)
def test_the_public_address_is_https_however_it_is_written(given: str) -> None:
    address = service_urls.public_address("PORTAL_ADDRESS", given)
    assert address == "https://h:8443"


def test_the_preparation_of_a_database_refuses_the_same() -> None:
    given = {
        database.SUPERUSER_VARIABLE: f"postgres://postgres:{SECRET}@db/postgres",
        "DATABASE_OWNER_URL": f"postgres://portal_owner:{SECRET}@db/portal",
        "DATABASE_URL": f"postgres://portal_app:{SECRET}@db/portal",
    }
    for name, url in given.items():
        with pytest.raises(ServiceUrlError, match=f"{name} has the option sslmod,"):
            database.prepare_from({**given, name: f"{url}?sslmod=require"})


def test_a_broker_with_tls_is_checked_by_both_clients() -> None:
    url = service_urls.broker("BROKER_URL", "rediss://:p@b.example:6380/1")
    tls: Any = Celery(broker=url).connection_for_write().ssl
    assert tls["ssl_cert_reqs"].name == "CERT_REQUIRED"
    ours = Redis.from_url(url).connection_pool.connection_kwargs
    assert ours["ssl_cert_reqs"] == "required"
    given = "rediss://h/0?ssl_cert_reqs=required&ssl_ca_certs=%2Fca.pem"
    assert service_urls.broker("BROKER_URL", given) == given


@pytest.mark.parametrize(
    ("given", "port", "starts_tls", "is_tls"),
    [
        ("smtp://h.example", 25, False, False),
        ("smtp+tls://h.example", 25, True, False),
        ("smtps://h.example", 465, False, True),
        ("smtps://h.example:4650", 4650, False, True),
    ],
)
def test_the_url_of_a_mail_server_selects_port_and_tls(
    given: str, port: int, starts_tls: bool, is_tls: bool
) -> None:
    found = service_urls.mail("EMAIL_URL", given)
    assert (found.port, found.starts_tls, found.is_tls) == (port, starts_tls, is_tls)


@pytest.mark.parametrize(
    ("variable", "given", "is_warned_of"),
    [
        ("DATABASE_URL", "postgres://u:p@db.example/x", True),
        ("DATABASE_URL", "postgres://u:p@db.example/x?sslmode=prefer", True),
        ("DATABASE_URL", "postgres://u:p@db.example/x?sslmode=require", True),
        ("DATABASE_URL", "postgres://u:p@db.example/x?ssl=true", True),
        ("DATABASE_URL", "postgres://u:p@127.0.0.1,db.example/x", True),
        ("DATABASE_URL", "postgres://u:p@localhost/x?hostaddr=10.0.0.5", True),
        ("DATABASE_URL", "postgres://u:p@db.example/x?sslmode=verify-ca", False),
        (
            "DATABASE_URL",
            "postgres://u:p@db.example/x?sslmode=require&sslrootcert=/ca.pem",
            False,
        ),
        ("DATABASE_URL", "postgres://u:p@db.example/x?sslmode=verify-full", False),
        ("DATABASE_URL", "postgres://u:p@[::1]/x", False),
        ("DATABASE_URL", "postgres:///x?host=/run/postgresql", False),
        ("DATABASE_OWNER_URL", "postgres://u:p@db.example/x", True),
        ("BROKER_URL", "redis://:p@b.example/0", True),
        ("BROKER_URL", "rediss://:p@b.example/0?ssl_cert_reqs=none", True),
        ("BROKER_URL", "rediss://:p@b.example/0", False),
        ("BROKER_URL", "redis://:p@127.0.0.1/0", False),
        ("EMAIL_URL", "smtp://mail.example", True),
        ("EMAIL_URL", "smtp+tls://mail.example", False),
        ("EMAIL_URL", "smtps://mail.example", False),
        ("EMAIL_URL", "smtp://localhost", False),
        ("S3_ENDPOINT_URL", "http://s3.example:9000", True),
        ("S3_ENDPOINT_URL", "https://s3.example", False),
    ],
)
def test_a_service_on_another_machine_without_checked_tls_is_warned_of(
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
    variable: str,
    given: str,
    is_warned_of: bool,
) -> None:
    monkeypatch.setenv(variable, given)
    found = checks.services_are_reached_by_tls(None)
    assert [one.id for one in found] == ["portal.W004"] * is_warned_of
    if is_warned_of:
        assert variable in found[0].msg
        settings.PLAIN_HOSTS = ["db.example", "10.0.0.5", "b.example"]
        settings.PLAIN_HOSTS += ["mail.example", "s3.example"]
        assert checks.services_are_reached_by_tls(None) == []
