"""Views of an invitation's link: anybody with the link can read the invitation.

Loading the page changes nothing: mail scanners open links before people do.
"""

from typing import Any

from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.models import Login
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from portal.accounts.caller import SESSION_TENANT
from portal.accounts.client_address import origin_of
from portal.accounts.login_redirect import sign_in_address
from portal.errors import Refused, error_document
from portal.http.identify import identify_person
from portal.http.middleware import PortalRequest
from portal.models import EventKind, Invitation, User
from portal.people import accept
from portal.people.accept import ExaminedLink
from portal.people.forms import AccountForm
from portal.people.text import granted_text
from portal.security_events.record import record

_UNPROCESSABLE = 422


@sensitive_post_parameters("password1", "password2")
@require_http_methods(["GET", "POST"])
def invitation_page(request: HttpRequest, secret: str) -> HttpResponseBase:
    """Show who invites to what; with POST create the account of a new person."""
    caller = identify_person(request)
    request.caller = caller  # type: ignore[attr-defined]  # for the page around it
    user_id = caller.user_id if caller else None
    found = accept.examine(secret, user_id=user_id, at=timezone.now())
    if found.problem or found.invitation is None:
        return _refuse(request, Refused(found.problem), user_id=user_id)
    form = _account_form(request, found.invitation)
    if form.is_bound and form.is_valid() and caller is None:
        try:
            return _create_account(request, secret, form)
        except Refused as refusal:
            return _refuse(request, refusal, user_id=None)
        except ValidationError as error:
            form.add_error("name", error.messages)
    return _page(request, found, form)


@require_POST
def accept_invitation(request: PortalRequest, secret: str) -> HttpResponse:
    """Accept an invitation as the person who is signed in."""
    user_id = request.caller.user_id
    if user_id is None:
        raise Refused("not-found")
    try:
        invitation = accept.accept(secret, user_id=user_id, at=timezone.now())
    except Refused as refusal:
        return _refuse(request, refusal, user_id=user_id)
    if invitation.tenant_id is not None:
        request.session[SESSION_TENANT] = invitation.tenant_id
    text = gettext("You have accepted the invitation. Your role: %(role)s.")
    messages.success(request, text % {"role": granted_text(invitation)})
    return redirect("home")


def _account_form(request: HttpRequest, invitation: Invitation) -> AccountForm:
    data = request.POST if request.method == "POST" else None
    return AccountForm(data, address=invitation.address, name=invitation.name)


def _create_account(
    request: HttpRequest, secret: str, form: AccountForm
) -> HttpResponseBase:
    user = accept.accept_as_new(
        secret,
        name=form.cleaned_data["name"],
        password=form.cleaned_data["password1"],
        at=timezone.now(),
    )
    return _sign_in(request, user)


def _sign_in(request: HttpRequest, user: User) -> HttpResponseBase:
    """Sign in a person who has just proved the address and chosen a password."""
    record_authentication(request, user, method="password", email=user.email)
    response: HttpResponseBase = perform_login(
        request, Login(user=user, email=user.email)
    )
    return response


def _page(request: HttpRequest, found: ExaminedLink, form: AccountForm) -> HttpResponse:
    invitation = found.invitation
    shown: dict[str, Any] = {
        "invitation": invitation,
        "company": invitation.tenant if invitation else None,
        "role": granted_text(invitation) if invitation else "",
        "has_account": found.has_account,
        "form": form,
        "sign_in": sign_in_address(request),
    }
    status = _UNPROCESSABLE if form.is_bound and form.errors else 200
    response = render(request, "portal/people/invitation.html", shown, status=status)
    add_never_cache_headers(response)
    return response


def _refuse(
    request: HttpRequest, refusal: Refused, *, user_id: int | None
) -> HttpResponse:
    """Answer a link that does not work; the page shows nothing of the invitation."""
    record(
        EventKind.LINK_REFUSED,
        origin=origin_of(request),
        at=timezone.now(),
        user_id=user_id,
        details={"link": "invitation", "reason": refusal.code},
    )
    status, document = error_document(refusal)
    response = render(
        request, "portal/people/refused-link.html", document, status=status
    )
    add_never_cache_headers(response)
    return response
