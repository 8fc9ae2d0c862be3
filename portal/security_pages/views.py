"""Pages of a person: their own sessions and security events."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from portal.accounts.client_address import origin_of
from portal.accounts.end_sessions import EndReason, end_and_record
from portal.db import unit_of_work
from portal.errors import Refused
from portal.http.middleware import PortalRequest
from portal.models import Tenant
from portal.security_pages import queries
from portal.security_pages.forms import named_session
from portal.security_pages.presenters import shown_events, shown_sessions


@require_safe
def sessions(request: PortalRequest) -> HttpResponse:
    """Show where the caller is signed in."""
    rows = queries.list_sessions(_person(request), at=timezone.now())
    own = origin_of(request).session
    shown = {"sessions": shown_sessions(rows, own=own), "zone": zone_of(request)}
    return render(request, "portal/security_pages/sessions.html", shown)


@require_POST
def end_session(request: PortalRequest) -> HttpResponse:
    """End one session of the caller, or all others.

    No recent sign-in is needed: whoever finds a stranger's session must be quick, and
    ending one harms nobody.
    """
    only, origin = named_session(request), origin_of(request)
    count = end_and_record(
        _person(request),
        only=only,
        but=origin.session if only is None else None,
        reason=EndReason.PERSON,
        origin=origin,
        at=timezone.now(),
    )
    messages.success(request, ended_text(count))
    return redirect("sessions-page")


@require_safe
def events(request: PortalRequest) -> HttpResponse:
    """Show what happened to the caller's account."""
    page = queries.own_events(_person(request), request.GET.get("before", ""))
    shown = {
        "events": shown_events(page.rows),
        "next_key": page.next_key,
        "zone": zone_of(request),
    }
    return render(request, "portal/security_pages/own-events.html", shown)


def ended_text(count: int) -> str:
    """Return how many sessions have ended."""
    if count == 0:
        return gettext("This session had ended already.")
    if count == 1:
        return gettext("1 session has ended.")
    return gettext("%(count)s sessions have ended.") % {"count": count}


def zone_of(request: PortalRequest) -> str:
    """Return the zone of the caller's tenant, UTC without one."""
    tenant_id = request.caller.tenant_id
    if tenant_id is None:
        return "UTC"
    with unit_of_work.acting_for(tenant_id, reading=True):
        return Tenant.objects.get().zone


def _person(request: PortalRequest) -> int:
    if request.caller.user_id is None:
        raise Refused("not-found")
    return request.caller.user_id
