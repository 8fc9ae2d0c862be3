"""Shared helpers of staff actions on one tenant: lookup, error messages, redirect."""

from collections.abc import Callable
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from billing.lateness.queries import FlagFilter
from billing.staff import tenant_head
from portal.approvals import optional
from portal.db import unit_of_work
from portal.errors import Refused, error_document
from portal.http.middleware import PortalRequest
from portal.models import Tenant

# Refusals shown as a message on the originating page; others have an error page.
_LOOK_AGAIN = frozenset(
    {
        "deadline-implausible",
        "deadline-passed",
        "decided-already",
        "nothing-to-change",
        "reason-needed",
        "sealing-key-needed",
    }
)

# Length of a period's name.
_PERIOD = 7


def tenant_of(number: str) -> Tenant:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        return tenant_head.find_tenant(number)


def _narrowed(given: QueryDict) -> tuple[str, str]:
    """Return the kind and the period that the page *Late* is filtered by, or empty."""
    kind = given.get("kind", "")
    period = given.get("period", "").replace("\0", "")
    return (kind if kind in set(FlagFilter) else ""), period[:_PERIOD]


def back(
    request: PortalRequest,
    number: str,
    *,
    tab: str = tenant_head.DECIDE,
    period: object = "",
) -> HttpResponse:
    """Redirect to the top of the originating page, where the message is shown.

    That page is *Late* with its filters, or the tenant's tab with the form, which shows
    `period`: `tab`, or *Period*, which has some of the forms of a new tenant.
    """
    to = request.POST.get("to")
    if to == "late":
        page = reverse("staff-late")
        kind, of_period = _narrowed(QueryDict(request.POST.get("kept", "")))
        parameters = {"kind": kind, "period": of_period}
    else:
        tab = tenant_head.PERIOD if to == "period" else tab
        page = reverse(tab, kwargs={"number": number})
        parameters = {"period": str(period)}
    query = urlencode({name: value for name, value in parameters.items() if value})
    return redirect(f"{page}?{query}" if query else page)


def run_action(
    request: PortalRequest,
    number: str,
    act: Callable[..., object],
    *,
    done: str,
    tab: str = tenant_head.DECIDE,
    period: object = "",
) -> HttpResponse:
    """Run an action on a tenant; `act` takes the tenant's id, by, at and reason."""
    tenant = tenant_of(number)
    now = timezone.now()
    reason = optional(request.POST.get("reason", ""))
    try:
        act(tenant.pk, by=request.caller.name, at=now, reason=reason)
    except Refused as refusal:
        if refusal.code not in _LOOK_AGAIN:
            raise
        _, document = error_document(refusal)
        messages.error(request, f"{document['title']} {document['advice']}")
    else:
        messages.success(request, done)
    return back(request, number, tab=tab, period=period)
