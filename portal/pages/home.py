"""The pages that belong to no single app: home, and what went wrong."""

import sys

from django.conf import settings
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
from portal.http.middleware import PortalRequest, render_error, render_plain_error
from portal.pages.tiles import Tile, TileState, tiles_for
from portal.tenants import memberships


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that is none: a wrong host name, an unreadable form."""
    if isinstance(exception, TooManyFilesSent):
        limit = settings.DATA_UPLOAD_MAX_NUMBER_FILES
        return render_plain_error(request, Refused("too-many-files", limit=limit))
    return render_plain_error(request, Refused("request-malformed"))


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer what nobody foresaw, in the door's own way.

    Where the database has no connection left or is being restarted, that is said
    apart: it passes by itself.
    """
    is_database = isinstance(sys.exc_info()[1], OperationalError)
    problem = Unavailable("busy") if is_database else Unavailable("failed")
    return render_plain_error(request, problem)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 - Django gives it
    """Answer a form that no page of ours has made, or one that has become too old."""
    return render_error(request, Refused("csrf-missing"))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django gives it
    """Answer an address that there is not."""
    return render_error(request, Refused("not-found"))


def too_many_requests(request: HttpRequest) -> HttpResponse:
    """Answer who has sent a form more often than people do."""
    return render_error(request, Refused("too-often"))


def favicon(_request: HttpRequest) -> HttpResponse:
    """Lead to the icon whoever asks for it unasked, as browsers do beside a download.

    The page of an address that there is not would give them another cookie for forms
    than the page has that they are opening in the same moment.
    """
    return redirect(static("portal/icon.svg"))


def home(request: PortalRequest) -> HttpResponse:
    """Show the tiles that the caller may use, each with what it says now."""
    is_staff = Permission.STAFF_READ in request.caller.permissions
    if is_staff and request.caller.tenant_id is None:
        return redirect("staff-desk")
    now = timezone.now()
    shown: list[tuple[Tile, TileState]] = []
    if request.caller.tenant_id is not None:
        with unit_of_work.acting_for(request.caller.tenant, reading=True):
            shown = [(tile, tile.say(now)) for tile in tiles_for(request.caller)]
    return render(request, "portal/pages/home.html", {"tiles": shown})


def signed_in(request: PortalRequest) -> HttpResponse:
    """Say that signing in worked, in a window beside a page that waits for it.

    That page says in `for` which tenant it works for: a new session begins with the
    person's first one.
    """
    wanted = request.GET.get("for", "")
    there = [
        place
        for place in memberships.memberships_of(request.caller)
        if wanted == str(place.tenant_id) != str(request.caller.tenant_id)
    ]
    shown = {"place": there[0] if there else None, "next": request.get_full_path()}
    return render(request, "portal/pages/signed-in.html", shown)


def switch(request: PortalRequest) -> HttpResponse:
    """Show the tenants of a person, and go over to the one they choose."""
    if request.method == "POST":
        wanted = request.POST.get("tenant", "")
        request.session[SESSION_TENANT] = memberships.require(request.caller, wanted)
        way = request.POST.get("next", "")
        return redirect(way if is_own_path(way) else "home")
    return render(
        request,
        "portal/pages/switch.html",
        {"places": memberships.memberships_of(request.caller)},
    )
