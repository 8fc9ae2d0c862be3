"""Checks that a client cannot date its requests: the proxy has to replace the stamp."""

import re
import time
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from portal.http.request_time import RECEIVED

# Seconds by which the forged stamp is too early: the portal takes stamps of less than
# 15 minutes. A clock that is off by more than half of this looks like a forgery.
FORGED_BY = 600.0

TIMEOUT = 10.0

_RECEIVED = re.compile(r"t=([0-9.]+); by=(proxy|server|clock)")


class Command(BaseCommand):
    help = "Sends a forged time of receipt through PORTAL_ADDRESS: it must not count."

    def handle(self, *_args: Any, **_options: Any) -> None:
        forged = time.time() - FORGED_BY
        received, source = _ask(settings.PORTAL_ADDRESS, f"t={forged:.3f}")
        if received < forged + FORGED_BY / 2:
            message = (
                "A client can date its requests: the proxy passed X-Request-Start on."
                " Set PROXY_STAMPS=no until the proxy sets the header itself, in every"
                " location (docs/operations.md)."
            )
            raise CommandError(message)
        if settings.PROXY_STAMPS and source != "proxy":
            message = (
                "No client can date its requests, but PROXY_STAMPS=yes and the proxy"
                " sends no stamp of its own, or not one alone. Files count as received"
                " when the proxy has passed them on (docs/operations.md)."
            )
            raise CommandError(message)
        self.stdout.write(f"A forged stamp was discarded; the time is by {source}.")


def _ask(address: str, stamp: str) -> tuple[float, str]:
    """Return when the portal behind an address received a request, and by which clock.

    Raises:
        CommandError: it does not answer as this portal does; returncode 2.

    """
    parts = urlsplit(address)
    is_https = parts.scheme == "https"
    connect = HTTPSConnection if is_https else HTTPConnection
    connection = connect(parts.hostname or "", parts.port, timeout=TIMEOUT)
    try:
        connection.request("GET", "/healthz", headers={"X-Request-Start": stamp})
        answer = connection.getresponse()
        found = _RECEIVED.fullmatch(answer.headers.get(RECEIVED, ""))
    except (OSError, HTTPException) as error:
        message = f"{address} does not answer; nothing could be checked: {error!r}"
        raise CommandError(message, returncode=2) from error
    finally:
        connection.close()
    if found is None:
        message = (
            f"{address}/healthz answered {answer.status} without the header"
            f" {RECEIVED}; nothing could be checked. Let the proxy pass it on."
        )
        raise CommandError(message, returncode=2)
    return float(found[1]), found[2]
