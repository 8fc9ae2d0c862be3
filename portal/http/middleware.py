"""Authenticates and authorises each request, and renders refusals.

`portal.http.permissions.PERMISSIONS` lists the permission that each endpoint requires.
The middleware identifies the caller by one rule (the token if there is an Authorization
header, else the session), and lets the request in or answers it with a refusal.
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

# A month of 62 files of 3 MB in one plain form, and room. Django writes the whole form
# to disk before any view runs, so a larger form is refused before it is read.
LONGEST_FORM = 256 * 1024 * 1024

# Seconds after which a client may try again.
_RETRY_AFTER = "60"

_JSON, _HTML, _XHTML = "application/json", "text/html", "application/xhtml+xml"

# Refusals by Django instead of a view of ours: an address that does not exist, a body
# that does not match its content type.
_DJANGOS_REFUSALS: Mapping[int, Callable[[], Refused]] = {
    404: lambda: Refused("not-found"),
}


class PortalRequest(HttpRequest):
    """A request that the middleware has authorised."""

    caller: Caller


def identify(request: HttpRequest) -> Caller | None:
    """Return the caller of a request, None if it names none.

    Raises:
        Refused: the token is not valid. The session is not tried then: a client that
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
    """Return the permission that an endpoint requires.

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
    """Authorises requests, or refuses them: with JSON for programs, else a page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        # A cookie can contain U+0000, which PostgreSQL refuses in a query: no session
        # has such a key.
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
    """Return the Content-Length; without one (0) Django reads nothing of the body."""
    text = request.headers.get("Content-Length") or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0  # noqa: PLR2004 - longer than any length


def _as_api_error(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Replace an error page that Django made itself by the API's error document."""
    refusal = _DJANGOS_REFUSALS.get(response.status_code)
    is_page = not response.headers.get("Content-Type", "").startswith(_JSON)
    if refusal and is_page and request.path.startswith(API):
        return render_error(request, refusal())
    return response


def _authorise(request: HttpRequest, required: Requirement) -> None:
    caller = identify(request)
    if caller is None:
        raise Refused("sign-in-needed")
    # Set also for a refused caller: the error page shows their name. No view runs then.
    request.caller = caller  # type: ignore[attr-defined]  # PortalRequest from here on
    is_api = request.path.startswith(API)
    # Before the permission, which may differ in the tenant the caller acts for now.
    expected_tenant.require(request, caller, is_form=not is_api)
    if required != SIGNED_IN and required not in caller.permissions:
        raise Refused("not-allowed")
    if is_api and caller.token_id is None and request.method not in login_redirect.SAFE:
        # The API's views are exempt from Django's check, for the tokens' sake.
        _CsrfCheck(_empty_response).process_view(request, _empty_response, (), {})


def render_error(request: HttpRequest, problem: Refused | Unavailable) -> HttpResponse:
    """Render a refusal: what went wrong, whose turn it is, and what to do."""
    if request.path.startswith(API) and not _is_opened_in_browser(request):
        return render_plain_error(request, problem)
    if problem.code == "sign-in-needed":
        return redirect(login_redirect.sign_in_address(request))
    _identify_for_page(request)
    status, body = error_document(problem)
    if problem.code == "not-allowed":
        body |= _role_contacts(request)
    response = render(request, "portal/http/error.html", body, status=status)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response["Retry-After"] = _RETRY_AFTER
    return response


def _is_opened_in_browser(request: HttpRequest) -> bool:
    """Return whether a person has opened an address of the API, such as a download.

    Browsers say that they navigate, or prefer XHTML; scripts and programs do not.
    """
    is_reading = request.method in login_redirect.SAFE
    is_browser = request.headers.get("Sec-Fetch-Mode") == "navigate" or (
        _XHTML in request.headers.get("Accept", "")
        and request.get_preferred_type([_JSON, _HTML]) == _HTML
    )
    return is_reading and "Authorization" not in request.headers and is_browser


def render_elsewhere(
    request: PortalRequest, *, has: Callable[[], bool]
) -> HttpResponse:
    """Answer a link to a thing that the present tenant does not have.

    If another tenant of the person has it, the page offers to switch there; else it is
    the plain *not found*. `has` returns True if the thing is among the rows of the
    running unit of work, and is called in one for each of the person's other tenants.
    """
    membership = memberships.find_membership(request.caller, has)
    if membership is None:
        return render_error(request, Refused("not-found"))
    shown = {"membership": membership, "next": request.get_full_path()}
    return render(
        request, "portal/http/elsewhere.html", shown, status=HTTPStatus.NOT_FOUND
    )


def _identify_for_page(request: HttpRequest) -> None:
    """Set the caller for the page around a refusal, if no view was authorised."""
    if not hasattr(request, "caller"):
        request.caller = identify(request)  # type: ignore[attr-defined]  # or None


def _role_contacts(request: HttpRequest) -> dict[str, Any]:
    caller: Caller = request.caller  # type: ignore[attr-defined]  # refused, so known
    required = required_permission(_view_name(request), request.method or "")
    if required in {Permission.STAFF_READ, Permission.STAFF_ACT}:
        return {"is_for_staff": True}
    return {"admins": memberships.admins_for(caller)}


def render_plain_error(
    request: HttpRequest, problem: Refused | Unavailable
) -> HttpResponse:
    """Render a refusal without the database, which may be the cause of it."""
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
        response["Retry-After"] = _RETRY_AFTER
    return response
