"""The page on which a person confirms their identity, for what needs a fresh sign-in.

A form that was refused for want of it is shown again, filled, for the person to send:
nothing of it is kept or sent by the portal.
"""

from http import HTTPStatus
from typing import Any

from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import Resolver404, resolve
from django.utils import timezone

from portal.accounts.client_address import origin_of
from portal.accounts.login_redirect import is_own_path, page_of
from portal.http.endpoint_types import PLAIN_FORM
from portal.http.endpoints import ENDPOINTS
from portal.http.middleware import PortalRequest
from portal.http.way_back import page_above
from portal.models import EventKind
from portal.second_factor import carried_form, passkeys
from portal.second_factor.carried_form import CarriedForm
from portal.second_factor.presented_form import (
    accept_factor,
    accept_password,
    ways,
)
from portal.second_factor.queries import factors_of, needs_factor
from portal.second_factor.set_up_views import next_of, person_of
from portal.security_events.record import record


def confirm(request: PortalRequest, *, is_refused_form: bool = False) -> HttpResponse:
    """Ask for the strongest factor that the person has, and go on afterwards.

    Args:
        request: to this address; or the form of another one that the middleware has
            refused, after the check of its CSRF token.
        is_refused_form: the second.

    """
    if is_refused_form:
        carried, page = _carried(request), _page_of(request)
        return _ask(request, carried, next_path=page, status=HTTPStatus.FORBIDDEN)
    carried, next_path = _sent_along(request), next_of(request)
    if request.method != "POST":
        return _ask(request, None, next_path=next_path)
    user, at = person_of(request), timezone.now()
    accept = accept_factor if factors_of(user.pk).seconds else accept_password
    problem = accept(request, user, at=at)
    if problem:
        return _ask(request, carried, next_path=next_path, problem=problem)
    kind = EventKind.SIGNED_IN_AGAIN
    record(kind, origin=origin_of(request), at=at, user_id=user.pk)
    if carried is None:
        return redirect(next_path or "home")
    return render(request, "portal/second_factor/send-again.html", {"form": carried})


def confirm_options(request: PortalRequest) -> HttpResponse:
    """Return the options of a passkey that confirms the identity."""
    at, user_id = timezone.now(), person_of(request).pk
    return JsonResponse(passkeys.begin_presenting(request.session, user_id, at=at))


def _ask(
    request: PortalRequest,
    carried: CarriedForm | None,
    *,
    next_path: str,
    problem: str = "",
    status: int = HTTPStatus.OK,
) -> HttpResponse:
    user = person_of(request)
    factors = factors_of(user.pk)
    shown: dict[str, Any] = {
        "carried": carried.as_text() if carried else "",
        "next": next_path,
        "problem": problem,
        "has_second": bool(factors.seconds),
        "is_first_step": not factors.seconds and needs_factor(user),
        "is_refused": status == HTTPStatus.FORBIDDEN,
        **ways(request, factors),
    }
    return render(request, "portal/second_factor/confirm.html", shown, status=status)


def _carried(request: PortalRequest) -> CarriedForm | None:
    """Return the refused form to carry; None if it is too large or not fresh."""
    action = request.get_full_path()
    length = int(request.headers.get("Content-Length") or 0)
    if length > PLAIN_FORM or not _is_carried(action):
        return None
    fields = [
        (name, one) for name in request.POST for one in request.POST.getlist(name)
    ]
    is_multipart = (request.content_type or "").startswith("multipart/")
    return carried_form.carry(
        action,
        page=_page_of(request),
        fields=fields,
        has_files=is_multipart and bool(request.FILES),
    )


def _sent_along(request: PortalRequest) -> CarriedForm | None:
    carried = carried_form.from_text(request.POST.get("carried", ""))
    if carried is None or not _is_carried(carried.action):
        return None
    return carried if is_own_path(carried.page) else None


def _is_carried(action: str) -> bool:
    """Return whether an address is ours, and its form needs a fresh sign-in."""
    if not is_own_path(action):
        return False
    try:
        name = resolve(carried_form.path_of(action)).view_name
    except Resolver404:
        return False
    endpoint = ENDPOINTS.get(name, {}).get("POST")
    return endpoint is not None and endpoint.is_fresh


def _page_of(request: PortalRequest) -> str:
    """Return the page that a refused form is on."""
    return page_of(request) or page_above(request.path_info)
