"""Pages of the billing staff: sessions and security events of everybody."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from portal.accounts.caller import Permission
from portal.accounts.client_address import origin_of
from portal.db import unit_of_work
from portal.errors import Refused
from portal.http.middleware import PortalRequest
from portal.http.sheets import wanted_format, whole_sheet
from portal.models import EventKind, User
from portal.security_pages import queries
from portal.security_pages.end import EndedBy, end_of_anybody
from portal.security_pages.forms import event_filter, named_session
from portal.security_pages.presenters import shown_event, shown_events, shown_sessions
from portal.security_pages.views import ended_text
from portal.sheets.table import Cell, Table, shown_rows

# Tenants are in many zones.
ZONE = "UTC"

# Rows of a download. A day has far fewer.
MOST_EXPORTED = 10_000


@require_safe
def sessions(request: PortalRequest, user_id: int) -> HttpResponse:
    """Show where somebody is signed in."""
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        person = User.objects.filter(pk=user_id).first()
        if person is None:
            raise Refused("not-found")
        rows = queries.list_sessions(user_id, at=timezone.now())
    shown = {
        "person": person,
        "sessions": shown_sessions(rows, own=origin_of(request).session),
        "zone": ZONE,
        "may_act": Permission.STAFF_ACT in request.caller.permissions,
    }
    return render(request, "portal/security_pages/staff-sessions.html", shown)


@require_POST
def end_session(request: PortalRequest, user_id: int) -> HttpResponse:
    """End one session of somebody, or all."""
    only = named_session(request)
    by = EndedBy(request.caller.name, origin_of(request), timezone.now())
    with unit_of_work.acting_for(unit_of_work.STAFF):
        count = end_of_anybody(user_id, only=only, by=by)
    messages.success(request, ended_text(count))
    return redirect("staff-person-sessions", user_id=user_id)


@require_safe
def events(request: PortalRequest) -> HttpResponse:
    """Show what happened to all accounts, and to requests with tokens."""
    wanted = event_filter(request)
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        page = queries.all_events(wanted, request.GET.get("before", ""))
    shown = {
        "events": shown_events(page.rows),
        "next_key": page.next_key,
        "zone": ZONE,
        "wanted": wanted,
        "query": wanted.query,
        "kinds": EventKind.choices,
        "most": MOST_EXPORTED,
    }
    return render(request, "portal/security_pages/staff-events.html", shown)


@require_safe
def events_csv(request: PortalRequest) -> HttpResponse:
    """Return the newest events of a filter for spreadsheets."""
    wanted, sheet = event_filter(request), wanted_format(request)
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        rows = queries.newest_events(wanted, most=MOST_EXPORTED)
    heads = (
        gettext("Time"),
        gettext("Event"),
        gettext("Person"),
        gettext("Mail address"),
        gettext("By"),
        gettext("IP address"),
        gettext("Browser"),
        gettext("Details"),
        gettext("Session"),
    )
    table = Table(heads, shown_rows(rows, _cells), zone=ZONE)
    return whole_sheet(sheet, table, name=f"security-events.{sheet.ending}")


def _cells(row: Mapping[str, Any]) -> list[Cell]:
    one = shown_event(row)
    session = str(row["session"] or "")
    where: list[Cell] = [one.actor, one.address, one.browser, one.more, session]
    return [one.at, one.what, one.name, one.email, *where]
