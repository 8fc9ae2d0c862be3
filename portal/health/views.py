"""Endpoints for monitoring: liveness, readiness and metrics."""

import hmac
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache

from portal.errors import Refused
from portal.health import metrics, readiness
from portal.health.readiness import Health


@never_cache
def healthz(_request: HttpRequest) -> HttpResponse:
    """Answer that this process serves; check no other part."""
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")


@never_cache
def readyz(_request: HttpRequest) -> HttpResponse:
    """Return the state of every part, and no more: the endpoint is public."""
    parts = readiness.part_states(at=timezone.now())
    worst = readiness.worst(parts)
    is_failing = worst == Health.FAILING
    status = HTTPStatus.SERVICE_UNAVAILABLE if is_failing else HTTPStatus.OK
    return JsonResponse({"state": worst, "parts": parts}, status=status)


@never_cache
def metrics_text(request: HttpRequest) -> HttpResponse:
    """Return the metrics to a client with METRICS_TOKEN; not found if none is set."""
    if not settings.METRICS_TOKEN:
        raise Refused("not-found")
    given = request.headers.get("Authorization", "")
    wanted = f"Bearer {settings.METRICS_TOKEN}"
    if not hmac.compare_digest(given.encode(), wanted.encode()):
        answer = HttpResponse(
            "a token is needed\n", content_type="text/plain; charset=utf-8"
        )
        answer.status_code = HTTPStatus.UNAUTHORIZED
        answer["WWW-Authenticate"] = 'Bearer realm="metrics"'
        return answer
    text = metrics.text(at=timezone.now())
    return HttpResponse(text, content_type=metrics.CONTENT_TYPE)
