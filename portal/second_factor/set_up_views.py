"""Pages that set factors up: an authenticator app, passkeys, recovery codes."""

import json
from base64 import b64encode
from datetime import datetime

from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.totp.internal.auth import generate_totp_secret
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from portal.accounts.client_address import origin_of
from portal.accounts.login_redirect import is_own_path
from portal.accounts.passkey_obstacle import passkey_obstacle
from portal.accounts.sign_in_facts import has_second_factor
from portal.errors import Refused
from portal.http.identify import has_signed_in_lately
from portal.http.middleware import PortalRequest
from portal.models import User
from portal.second_factor import change, passkeys, sql, text
from portal.second_factor.adapter import Factors
from portal.second_factor.change import AddedFactor
from portal.second_factor.forms import PasskeyForm
from portal.second_factor.present import (
    CodeRefusedError,
    count_try,
    match_in_time,
)
from portal.second_factor.presented_form import record_refused_passkey
from portal.second_factor.queries import factors_of, needs_factor, waits_until
from portal.second_factor.sealing import (
    FactorDoesNotOpenError,
    open_sealed,
    sealing_for,
)

# The kind under which a secret is sealed that travels in the page of the set-up, and
# the seconds for which that page works.
_SETTING_UP = "app being set up"
_SET_UP_WITHIN = 30 * 60


def set_up(request: PortalRequest) -> HttpResponse:
    """Show the choice of factors, also to somebody who lacks one."""
    user = person_of(request)
    at = timezone.now()
    until = waits_until(user.pk, at=at)
    if until is None:
        require_may_add(request, user)
    shown = {
        "next": next_of(request),
        "factors": factors_of(user.pk),
        "is_needed": needs_factor(user),
        "wait": text.wait_text(until) if until else "",
        "obstacle": passkey_obstacle(request.get_host()),
    }
    return render(request, "portal/second_factor/set-up.html", shown)


def set_up_app(request: PortalRequest) -> HttpResponse:
    """Show a new secret as QR code and text, and add the app once its code is right."""
    user = person_of(request)
    require_may_add(request, user)
    at = timezone.now()
    if factors_of(user.pk).app is not None:
        raise Refused("factor-exists")
    problem, secret = "", ""
    if request.method == "POST":
        secret = _opened(request.POST.get("sealed", ""), user, at=at)
        problem = str(text.REASONS["set-up-old"])
        if secret:
            try:
                return shown_codes(request, _add_app(request, user, secret, at=at))
            except CodeRefusedError as error:
                problem = text.refusal_text(error.reason, error.minutes)
    secret = secret or generate_totp_secret()
    adapter = Factors()
    shown = {
        "problem": problem,
        "next": next_of(request),
        "secret": " ".join(secret[i : i + 4] for i in range(0, len(secret), 4)),
        "sealed": _sealed(secret, user, at=at),
        "picture": _picture(adapter.build_totp_url(user, secret)),
    }
    return render(request, "portal/second_factor/set-up-app.html", shown)


def set_up_passkey(request: PortalRequest) -> HttpResponse:
    """Show the button that makes a passkey, and add what the browser has made."""
    user = person_of(request)
    require_may_add(request, user)
    obstacle = passkey_obstacle(request.get_host())
    form = PasskeyForm(request.POST or None)
    problem = ""
    if request.method == "POST" and form.is_valid():
        at = timezone.now()
        sent = form.cleaned_data["credential"]
        try:
            sealed = passkeys.finish_set_up(request.session, user, sent, at=at)
        except passkeys.PasskeyRefusedError:
            record_refused_passkey(request, user.pk, at=at)
            problem = str(text.REASONS["passkey-refused"])
        else:
            name = form.cleaned_data["name"]
            added = change.add_passkey(
                user, sealed, name=name, origin=origin_of(request), at=at
            )
            return shown_codes(request, added)
    shown = {
        "problem": problem,
        "form": form,
        "next": next_of(request),
        "obstacle": obstacle,
    }
    return render(request, "portal/second_factor/set-up-passkey.html", shown)


