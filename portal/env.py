"""Reads and parses the environment variables; no other module reads them.

Every variable is declared once, in `VARIABLES`. Its value comes from the process
environment, else from `VAR/parts.json`, where the parts that `make run` started
have written their addresses, else from its default.
"""

import json
import os
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import formataddr, parseaddr
from functools import cache
from logging import getLevelNamesMapping
from pathlib import Path
from typing import TypeVar

from django.core.exceptions import ImproperlyConfigured

from portal.service_urls import ServiceUrlError

T = TypeVar("T")

BASE = Path(__file__).resolve().parent.parent

# The name that mails come from, unless EMAIL_FROM has one.
SENDER = "Usage Portal"


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable; `default` None means that it must be set."""

    name: str
    default: str | None
    about: str


def _by_name(*variables: Variable) -> Mapping[str, Variable]:
    return {variable.name: variable for variable in variables}


VARIABLES = _by_name(
    Variable("VAR", "var", "folder for everything that this installation writes"),
    Variable("PORT", "8000", "port of the web server"),
    Variable("DEMO", "yes", "no: `make run` does not make the demo data"),
    Variable("DEBUG", "no", "yes: Django's debug pages; never in production"),
    Variable("SECRET_KEY", None, "signs sessions and links; at least 50 characters"),
    Variable("MASTER_KEY", None, "base64 of 32 bytes; wraps the tenants' keys"),
    Variable("ALLOWED_HOSTS", "localhost,127.0.0.1", "host names that are answered"),
    Variable("PORTAL_ADDRESS", "http://localhost:8000", "public address, for links"),
    Variable("STAFF_SECOND_FACTOR", "yes", "no: billing staff may do without; a demo"),
    Variable("TRUSTED_PROXY", "no", "yes: a proxy in front sets X-Forwarded-Proto"),
    Variable("PROXY_STAMPS", "no", "yes: the proxy in front sets X-Request-Start"),
    Variable("PLAIN_HOSTS", "", "services that are reached without TLS on purpose"),
    Variable("DATABASE_URL", None, "PostgreSQL, signing in as portal_app"),
    Variable("DATABASE_OWNER_URL", "", "PostgreSQL, as portal_owner; for migrations"),
    Variable("DATABASE_POOL", "64", "most connections a process keeps; its threads"),
    Variable("BROKER_URL", None, "Valkey or Redis, for Celery"),
    Variable("USAGE_STORE", "folder", "or s3: where stored files are"),
    Variable("USAGE_STORE_FALLBACK", "", "the other store, while files move"),
    Variable("USAGE_STORE_BUCKET", "", "bucket of the store on S3, of its own"),
    Variable("USAGE_STORE_PREFIX", "", "folder in that bucket; empty: all of it"),
    Variable("S3_BUCKET", "pureconnectusage", "bucket that accepted files go to"),
    Variable("S3_REGION", "us-east-2", "its region"),
    Variable("S3_PREFIX", "", "put before every key in the bucket"),
    Variable("S3_ENDPOINT_URL", "", "an S3 server other than Amazon's"),
    Variable("S3_ACCESS_KEY_ID", "", "empty: the machine's own AWS identity"),
    Variable("S3_SECRET_ACCESS_KEY", "", "belongs to S3_ACCESS_KEY_ID"),
    Variable("S3_SERVER_SIDE_ENCRYPTION", "", "AES256 or aws:kms, asked of the store"),
    Variable("S3_KMS_KEY_ID", "", "the key of aws:kms; empty: the bucket's own"),
    Variable("S3_OBJECT_LOCK_DAYS", "0", "days an object may not be removed; 0: none"),
    Variable("S3_OBJECT_LOCK_MODE", "GOVERNANCE", "or COMPLIANCE: not even by owners"),
    Variable("S3_INBOX_BUCKET", "", "bucket that servers upload to; empty: none"),
    Variable("S3_INBOX_PREFIX", "inbox/", "put before the tenant's number there"),
    Variable("INBOX_AFTER", "verdict", "or leave, or move: what is done there then"),
    Variable("ACCESS_BUCKET_NAMES", "", "names to check; empty: the documented ones"),
    Variable("ACCESS_SERVICE_NAMES", "", "names of S3 to check; empty: documented"),
    Variable("ACCESS_REGION", "us-east-2", "the region of these names"),
    Variable("ACCESS_PORT", "443", "their port"),
    Variable("ACCESS_ISSUER", "Amazon", "part of the issuer of their certificates"),
    Variable("ACCESS_AUTHORITIES", "", "trusted PEM file; empty: the machine's own"),
    Variable("FORWARDING", "yes", "no: accepted files stay here, nothing goes to S3"),
    Variable("KEEP_BYTES_DAYS", "400", "days after confirmation; 0: kept for ever"),
    Variable("EMAIL_URL", "", "smtp://user:password@host:port; empty: VAR/mail"),
    Variable("EMAIL_FROM", "usage-portal@localhost", "sender of every mail"),
    Variable("MAIL_STAMP", "", "the same on all machines that share a database"),
    Variable("SUPPORT_CONTACT", "", "mail address or https:// page of the support"),
    Variable("LATE_FROM", "5", "day of the month from whose start a tenant is late"),
    Variable("MAX_FILE_BYTES", "67108864", "largest usage file that is taken"),
    Variable("WAITING_FILES_LIMIT", "2000", "unaccepted files a tenant has; 0: any"),
    Variable("WAITING_BYTES_LIMIT", "2000000000", "their bytes; 0: any number"),
    Variable("TOKEN_REQUESTS_PER_SECOND", "20", "of one API token; 0: no limit"),
    Variable("NETWORK_REQUESTS_PER_SECOND", "100", "by tokens, per address; 0: none"),
    Variable("SETTLING_AT_ONCE", "4", "files a process opens at the same time"),
    Variable("BODY_TIMEOUT", "20", "seconds an upload may stand still"),
    Variable("WEB_WORKERS", "2", "processes of the web server"),
    Variable("WEB_THREADS", "64", "threads in each of them"),
    Variable("METRICS_TOKEN", "", "what Prometheus has to know; empty: no /metrics"),
    Variable("LOG_LEVEL", "INFO", "what the log shows"),
    Variable("FAILPOINT", "", "for tests: where the process ends itself"),
)


def var_folder() -> Path:
    """Return the folder that is written to; a relative VAR is below the project."""
    return BASE / (os.environ.get("VAR") or VARIABLES["VAR"].default or "var")


@cache
def _running_parts() -> Mapping[str, str]:
    try:
        found = json.loads((var_folder() / "parts.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return {str(name): str(value) for name, value in found.items()}


def text(name: str) -> str:
    """Return a variable's value.

    Raises:
        ImproperlyConfigured: it has no default and is not set.
        KeyError: it is not declared in `VARIABLES`.

    """
    variable = VARIABLES[name]
    value = os.environ.get(name) or _running_parts().get(name) or variable.default
    if value is None:
        message = (
            f"{name} is not set ({variable.about}). Set it, or start the parts with "
            "`make run`, which writes it to parts.json in VAR."
        )
        raise ImproperlyConfigured(message)
    return value


def text_or(name: str, otherwise: str) -> str:
    """Return a variable that only some commands need, else `otherwise`."""
    try:
        return text(name)
    except ImproperlyConfigured:
        return otherwise


def _parsed(name: str, kind: str, parse: Callable[[str], T]) -> T:
    value = text(name)
    try:
        return parse(value)
    except (ValueError, KeyError, Base64Error) as error:
        message = f"{name} must be {kind}, not {value!r}."
        raise ImproperlyConfigured(message) from error


def whole(name: str) -> int:
    """Return a whole number."""
    return _parsed(name, "a whole number", int)


def truth(name: str) -> bool:
    """Return yes or no as a bool."""
    return _parsed(name, "yes or no", {"yes": True, "no": False}.__getitem__)


def choice(name: str, values: Sequence[str]) -> str:
    """Return one of some values."""
    known = {value: value for value in values}
    return _parsed(name, " or ".join(filter(None, values)), known.__getitem__)


def log_level() -> str:
    """Return the name of the least level that the log shows, in capitals."""
    levels = {name: name for name in getLevelNamesMapping()}
    kind = "DEBUG, INFO, WARNING, ERROR or CRITICAL"
    return _parsed("LOG_LEVEL", kind, lambda value: levels[value.upper()])


def names(name: str) -> list[str]:
    """Return a list that is written with commas."""
    return [part.strip() for part in text(name).split(",") if part.strip()]


def url(name: str, parse: Callable[[str, str], T]) -> T:
    """Return a URL as `parse` reads it, a function of `portal.service_urls`."""
    try:
        return parse(name, text(name))
    except ServiceUrlError as error:
        raise ImproperlyConfigured(str(error)) from None


def sender(name: str) -> str:
    """Return the sender of mails: an address without a name gets the portal's."""

    def parse(value: str) -> str:
        shown, address = parseaddr(value)
        if "@" not in address or not value.isprintable():
            raise ValueError(value)
        return value if shown else formataddr((SENDER, address))

    return _parsed(name, "a mail address, or Name <address>", parse)


def contact(name: str) -> str:
    """Return a contact as a link, `mailto:` or `https:`; empty if none is set."""

    def parse(value: str) -> str:
        is_page = value.startswith("https://") and bool(value.split("/")[2])
        is_mail = parseaddr(value)[1] == value and "@" in value.strip("@")
        if not value.isprintable() or " " in value or not (is_page or is_mail):
            raise ValueError(value)
        return value if is_page else f"mailto:{value}"

    return _parsed(name, "a mail address, or https://…", parse) if text(name) else ""


def key(name: str, *, size: int) -> bytes:
    """Return a key of `size` bytes that is written in base64."""

    def parse(value: str) -> bytes:
        raw = b64decode(value, validate=True)
        if len(raw) != size:
            raise ValueError(value)
        return raw

    variable = VARIABLES[name]
    try:
        return parse(text(name))
    except (ValueError, Base64Error):
        # The value is a secret: it must not get into a message.
        message = f"{name} must be base64 of {size} bytes ({variable.about})."
        raise ImproperlyConfigured(message) from None
