"""Pages of a sign-in: the second factor after the password, and a passkey alone."""

from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.internal.stagekit import clear_login
from allauth.account.models import Login
from allauth.account.stages import LoginStageController
from allauth.core.internal import ratelimit
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from portal.accounts.login_redirect import is_own_path
from portal.accounts.passkey_obstacle import passkey_obstacle
from portal.errors import Refused
from portal.models import User
from portal.second_factor import passkeys, text
from portal.second_factor.presented_form import (
    accept_factor,
    record_refused_passkey,
    ways,
)
from portal.second_factor.queries import factors_of
from portal.second_factor.stage import SecondFactorStage

_LIMIT = {"app": "allauth.mfa", "action": "webauthn_login"}


def second_factor(request: HttpRequest) -> HttpResponse:
    """Show and accept the second factor of a sign-in that has begun."""
    stage = LoginStageController.enter(request, SecondFactorStage.key)
    if stage is None:
        is_signed_in = request.user.is_authenticated
        return redirect("second-factor-manage" if is_signed_in else "sign-in")
    user: User = stage.login.user
    factors = factors_of(user.pk)
    goes_on = user.is_active and factors.seconds and stage.is_of_present_password()
    if not goes_on:
        # Closed, reset or with a new password meanwhile: the sign-in begins anew.
        clear_login(request)
        return redirect("sign-in")
    problem = ""
    if request.method == "POST":
        problem = accept_factor(request, user, at=timezone.now())
        if not problem:
            done: HttpResponse = stage.exit()
            return done
    shown = {"problem": problem, **ways(request, factors)}
    return render(request, "portal/second_factor/sign-in.html", shown)


def passkey_options(request: HttpRequest) -> HttpResponse:
    """Return the options of a passkey as second factor of a sign-in that has begun."""
    stage = LoginStageController.enter(request, SecondFactorStage.key)
    if stage is None:
        raise Refused("sign-in-needed")
    user_id = stage.login.user.pk
    at = timezone.now()
    return JsonResponse(passkeys.begin_presenting(request.session, user_id, at=at))


def sign_in_options(request: HttpRequest) -> HttpResponse:
    """Return the options of a sign-in by passkey alone."""
    limited = ratelimit.consume_or_429(request, **_LIMIT)
    if limited is not None:
        refused: HttpResponse = limited
        return refused
    at = timezone.now()
    return JsonResponse(passkeys.begin_presenting(request.session, None, at=at))


def sign_in_by_passkey(request: HttpRequest) -> HttpResponse:
    """Sign in a person by a passkey; it counts as both factors, and is never locked."""
    next_path = request.POST.get("next", "")
    if not is_own_path(next_path):
        next_path = ""
    if request.user.is_authenticated:
        return redirect(next_path or "home")
    sent, at = request.POST.get("credential", ""), timezone.now()
    try:
        row = passkeys.finish_presenting(request.session, None, sent, at=at)
    except passkeys.PasskeyRefusedError:
        record_refused_passkey(request, None, at=at)
        shown = {
            "problem": text.REASONS["passkey-refused"],
            "obstacle": passkey_obstacle(request.get_host()),
            "next": next_path,
        }
        return render(
            request, "portal/second_factor/passkey-refused.html", shown, status=403
        )
    user = User.objects.get(pk=row.user_id)
    record_authentication(
        request, user, "mfa", id=row.pk, type=row.type, passwordless=True
    )
    login = Login(user=user, email=user.email, redirect_url=next_path or None)
    signed_in: HttpResponse = perform_login(request, login)
    return signed_in
