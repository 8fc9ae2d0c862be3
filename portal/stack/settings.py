"""Derives the settings of all parts, which `parts.json` gives to other processes."""

import base64
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from portal.stack import folder, ports

BUCKET = "pureconnectusage"
INBOX_BUCKET = "pureconnectusage-inbox"
STORE_BUCKET = "usage-portal-files"
REGION = "us-east-2"

# Seconds that requests in progress get when the web server is stopped: ample for a
# person's browser, and for all but the largest file on the slowest line.
REQUESTS_END_WITHIN = 30

DATABASE = "portal"
OWNER_ROLE = "portal_owner"
APP_ROLE = "portal_app"

# 32 bytes: the length of the AES-256 key that wraps the tenants' private keys.
MASTER_KEY_BYTES = 32

# 192 bits, in letters that need no quoting in a URL.
PASSWORD_BYTES = 24

S3_VARIABLES = (
    "S3_ENDPOINT_URL",
    "S3_ACCESS_KEY_ID",
    "S3_SECRET_ACCESS_KEY",
    "S3_BUCKET",
    "S3_REGION",
)

# Each of these, set in the environment, replaces a part of the stack.
REPLACING = ("DATABASE_URL", "DATABASE_OWNER_URL", "BROKER_URL", *S3_VARIABLES)


class IncompleteError(Exception):
    """The environment replaces half of a part."""


class MistypedError(Exception):
    """A variable that is to be a number is none that can be used."""


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """What is drawn once for a folder and kept for good."""

    superuser_password: str
    owner_password: str
    app_password: str
    broker_password: str
    s3_access_key: str
    s3_secret_key: str
    secret_key: str
    master_key: str


def _password() -> str:
    # Hexadecimal: needs quoting neither in a URL nor in a command line.
    return secrets.token_hex(PASSWORD_BYTES)


def _master_key() -> str:
    return base64.b64encode(secrets.token_bytes(MASTER_KEY_BYTES)).decode()


_DRAWN: Mapping[str, Callable[[], str]] = {
    "superuser_password": _password,
    "owner_password": _password,
    "app_password": _password,
    "broker_password": _password,
    "s3_access_key": lambda: secrets.token_hex(10),
    "s3_secret_key": _password,
    "secret_key": lambda: secrets.token_urlsafe(50),
    "master_key": _master_key,
}


# The secrets of an installation with containers, as docker-compose.yml calls them.
_DRAWN_FOR_CONTAINERS: Mapping[str, Callable[[], str]] = {
    "SECRET_KEY": _DRAWN["secret_key"],
    "MASTER_KEY": _DRAWN["master_key"],
    "POSTGRES_PASSWORD": _password,
    "DATABASE_OWNER_PASSWORD": _password,
    "DATABASE_APP_PASSWORD": _password,
    "BROKER_PASSWORD": _password,
    "S3_ACCESS_KEY_ID": _DRAWN["s3_access_key"],
    "S3_SECRET_ACCESS_KEY": _DRAWN["s3_secret_key"],
}


def draw_for_containers() -> str:
    """Draw new secrets, as the lines of an `.env` file."""
    lines = [f"{name}={draw()}\n" for name, draw in _DRAWN_FOR_CONTAINERS.items()]
    return "".join(lines)


def load_secrets(var: Path) -> Secrets:
    """Read the folder's secrets; draw and store those that are not there yet."""
    path = var / folder.SECRETS_FILE
    known = folder.read_private(path)
    missing = {name: draw() for name, draw in _DRAWN.items() if name not in known}
    if missing:
        known |= missing
        folder.write_private(path, known)
    return Secrets(**{name: known[name] for name in _DRAWN})


def number_from(
    environment: Mapping[str, str], name: str, *, otherwise: int, most: int
) -> int:
    """Return a number from 1 to `most` that a variable gives, if it is set.

    Raises:
        MistypedError: it gives something else.

    """
    text = environment.get(name) or str(otherwise)
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(most))
    if not is_number or not 1 <= int(text) <= most:
        message = f"{name} must be a number from 1 to {most}, not {text!r}"
        raise MistypedError(message)
    return int(text)


def is_database_ours(environment: Mapping[str, str]) -> bool:
    """Say whether the stack has to start PostgreSQL itself."""
    given = [environment.get(name) for name in ("DATABASE_URL", "DATABASE_OWNER_URL")]
    if any(given) and not all(given):
        message = (
            "DATABASE_URL and DATABASE_OWNER_URL belong together: set both, or "
            "neither (docs/operations.md)"
        )
        raise IncompleteError(message)
    return not any(given)


def is_broker_ours(environment: Mapping[str, str]) -> bool:
    """Say whether the stack has to start Valkey itself."""
    return not environment.get("BROKER_URL")


def is_store_ours(environment: Mapping[str, str]) -> bool:
    """Say whether the stack has to start the S3 server itself."""
    return not any(environment.get(name) for name in S3_VARIABLES)


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Where the parts that others speak to are to be found."""

    web: int
    database: int
    broker: int
    store: int


def superuser_url(kept: Secrets, port: int) -> str:
    """Tell how the stack itself signs in to its PostgreSQL."""
    return _database_url("postgres", kept.superuser_password, port, "postgres")


def _database_url(role: str, password: str, port: int, name: str = DATABASE) -> str:
    return f"postgres://{role}:{password}@{ports.LOOPBACK}:{port}/{name}"


def describe_parts(
    kept: Secrets, at: Ports, environment: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Make the content of `parts.json`: our own parts, or those put in their place."""
    values = {
        "SECRET_KEY": kept.secret_key,
        "MASTER_KEY": kept.master_key,
        # Browsers offer no passkeys at an IP address.
        "PORTAL_ADDRESS": f"http://localhost:{at.web}",
        "ALLOWED_HOSTS": f"localhost,{ports.LOOPBACK}",
    }
    if is_database_ours(environment):
        values["DATABASE_URL"] = _database_url(APP_ROLE, kept.app_password, at.database)
        values["DATABASE_OWNER_URL"] = _database_url(
            OWNER_ROLE, kept.owner_password, at.database
        )
    if is_broker_ours(environment):
        address = f"{ports.LOOPBACK}:{at.broker}"
        values["BROKER_URL"] = f"redis://:{kept.broker_password}@{address}/0"
    if is_store_ours(environment):
        values |= {
            "S3_ENDPOINT_URL": f"http://{ports.LOOPBACK}:{at.store}",
            "S3_ACCESS_KEY_ID": kept.s3_access_key,
            "S3_SECRET_ACCESS_KEY": kept.s3_secret_key,
            "S3_BUCKET": BUCKET,
            "S3_REGION": REGION,
            "S3_INBOX_BUCKET": INBOX_BUCKET,
            "USAGE_STORE_BUCKET": STORE_BUCKET,
        }
    # What replaces a part is written down too, so that `manage.py` in another
    # terminal finds the same parts by the folder alone.
    given = {name: environment[name] for name in REPLACING if environment.get(name)}
    return values | given
