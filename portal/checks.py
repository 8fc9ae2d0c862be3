"""System checks of settings that contradict each other, and of permissions."""

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as Caution
from django.http.request import validate_host
from django.urls import URLPattern, URLResolver, get_resolver

from portal import env, service_urls
from portal.accounts.passkey_obstacle import is_ip_address
from portal.http import endpoints

# The values of INBOX_AFTER; see `usage.inbox.verdict_files`.
_AFTER = ("leave", "verdict", "move")

# Files are due by the 3rd, and the next period ends on the 27th: a tenant can be late
# neither before the first, nor only after the second.
_FIRST_DAY, _LAST_DAY = 4, 27

_ENCRYPTIONS = frozenset({"", "AES256", "aws:kms"})
_LOCKS = frozenset({"GOVERNANCE", "COMPLIANCE"})

# Days of a period, to its deadline, and as much again for late decisions.
_LEAST_KEPT = 80


def url_names(
    patterns: Sequence[URLPattern | URLResolver], namespace: str = ""
) -> Iterator[str]:
    """Yield the name of every address, with its namespace; unnamed ones as ''."""
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            inner = (
                f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            )
            yield from url_names(pattern.url_patterns, inner)
        else:
            yield f"{namespace}{pattern.name}" if pattern.name else ""


