"""Who comes in at each address, and what they are told who may not.

What an address asks stands in `portal.http.permissions.PERMISSIONS`. The middleware
finds out who calls, by one rule (a token when there is an Authorization header, else
the session), and lets in or answers.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils import timezone

from portal.accounts import login_redirect, tokens
from portal.accounts.caller import SESSION_TENANT, Caller, Permission, user_caller
from portal.accounts.sessions import SessionStore
from portal.errors import Refused, Unavailable, error_document
from portal.http import no_store
from portal.http.permissions import ANYBODY, PERMISSIONS, SIGNED_IN, Requirement
from portal.models import User
from portal.tenants import expected_tenant, memberships

API = "/api/"

# A month of 62 files of 3 MB in one plain form, and room. Django writes all of it to
# the disk before any view sees it, so what is larger is not even begun.
LONGEST_FORM = 256 * 1024 * 1024

_JSON = "application/json"

# Refusals that no view of ours has made: an address that does not exist, a body that
# is not what its content type says.
_DJANGOS_REFUSALS: Mapping[int, Callable[[], Refused]] = {
    404: lambda: Refused("not-found"),
}


class PortalRequest(HttpRequest):
    """A request that has passed the door."""

    caller: Caller


def identify(request: HttpRequest) -> Caller | None:
    """Return who calls, None if nobody says so.

    Raises:
        Refused: a token that lets nobody in. The session is not tried then: who
            sends a token means the token.

    """
    header = request.headers.get("Authorization")
    if header is not None and request.path.startswith(API):
        scheme, _, secret = header.partition(" ")
        caller = None
        if scheme.lower() == "bearer":
            caller = tokens.find(secret.strip(" "), at=timezone.now())
        if caller is None:
            raise Refused("token-unknown")
        return caller
    if isinstance(request.user, User):
        if isinstance(request.session, SessionStore):
            request.session.renew(at=timezone.now())
        wanted = request.session.get(SESSION_TENANT)
        return user_caller(request.user, wanted_tenant=wanted)
    return None


def _view_name(request: HttpRequest) -> str:
    match = request.resolver_match
    return match.view_name if match else ""


def required_permission(view_name: str, method: str) -> Requirement:
    """Return what a door asks for.

    Raises:
        Refused: the address does not take the method, or is not registered.

    """
    methods = PERMISSIONS.get(view_name)
    if not methods:
        raise Refused("not-found")
    required = methods.get("GET" if method == "HEAD" else method)
    if required is None:
        raise Refused("method-unknown")
    return required


def _empty_response(_request: HttpRequest) -> HttpResponse:
    return HttpResponse()


class _CsrfCheck(CsrfViewMiddleware):
    def _reject(self, _request: HttpRequest, _reason: str) -> HttpResponse:
        raise Refused("csrf-missing")


class PermissionMiddleware:
    """Lets in, or answers in the door's own way: JSON for the API, a page else."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        # A cookie can say U+0000, for which PostgreSQL cannot be asked: it is nobody's.
        if "\0" in (request.session.session_key or ""):
            request.session = type(request.session)()
        if (
            not request.path.startswith(API)
            and _announced_length(request) > LONGEST_FORM
        ):
            limit = LONGEST_FORM // (1024 * 1024)
            return render_plain_error(request, Refused("form-too-large", limit=limit))
        method = request.method
        response = self._get_response(request)
        request.method = method
        return no_store.no_store(request, _as_api_error(request, response))

    def process_view(
        self,
        request: HttpRequest,
        _view: Callable[..., HttpResponseBase],
        _args: tuple[Any, ...],
        _kwargs: dict[str, Any],
    ) -> HttpResponseBase | None:
        name = _view_name(request)
        try:
            required = required_permission(name, request.method or "")
            if required != ANYBODY:
                _authorise(request, required)
        except (Refused, Unavailable) as problem:
            response = render_error(request, problem)
            if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
                response["Allow"] = ", ".join(PERMISSIONS[name])
            return response
        if request.method == "HEAD":
            # The API's router knows no HEAD; the web server leaves the body out.
            request.method = "GET"
        return None

    def process_exception(
        self, request: HttpRequest, exception: Exception
    ) -> HttpResponseBase | None:
        if isinstance(exception, Refused | Unavailable):
            return render_error(request, exception)
        return None


