"""Authenticates and authorises each request, and renders refusals.

`portal.http.endpoints.ENDPOINTS` says who may call each endpoint, and with which body.
The middleware identifies the caller by one rule (at the API, the token if
there is an Authorization header, else the session), and lets the request in or answers
it with a refusal. It comes before everything that reads a body, Django's check of the
CSRF token included.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.shortcuts import redirect, render
from django.template.loader import render_to_string

from portal.accounts import known_browsers, login_redirect, token_sign_in
from portal.accounts.caller import Caller, Permission
from portal.accounts.request_limits import TOO_MANY
from portal.errors import Refused, Unavailable, error_document
from portal.http import body_slots, no_store, request_bodies, sign_in_again
from portal.http.endpoint_types import (
    ANYBODY,
    SIGNED_IN,
    BodyKind,
    Endpoint,
)
from portal.http.endpoints import ENDPOINTS
from portal.http.identify import (
    has_signed_in_lately,
    identify,
    identify_person,
    is_of_api,
    record_refusal,
)
from portal.http.plain_http import has_secret_in_the_clear
from portal.http.way_back import page_above
from portal.tenants import expected_tenant, memberships

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


def _view_name(request: HttpRequest) -> str:
    match = request.resolver_match
    return match.view_name if match else ""


def find_endpoint(view_name: str, method: str) -> Endpoint:
    """Return the declaration of an endpoint.

    Raises:
        Refused: the address does not take the method, or is not registered.

    """
    methods = ENDPOINTS.get(view_name)
    if not methods:
        raise Refused("not-found")
    endpoint = methods.get("GET" if method == "HEAD" else method)
    if endpoint is None:
        raise Refused("method-unknown")
    return endpoint


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
        if has_secret_in_the_clear(request):
            return render_plain_error(request, Refused("https-needed"))
        method = request.method
        try:
            response = self._get_response(request)
        finally:
            body_slots.release(request)
        request.method = method
        known_browsers.set_cookie(request, response)
        # No page of another site needs the portal's responses.
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
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
            endpoint = find_endpoint(name, request.method or "")
            request_bodies.require(request, endpoint)
            if endpoint.permission != ANYBODY:
                _authorise(request, endpoint)
        except (Refused, Unavailable) as problem:
            response = render_error(request, problem)
            if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
                response["Allow"] = ", ".join(ENDPOINTS[name])
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


def _as_api_error(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Replace an error page that Django made itself by the API's error document."""
    refusal = _DJANGOS_REFUSALS.get(response.status_code)
    is_page = not response.headers.get("Content-Type", "").startswith(_JSON)
    if refusal and is_page and is_of_api(request):
        return render_error(request, refusal())
    return response


def _authorise(request: HttpRequest, endpoint: Endpoint) -> None:
    """Authorise a request by its head; only then read the tenant that a form names."""
    caller = identify(request, endpoint)
    if caller is None:
        raise Refused("sign-in-needed")
    # Set also for a refused caller: the error page shows their name. No view runs then.
    request.caller = caller  # type: ignore[attr-defined]  # PortalRequest from here on
    # Before the permission, which may differ in the tenant the caller acts for now.
    expected_tenant.require_by_header(request, caller)
    required = endpoint.permission
    if endpoint.needs_factors and caller.lacks_factor:
        raise Refused("second-factor-needed")
    if required != SIGNED_IN and required not in caller.permissions:
        record_refusal(request, caller)
        raise Refused("not-allowed")
    if endpoint.is_fresh and not has_signed_in_lately(caller):
        raise Refused("sign-in-not-fresh")
    is_changing = request.method not in login_redirect.SAFE
    if is_changing and caller.token_id is None and is_of_api(request):
        # Views of the API are exempt from Django's check, also those for people alone.
        _CsrfCheck(_empty_response).process_view(request, _empty_response, (), {})
    body_slots.take(request, endpoint, caller)
    if endpoint.body in {BodyKind.FORM, BodyKind.FILES}:
        expected_tenant.require_by_form(request, caller)


def render_error(request: HttpRequest, problem: Refused | Unavailable) -> HttpResponse:
    """Render a refusal: what went wrong, whose turn it is, and what to do."""
    if is_of_api(request) and not _is_opened_in_browser(request):
        return render_plain_error(request, problem)
    if problem.code == "sign-in-needed":
        return redirect(login_redirect.sign_in_address(request))
    if problem.code == "second-factor-needed":
        caller: Caller = request.caller  # type: ignore[attr-defined]  # refused, so known
        return sign_in_again.factor_page(request, caller)
    if problem.code == "sign-in-not-fresh":
        return _confirm_page(request)
    _identify_for_page(request)
    status, body = error_document(problem)
    if problem.code == "not-allowed":
        body |= _role_contacts(request)
    if problem.code == "method-unknown":
        body |= {"page_above": page_above(request.path_info)}
    response = render(request, "portal/http/error.html", body, status=status)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response["Retry-After"] = _RETRY_AFTER
    return response


def _confirm_page(request: HttpRequest) -> HttpResponse:
    """Ask the person to confirm their identity; of forms only those of our pages."""
    if request.method not in login_redirect.SAFE:
        try:
            _CsrfCheck(_empty_response).process_view(request, _empty_response, (), {})
        except Refused as problem:
            return render_error(request, problem)
    return sign_in_again.confirm_page(request)


def render_session_ended(request: HttpRequest) -> HttpResponse:
    """Answer a request whose session was ended while it was running.

    What the request has done stays; what it would have stored in the session is gone.
    """
    problem = Refused("sign-in-needed")
    if is_of_api(request):
        return render_plain_error(request, problem)
    request.session = type(request.session)()
    response = redirect(login_redirect.sign_in_address(request))
    response.delete_cookie(settings.SESSION_COOKIE_NAME, samesite="Lax")
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
    header = token_sign_in.header_for_portal(request.headers.get("Authorization"))
    return is_reading and header is None and is_browser


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
        request.caller = identify_person(request)  # type: ignore[attr-defined]  # or None


def _role_contacts(request: HttpRequest) -> dict[str, Any]:
    caller: Caller = request.caller  # type: ignore[attr-defined]  # refused, so known
    required = find_endpoint(_view_name(request), request.method or "").permission
    if required in {Permission.STAFF_READ, Permission.STAFF_ACT}:
        return {"is_for_staff": True}
    return {"admins": memberships.admins_for(caller)}


def render_plain_error(
    request: HttpRequest, problem: Refused | Unavailable
) -> HttpResponse:
    """Render a refusal without the database, which may be the cause of it."""
    status, body = error_document(problem)
    response: HttpResponse
    if is_of_api(request):
        response = JsonResponse(body, status=status)
    else:
        page = render_to_string("portal/http/error.html", body)
        response = HttpResponse(page, status=status)
    if status == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = 'Bearer realm="usage portal"'
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response["Retry-After"] = _RETRY_AFTER
    elif problem.code == TOO_MANY:
        response["Retry-After"] = str(problem.params["seconds"])
    return response