@register(Tags.urls)
def every_address_has_an_endpoint(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    names = set(url_names(get_resolver().url_patterns))
    found: list[CheckMessage] = [
        Error(
            f"The address {name!r} is not in portal.http.endpoints.ENDPOINTS.",
            hint="Add it there, with who may call each method, and with which body.",
            id="portal.E001",
        )
        for name in sorted(names - set(endpoints.ENDPOINTS))
    ]
    found += [
        Error(
            f"ENDPOINTS names {name!r}, but no address has that name.", id="portal.E002"
        )
        for name in sorted(set(endpoints.ENDPOINTS) - names)
    ]
    return found


@register(Tags.database)
def a_thread_never_waits_for_a_connection(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    if env.whole("WEB_THREADS") > settings.DATABASE_POOL:
        return [
            Caution(
                "DATABASE_POOL is smaller than WEB_THREADS.",
                hint="A process should be able to give each thread a connection.",
                id="portal.W001",
            )
        ]
    return []


@register(Tags.security)
def services_are_reached_by_tls(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    return [
        Caution(
            f"{variable} leads to {host} without TLS that checks its certificate.",
            hint=f"Use {advice}. In a private network, list the host in PLAIN_HOSTS.",
            id="portal.W004",
        )
        for variable, hosts, advice in _plain_hosts()
        for host in hosts
        if host not in settings.PLAIN_HOSTS
    ]


def _plain_hosts() -> Iterator[tuple[str, list[str], str]]:
    """Yield each variable with the machines it reaches without TLS, and what to use."""
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL"):
        if env.text(name):
            url = env.url(name, service_urls.database)
            yield name, url.plain_hosts, "sslmode=verify-full"
    broker = env.url("BROKER_URL", service_urls.broker)
    yield "BROKER_URL", service_urls.plain_broker_hosts(broker), "rediss://"
    if env.text("EMAIL_URL"):
        mail = env.url("EMAIL_URL", service_urls.mail)
        yield "EMAIL_URL", mail.plain_hosts, "smtp+tls:// or smtps://"
    endpoint = env.url("S3_ENDPOINT_URL", service_urls.endpoint)
    hosts = service_urls.plain_endpoint_hosts(endpoint)
    yield "S3_ENDPOINT_URL", hosts, "https://"


@register(Tags.compatibility)
def settings_agree(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if not _FIRST_DAY <= settings.LATE_FROM <= _LAST_DAY:
        found.append(Error("LATE_FROM must be a day from 4 to 27.", id="portal.E003"))
    if bool(settings.S3["access_key_id"]) != bool(settings.S3["secret_access_key"]):
        found.append(
            Error(
                "S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY belong together.",
                id="portal.E004",
            )
        )
    found += _archive_settings()
    found += _inbox_settings()
    if env.text("FAILPOINT"):
        found.append(
            Caution(
                "FAILPOINT is set: processes of this portal will end themselves.",
                hint="It is for tests.",
                id="portal.W002",
            )
        )
    found += _proxy_settings()
    found += _factor_settings()
    host = urlsplit(settings.PORTAL_ADDRESS).hostname or ""
    if not validate_host(host, settings.ALLOWED_HOSTS):
        found.append(
            Error(
                "The host of PORTAL_ADDRESS is not in ALLOWED_HOSTS.",
                hint="Links in mails would lead to an error page.",
                id="portal.E005",
            )
        )
    return found


def _factor_settings() -> Iterator[CheckMessage]:
    address = urlsplit(settings.PORTAL_ADDRESS)
    if not settings.STAFF_SECOND_FACTOR and address.scheme == "https":
        yield Error(
            "STAFF_SECOND_FACTOR=no at an https address.",
            hint="Billing staff see all tenants: it is for demos on one machine.",
            id="portal.E014",
        )
    if is_ip_address(address.hostname or ""):
        yield Caution(
            "The host of PORTAL_ADDRESS is an IP address.",
            hint="Passkeys need a host name; other second factors work.",
            id="portal.W005",
        )


def _proxy_settings() -> Iterator[CheckMessage]:
    if settings.PORTAL_ADDRESS.startswith("https://") and not settings.TRUSTED_PROXY:
        yield Caution(
            "PORTAL_ADDRESS is https, and TRUSTED_PROXY is not set.",
            hint="The portal speaks no TLS itself: it would redirect for ever.",
            id="portal.W003",
        )
    if settings.PROXY_STAMPS and not settings.TRUSTED_PROXY:
        yield Error(
            "PROXY_STAMPS belongs to TRUSTED_PROXY=yes.",
            hint="Without a proxy in front, clients would date their requests.",
            id="portal.E008",
        )


def _archive_settings() -> Iterator[CheckMessage]:
    kind, key_id = settings.S3["server_side_encryption"], settings.S3["kms_key_id"]
    if kind not in _ENCRYPTIONS:
        text = "S3_SERVER_SIDE_ENCRYPTION must be AES256, aws:kms or empty."
        yield Error(text, id="portal.E010")
    elif key_id and kind != "aws:kms":
        text = "S3_KMS_KEY_ID belongs to S3_SERVER_SIDE_ENCRYPTION=aws:kms."
        yield Error(text, id="portal.E011")
    if settings.S3["object_lock_mode"] not in _LOCKS:
        text = "S3_OBJECT_LOCK_MODE must be GOVERNANCE or COMPLIANCE."
        yield Error(text, id="portal.E012")
    if min(settings.S3_OBJECT_LOCK_DAYS, settings.KEEP_BYTES_DAYS) < 0:
        text = "S3_OBJECT_LOCK_DAYS and KEEP_BYTES_DAYS must not be negative."
        yield Error(text, id="portal.E013")
    if 0 < settings.KEEP_BYTES_DAYS < _LEAST_KEPT:
        yield Caution(
            "KEEP_BYTES_DAYS lets files go before their period can be settled.",
            hint="Statements then read the files from S3, each time.",
            id="portal.W010",
        )


def _inbox_settings() -> list[CheckMessage]:
    found: list[CheckMessage] = []
    is_shared = settings.S3["bucket"] == settings.INBOX_BUCKET
    if is_shared and settings.S3["prefix"].startswith(settings.INBOX_PREFIX):
        found.append(
            Error(
                "S3_INBOX_PREFIX is part of S3_PREFIX, in the same bucket.",
                hint="What is forwarded would lie in the inbox.",
                id="portal.E006",
            )
        )
    if settings.INBOX_AFTER not in _AFTER:
        text = f"INBOX_AFTER must be one of: {', '.join(_AFTER)}."
        found.append(Error(text, id="portal.E007"))
    return found
