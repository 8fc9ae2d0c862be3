"""Mistakes that only show when settings, addresses and models are seen together."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as Caution
from django.urls import URLPattern, URLResolver, get_resolver

from portal import doors, env

# What is asked for is due by the 3rd, and the next period ends on the 27th: nobody can
# be late before the one, or only after the other.
_FIRST_DAY, _LAST_DAY = 4, 27


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
def every_address_has_a_door(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    names = set(url_names(get_resolver().url_patterns))
    found: list[CheckMessage] = [
        Error(
            f"The address {name!r} is not in portal.doors.DOORS.",
            hint="Say there, for each method, what it asks of the caller.",
            id="portal.E001",
        )
        for name in sorted(names - set(doors.DOORS))
    ]
    found += [
        Error(f"The door {name!r} leads nowhere.", id="portal.E002")
        for name in sorted(set(doors.DOORS) - names)
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
    if env.text("FAILPOINT"):
        found.append(
            Caution(
                "FAILPOINT is set: processes of this portal will end themselves.",
                hint="It is for tests.",
                id="portal.W002",
            )
        )
    if settings.PORTAL_ADDRESS.startswith("https://") and not settings.TRUSTED_PROXY:
        found.append(
            Caution(
                "PORTAL_ADDRESS is https, and TRUSTED_PROXY is not set.",
                hint="The portal speaks no TLS itself: it would redirect for ever.",
                id="portal.W003",
            )
        )
    host = settings.PORTAL_ADDRESS.split("://")[-1].split(":")[0].split("/")[0]
    if host not in settings.ALLOWED_HOSTS and "*" not in settings.ALLOWED_HOSTS:
        found.append(
            Error(
                "The host of PORTAL_ADDRESS is not in ALLOWED_HOSTS.",
                hint="Links in mails would lead to an error page.",
                id="portal.E005",
            )
        )
    return found
