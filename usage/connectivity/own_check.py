"""Checks the access of the machine that the portal runs on."""

from django.conf import settings

from usage.sender.access_target import access_target
from usage.usg.client.access_check import AccessReport, check_access, ways_to
from usage.usg.client.access_probe import ProbeLimits
from usage.usg.client.proxy import Proxy


def check_own_access(*, seconds: float, proxy: Proxy | None = None) -> AccessReport:
    """Try all names from this machine, through `HTTPS_PROXY` if no proxy is given.

    `seconds` is the time limit of the whole check.

    Raises:
        ValueError: HTTPS_PROXY is no address of an HTTP proxy.
        OSError: the file of ACCESS_AUTHORITIES cannot be read.

    """
    target = access_target()
    limits = ProbeLimits(
        port=target.port,
        seconds=seconds,
        authorities=settings.ACCESS_AUTHORITIES or None,
    )
    return check_access(target.names, limits, ways_to(target.names, proxy))