def set_up_passkey_options(request: PortalRequest) -> HttpResponse:
    """Return the options with which the browser makes a passkey."""
    user = person_of(request)
    require_may_add(request, user)
    at = timezone.now()
    return JsonResponse(passkeys.begin_set_up(request.session, user, at=at))


def person_of(request: PortalRequest) -> User:
    """Return the person of a request that the middleware has admitted."""
    user_id = request.caller.user_id
    if user_id is None:
        message = "This endpoint needs a person, but admitted a token."
        raise RuntimeError(message)
    return User.objects.get(pk=user_id)


def next_of(request: PortalRequest) -> str:
    """Return the page to go on to, by form or address; empty if it is not ours."""
    path = request.POST.get("next") or request.GET.get("next") or ""
    return path if is_own_path(path) else ""


def require_may_add(request: PortalRequest, user: User) -> None:
    """Let a person add a factor who has just signed in with all that they have.

    The endpoint cannot require it: it is open to people who lack a factor.

    Raises:
        Refused: the person has to present the second factor, or sign in again.

    """
    if request.caller.lacks_factor and has_second_factor(user.pk):
        raise Refused("second-factor-needed")
    if not has_signed_in_lately(request.caller):
        raise Refused("sign-in-not-fresh")


def shown_codes(request: PortalRequest, added: AddedFactor) -> HttpResponse:
    """Count a new factor as presented; show the recovery codes that came with it."""
    user = person_of(request)
    record_authentication(request, user, "mfa", id=added.factor_id, type=added.kind)
    if added.codes:
        shown = {"codes": _grouped(added.codes), "next": next_of(request)}
        return render(request, "portal/second_factor/recovery-codes.html", shown)
    next_path = next_of(request)
    if next_path:
        return redirect(next_path)
    return redirect(reverse("second-factor-manage", query={"done": "added"}))


def renew_codes(request: PortalRequest) -> HttpResponse:
    """Make new recovery codes in place of the old ones, and show them once."""
    at = timezone.now()
    codes = change.renew_codes(person_of(request), origin=origin_of(request), at=at)
    shown = {
        "codes": _grouped(codes),
        "next": reverse("second-factor-manage"),
        "is_new": True,
    }
    return render(request, "portal/second_factor/recovery-codes.html", shown)


def _add_app(
    request: PortalRequest, user: User, secret: str, *, at: datetime
) -> AddedFactor:
    origin = origin_of(request)
    count_try(user, origin=origin, at=at)
    digits = "".join(one for one in request.POST.get("code", "") if one.isdigit())
    match = match_in_time(secret, digits, at=at)
    sql.give_try_back(user.pk)
    return change.add_app(user, secret, counter=match.counter, origin=origin, at=at)


def _sealed(secret: str, user: User, *, at: datetime) -> str:
    """Return a secret that travels in the page: the database never has it unsealed."""
    with sealing_for(user.pk, _SETTING_UP):
        return Factors().encrypt(json.dumps([secret, at.timestamp()]))


def _opened(sealed: str, user: User, *, at: datetime) -> str:
    try:
        with sealing_for(user.pk, _SETTING_UP):
            secret, made_at = json.loads(open_sealed(sealed))
    except FactorDoesNotOpenError:
        return ""
    return str(secret) if at.timestamp() - made_at < _SET_UP_WITHIN else ""


def _grouped(codes: tuple[str, ...]) -> list[str]:
    return [" ".join(code[i : i + 4] for i in range(0, len(code), 4)) for code in codes]


def _picture(address: str) -> str:
    """Return the QR code of an app's address as a data URL, which the policy allows."""
    svg = Factors().build_totp_svg(address)
    # Cameras need the light around the code, which a dark page does not have.
    ground = '<rect width="100%" height="100%" fill="white"/>'
    svg = svg.replace("<path", f"{ground}<path", 1)
    return f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}"
