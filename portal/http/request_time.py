"""Returns the time of receipt of a request, before any wait for a thread or its body.

A file is on time or late by this moment, so it must not depend on the server's load.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import wraps

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse

# The stamp that a proxy writes: seconds since 1970, as nginx has them in $msec.
_STAMP = re.compile(r"t=([0-9]{9,11}(?:\.[0-9]{1,6})?)")

# The header of an answer that says when its request was received.
RECEIVED = "X-Received"

# A body may take ten minutes; an older stamp means a broken clock.
_OLDEST = timedelta(minutes=15)


def received_at(request: HttpRequest, *, at: datetime) -> datetime:
    """Return the time of receipt of a request; `at` is now, and its upper limit.

    The stamp of the proxy comes first, where PROXY_STAMPS says that it replaces any
    that a client sends; then the web server's own, which it made when the head of the
    request was complete.
    """
    return _stamp_and_source(request, at=at)[0]


def with_receipt(
    view: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Add the time of receipt, as of an upload, to the response of a view.

    The header is `X-Received: t=1790000000.123; by=proxy`; `by` is `proxy`, `server`,
    or `clock` where neither has made a usable stamp. For `manage.py check_proxy`. It
    reveals the server's clock and no more, as the header Date does.
    """

    @wraps(view)
    def answer(request: HttpRequest) -> HttpResponse:
        stamp, source = _stamp_and_source(request, at=datetime.now(UTC))
        response = view(request)
        response[RECEIVED] = f"t={stamp.timestamp():.3f}; by={source}"
        return response

    return answer


def _stamp_and_source(request: HttpRequest, *, at: datetime) -> tuple[datetime, str]:
    stamp, source = None, "proxy"
    if settings.PROXY_STAMPS:
        stamp = _proxy_stamp(request)
    if stamp is None:
        stamp, source = _server_stamp(request), "server"
    if stamp is None or not at - _OLDEST <= stamp <= at:
        return at, "clock"
    return stamp, source


def _proxy_stamp(request: HttpRequest) -> datetime | None:
    found = _STAMP.fullmatch(request.headers.get("X-Request-Start", ""))
    return datetime.fromtimestamp(float(found[1]), UTC) if found else None


def _server_stamp(request: HttpRequest) -> datetime | None:
    environ = request.environ if isinstance(request, WSGIRequest) else {}
    seconds = getattr(environ.get("gunicorn.socket"), "request_at", None)
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
