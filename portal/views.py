"""The pages that belong to no single app: health, home, and what went wrong."""

import sys

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers

from portal import access
from portal.doors import PortalRequest, plain_answer
from portal.models import Tenant
from portal.refusals import Refused, Unavailable


def healthz(_request: HttpRequest) -> HttpResponse:
    """Say that this process serves; asks no other part."""
    response = HttpResponse("ok\n", content_type="text/plain")
    add_never_cache_headers(response)
    return response


def malformed(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django passes it
    """Answer a request that is none: a wrong host name, an unreadable form."""
    return plain_answer(request, Refused("request-malformed"))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 - Django passes it
    """Answer a form that came from elsewhere, or from a page that was left open."""
    return plain_answer(request, Refused("csrf-missing"))


def failed(request: HttpRequest) -> HttpResponse:
    """Answer what nobody foresaw, in the door's own way.

    Where the database has no connection left or is being restarted, that is said
    apart: it passes by itself.
    """
    is_database = isinstance(sys.exc_info()[1], OperationalError)
    problem = Unavailable("busy") if is_database else Unavailable("failed")
    return plain_answer(request, problem)


def home(request: PortalRequest) -> HttpResponse:
    tenant = None
    if request.caller.tenant_id is not None:
        with access.acting_for(request.caller.tenant, reading=True):
            tenant = Tenant.objects.get()
    return render(request, "portal/home.html", {"tenant": tenant})
