"""Returns the time of receipt of a request, before any wait for a thread or its body.

A file is on time or late by this moment, so it must not depend on the server's load.
"""

import re
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest

# The stamp that a proxy writes: seconds since 1970, as nginx has them in $msec.
_STAMP = re.compile(r"t=([0-9]{9,11}(?:\.[0-9]{1,6})?)")

# A body may take ten minutes; an older stamp means a broken clock.
_OLDEST = timedelta(minutes=15)


def received_at(request: HttpRequest, *, at: datetime) -> datetime:
    """Return the time of receipt of a request; `at` is now, and its upper limit.

    The stamp of a trusted proxy comes first, then the web server's own, which it made
    when the head of the request was complete. A client's stamp is ignored.
    """
    stamp = _proxy_stamp(request) if settings.TRUSTED_PROXY else None
    if stamp is None:
        stamp = _server_stamp(request)
    if stamp is None or not at - _OLDEST <= stamp <= at:
        return at
    return stamp


def _proxy_stamp(request: HttpRequest) -> datetime | None:
    found = _STAMP.fullmatch(request.headers.get("X-Request-Start", ""))
    return datetime.fromtimestamp(float(found[1]), UTC) if found else None


def _server_stamp(request: HttpRequest) -> datetime | None:
    environ = request.environ if isinstance(request, WSGIRequest) else {}
    seconds = getattr(environ.get("gunicorn.socket"), "request_at", None)
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
