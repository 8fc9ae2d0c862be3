"""The pages that belong to no single app: health, home."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers

from portal import access
from portal.doors import PortalRequest
from portal.models import Tenant


def healthz(_request: HttpRequest) -> HttpResponse:
    """Say that this process serves; asks no other part."""
    response = HttpResponse("ok\n", content_type="text/plain")
    add_never_cache_headers(response)
    return response


def home(request: PortalRequest) -> HttpResponse:
    tenant = None
    if request.caller.tenant_id is not None:
        with access.acting_for(request.caller.tenant, reading=True):
            tenant = Tenant.objects.get()
    return render(request, "portal/home.html", {"tenant": tenant})