def _announced_length(request: HttpRequest) -> int:
    """Return how long the body says it is; without that Django reads nothing of it."""
    text = request.headers.get("Content-Length") or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0  # noqa: PLR2004 - longer than any length


def _as_api_error(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Say in the API's own form what Django refused by itself, with a page."""
    refusal = _DJANGOS_REFUSALS.get(response.status_code)
    is_page = not response.headers.get("Content-Type", "").startswith(_JSON)
    if refusal and is_page and request.path.startswith(API):
        return render_error(request, refusal())
    return response


def _authorise(request: HttpRequest, required: Requirement) -> None:
    caller = identify(request)
    if caller is None:
        raise Refused("sign-in-needed")
    # Also for who is refused: the page that says so is theirs. No view runs then.
    request.caller = caller  # type: ignore[attr-defined]  # PortalRequest from here on
    is_api = request.path.startswith(API)
    # Before the right to it, which may be another one where one acts now.
    expected_tenant.require(request, caller, is_form=not is_api)
    if required != SIGNED_IN and required not in caller.permissions:
        raise Refused("not-allowed")
    if is_api and caller.token_id is None and request.method not in login_redirect.SAFE:
        # The API's views are exempt from Django's check, for the tokens' sake.
        _CsrfCheck(_empty_response).process_view(request, _empty_response, (), {})


def render_error(request: HttpRequest, problem: Refused | Unavailable) -> HttpResponse:
    """Say what went wrong, whose turn it is, and what to do."""
    if request.path.startswith(API):
        return render_plain_error(request, problem)
    if problem.code == "sign-in-needed":
        return redirect(login_redirect.sign_in_address(request))
    _identify_for_page(request)
    status, body = error_document(problem)
    if problem.code == "not-allowed":
        body |= _who_can_help(request)
    return render(request, "portal/http/error.html", body, status=status)


def render_elsewhere(
    request: PortalRequest, *, has: Callable[[], bool]
) -> HttpResponse:
    """Answer a link to a thing that the present tenant does not have.

    If another tenant of the person has it, the page offers to switch there; else it is
    the plain *not found*. `has` says whether the thing is among the rows of the running
    unit of work, and is asked in one for each of the person's other tenants.
    """
    place = memberships.find_membership(request.caller, has)
    if place is None:
        return render_error(request, Refused("not-found"))
    shown = {"place": place, "next": request.get_full_path()}
    return render(
        request, "portal/http/elsewhere.html", shown, status=HTTPStatus.NOT_FOUND
    )


def _identify_for_page(request: HttpRequest) -> None:
    """Let the page around a refusal be the person's own, where no door was passed."""
    if not hasattr(request, "caller"):
        request.caller = identify(request)  # type: ignore[attr-defined]  # or None


def _who_can_help(request: HttpRequest) -> dict[str, Any]:
    caller: Caller = request.caller  # type: ignore[attr-defined]  # refused, so known
    required = required_permission(_view_name(request), request.method or "")
    if required in {Permission.STAFF_READ, Permission.STAFF_ACT}:
        return {"is_for_staff": True}
    return {"admins": memberships.admins_for(caller)}


def render_plain_error(
    request: HttpRequest, problem: Refused | Unavailable
) -> HttpResponse:
    """Say it without asking the database for anything, which may be what is wrong."""
    status, body = error_document(problem)
    response: HttpResponse
    if request.path.startswith(API):
        response = JsonResponse(body, status=status)
    else:
        page = render_to_string("portal/http/error.html", body)
        response = HttpResponse(page, status=status)
    if status == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = 'Bearer realm="usage portal"'
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response["Retry-After"] = "60"
    return response
