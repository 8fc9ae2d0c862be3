"""Views that all apps share: home, switching tenants, error pages."""

import sys

from django.conf import settings
from django.contrib.sessions.exceptions import SessionInterrupted
from django.core.exceptions import TooManyFilesSent
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.utils import timezone

from portal.accounts.caller import SESSION_TENANT, Permission
from portal.accounts.login_redirect import is_own_path
from portal.db import unit_of_work
from portal.errors import Refused, Unavailable
from portal.http.middleware import (
    PortalRequest,
    render_error,
    render_plain_error,
    render_session_ended,
)
from portal.pages.tiles import Tile, TileState, tiles_for
from portal.tenants import memberships


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a malformed request: a wrong host name, an unreadable form."""
    if isinstance(exception, TooManyFilesSent):
        limit = settings.DATA_UPLOAD_MAX_NUMBER_FILES
        return render_plain_error(request, Refused("too-many-files", limit=limit))
    if isinstance(exception, SessionInterrupted):
        return render_session_ended(request)
    return render_plain_error(request, Refused("request-malformed"))


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer an unexpected error, as JSON in the API and as a page elsewhere.

    A database that has no connection left or is being restarted has a text of its own:
    the error passes by itself.
    """
    is_database = isinstance(sys.exc_info()[1], OperationalError)
    problem = Unavailable("busy") if is_database else Unavailable("failed")
    return render_plain_error(request, problem)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 - Django gives it
    """Answer a form that no page of ours has made, or one that has become too old."""
    return render_error(request, Refused("csrf-missing"))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django gives it
    """Answer an address that does not exist."""
    return render_error(request, Refused("not-found"))


def too_many_requests(request: HttpRequest) -> HttpResponse:
    """Answer a client that has sent a form more often than people do."""
    return render_error(request, Refused("too-often"))


def favicon(_request: HttpRequest) -> HttpResponse:
    """Redirect to the icon, which browsers request unasked beside a download.

    A *not found* page would set another CSRF cookie than the page has that they are
    opening in the same moment.
    """
    return redirect(static("portal/icon.svg"))


def home(request: PortalRequest) -> HttpResponse:
    """Show the tiles that the caller may use, each with its present state."""
    is_staff = Permission.STAFF_READ in request.caller.permissions
    if is_staff and request.caller.tenant_id is None:
        return redirect("staff-desk")
    now = timezone.now()
    shown: list[tuple[Tile, TileState]] = []
    if request.caller.tenant_id is not None:
        with unit_of_work.acting_for(request.caller.tenant, reading=True):
            shown = [
                (tile, tile.load_state(request.caller, now))
                for tile in tiles_for(request.caller)
            ]
    return render(request, "portal/pages/home.html", {"tiles": shown})


def signed_in(request: PortalRequest) -> HttpResponse:
    """Show that signing in worked, in a window beside a page that waits for it.

    That page passes its tenant as `for`: a new session begins with the person's first
    one.
    """
    wanted = request.GET.get("for", "")
    others = [
        one
        for one in memberships.memberships_of(request.caller)
        if wanted == str(one.tenant_id) != str(request.caller.tenant_id)
    ]
    shown = {
        "membership": others[0] if others else None,
        "next": request.get_full_path(),
    }
    return render(request, "portal/pages/signed-in.html", shown)


def switch(request: PortalRequest) -> HttpResponse:
    """Show the tenants of a person, and switch to the one they choose."""
    if request.method == "POST":
        wanted = request.POST.get("tenant", "")
        request.session[SESSION_TENANT] = memberships.require(request.caller, wanted)
        next_path = request.POST.get("next", "")
        return redirect(next_path if is_own_path(next_path) else "home")
    return render(
        request,
        "portal/pages/switch.html",
        {"memberships": memberships.memberships_of(request.caller)},
    )
