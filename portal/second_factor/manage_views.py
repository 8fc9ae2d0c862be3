"""The page of a person's own factors, and what it removes and renames."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from portal.accounts.client_address import origin_of
from portal.accounts.passkey_obstacle import passkey_obstacle
from portal.accounts.sign_in_facts import forget_second_factor
from portal.errors import Refused
from portal.http.middleware import PortalRequest
from portal.second_factor import change
from portal.second_factor.forms import FactorForm, PasskeyNameForm
from portal.second_factor.queries import CODES, factors_of, needs_factor
from portal.second_factor.set_up_views import person_of


def manage(request: PortalRequest) -> HttpResponse:
    """List the person's factors, with what can be done to each."""
    user = person_of(request)
    factors = factors_of(user.pk)
    is_needed = needs_factor(user)
    shown = {
        "factors": factors,
        "is_needed": is_needed,
        "may_remove": len(factors.seconds) > 1 or not is_needed,
        "codes": CODES,
        "done": request.GET.get("done", ""),
        "obstacle": passkey_obstacle(request.get_host()),
    }
    return render(request, "portal/second_factor/manage.html", shown)


def remove_factor(request: PortalRequest) -> HttpResponse:
    """Remove one factor; the other sessions of the person end."""
    form = FactorForm(request.POST)
    if not form.is_valid():
        raise Refused("not-found")
    user = person_of(request)
    is_last = change.remove(
        user,
        form.cleaned_data["factor"],
        origin=origin_of(request),
        at=timezone.now(),
    )
    if is_last:
        forget_second_factor(request.session)
    return redirect(reverse("second-factor-manage", query={"done": "removed"}))


def rename_passkey(request: PortalRequest) -> HttpResponse:
    """Give a passkey another name."""
    form = PasskeyNameForm(request.POST)
    if not form.is_valid():
        raise Refused("input-invalid", detail="")
    change.rename(
        person_of(request), form.cleaned_data["factor"], form.cleaned_data["name"]
    )
    return redirect(reverse("second-factor-manage", query={"done": "renamed"}))
