"""What the acts of billing clerks about one tenant share."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from billing.staff import customer
from portal import access
from portal.doors import PortalRequest
from portal.models import Tenant
from portal.refusals import Refused, told

# Refusals after which one looks at the page again; others have a page of their own.
_LOOK_AGAIN = frozenset(
    {
        "deadline-implausible",
        "deadline-passed",
        "decided-already",
        "nothing-to-change",
        "reason-needed",
    }
)


def tenant_of(number: str) -> Tenant:
    with access.acting_for(access.STAFF, reading=True):
        return customer.find(number)


def back(tenant: Tenant, part: str) -> HttpResponse:
    """Go back to a part of the tenant's page."""
    page = reverse("staff-tenant", kwargs={"number": tenant.number})
    return redirect(f"{page}#{part}")


def answer(
    request: PortalRequest,
    number: str,
    act: Callable[..., object],
    *,
    done: str,
    part: str,
) -> HttpResponse:
    """Answer what a tenant has asked for; `act` takes its id, by, at and reason."""
    tenant = tenant_of(number)
    now = timezone.now()  # noqa: TID251 - a door
    reason = request.POST.get("reason", "")
    try:
        act(tenant.pk, by=request.caller.name, at=now, reason=reason)
    except Refused as refusal:
        if refusal.code not in _LOOK_AGAIN:
            raise
        _, said = told(refusal)
        messages.error(request, f"{said['title']} {said['advice']}")
    else:
        messages.success(request, done)
    if request.POST.get("to") == "late":
        return redirect("staff-late")
    return back(tenant, part)
