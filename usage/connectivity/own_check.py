"""Checks the access of the machine that the portal runs on."""

from django.conf import settings

from usage.usg.client.access_check import (
    AccessReport,
    Names,
    check_access,
    names_of,
    ways_to,
)
from usage.usg.client.access_probe import ProbeLimits
from usage.usg.client.proxy import Proxy


def names() -> Names:
    """Return the names in the settings, or else the documented ones of the region."""
    documented = names_of(region=settings.ACCESS_REGION)
    return Names(
        bucket=tuple(settings.ACCESS_BUCKET_NAMES) or documented.bucket,
        service=tuple(settings.ACCESS_SERVICE_NAMES) or documented.service,
        region=documented.region,
        issuer=settings.ACCESS_ISSUER,
    )


def check_own_access(*, seconds: float, proxy: Proxy | None = None) -> AccessReport:
    """Try all names from this machine, through `HTTPS_PROXY` if no proxy is given.

    `seconds` is the time limit of the whole check.

    Raises:
        ValueError: HTTPS_PROXY is no address of an HTTP proxy.
        OSError: the file of ACCESS_AUTHORITIES cannot be read.

    """
    wanted = names()
    limits = ProbeLimits(
        port=settings.ACCESS_PORT,
        seconds=seconds,
        authorities=settings.ACCESS_AUTHORITIES or None,
    )
    return check_access(wanted, limits, ways_to(wanted, proxy))
