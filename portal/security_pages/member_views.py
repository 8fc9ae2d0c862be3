"""Pages of tenant admins: sessions and security events of their people."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from portal.accounts.client_address import origin_of
from portal.db import unit_of_work
from portal.errors import Refused
from portal.http.middleware import PortalRequest
from portal.models import EventKind, Membership
from portal.security_pages import queries
from portal.security_pages.end import EndedBy, end_of_member
from portal.security_pages.forms import event_filter, named_session
from portal.security_pages.presenters import shown_events, shown_sessions
from portal.security_pages.views import ended_text, zone_of


@require_safe
def sessions(request: PortalRequest, user_id: int) -> HttpResponse:
    """Show where a member is signed in."""
    with unit_of_work.acting_for(request.caller.tenant, reading=True):
        found = Membership.objects.filter(user=user_id)
        person = found.values_list("user__name", "user__email").first()
        if person is None:
            raise Refused("not-found")
        rows = queries.list_sessions(user_id, at=timezone.now())
    name, email = person
    shown = {
        "name": name,
        "email": email,
        "user_id": user_id,
        "sessions": shown_sessions(rows, own=origin_of(request).session),
        "zone": zone_of(request),
    }
    return render(request, "portal/security_pages/member-sessions.html", shown)


@require_POST
def end_session(request: PortalRequest, user_id: int) -> HttpResponse:
    """End one session of a member, or all."""
    only = named_session(request)
    by = EndedBy(request.caller.name, origin_of(request), timezone.now())
    with unit_of_work.acting_for(request.caller.tenant):
        count = end_of_member(request.caller.tenant, user_id, only=only, by=by)
    messages.success(request, ended_text(count))
    return redirect("member-sessions", user_id=user_id)


@require_safe
def events(request: PortalRequest) -> HttpResponse:
    """Show what happened to the accounts of the tenant's people."""
    wanted = event_filter(request)
    with unit_of_work.acting_for(request.caller.tenant, reading=True):
        page = queries.all_events(wanted, request.GET.get("before", ""))
    shown = {
        "events": shown_events(page.rows),
        "next_key": page.next_key,
        "zone": zone_of(request),
        "wanted": wanted,
        "query": wanted.query,
        "kinds": EventKind.choices,
    }
    return render(request, "portal/security_pages/member-events.html", shown)
