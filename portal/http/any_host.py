"""Accepts any Host header on the monitoring endpoints.

Load balancers and container platforms probe a process by its address, which is not in
ALLOWED_HOSTS. All other endpoints refuse hosts that are not in it.
"""

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

PROBED = frozenset({"/healthz", "/readyz"})


class AnyHostMiddleware:
    """Replaces the Host header of probes by the host of PORTAL_ADDRESS.

    This middleware is the first, so that no other code sees the given host: nothing can
    refuse it, redirect to it or repeat it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info in PROBED:
            request.META["HTTP_HOST"] = urlsplit(settings.PORTAL_ADDRESS).netloc
        return self._get_response(request)
