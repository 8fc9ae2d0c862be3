"""Views of a person's own data: name, zone, and the change of the mail address."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from portal.accounts.client_address import origin_of
from portal.db import unit_of_work
from portal.errors import Refused, error_document
from portal.http.middleware import PortalRequest
from portal.models import AddressChange, EventKind, User
from portal.people import address_change
from portal.people.forms import NewAddressForm, ProfileForm
from portal.security_events.record import record

_UNPROCESSABLE = 422


@require_http_methods(["GET", "POST"])
def profile(request: PortalRequest) -> HttpResponse:
    """Show the caller's own data, and change name and zone."""
    user_id = _person(request)
    user, change = _load(user_id)
    data = request.POST if request.method == "POST" else None
    form = ProfileForm(data, initial={"name": user.name, "zone": user.zone})
    if form.is_bound and form.is_valid() and _save(user, form):
        messages.success(request, gettext("Your profile is saved."))
        return redirect("profile")
    shown = {"form": form, "person": user, "change": change}
    status = _UNPROCESSABLE if form.errors else 200
    return render(request, "portal/people/profile.html", shown, status=status)


@require_http_methods(["GET", "POST"])
def change_address(request: PortalRequest) -> HttpResponse:
    """Show the form for a new mail address, and send a link to it."""
    user_id = _person(request)
    form = NewAddressForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        address = form.cleaned_data["address"]
        try:
            with unit_of_work.acting_for(unit_of_work.STAFF):
                address_change.request_change(user_id, address, at=timezone.now())
        except Refused as refusal:
            _, document = error_document(refusal)
            form.add_error("address", f"{document['title']} {document['advice']}")
        else:
            text = gettext(
                "A link is on its way to %(address)s. Your address changes when you"
                " confirm it there."
            )
            messages.success(request, text % {"address": address})
            return redirect("profile")
    status = _UNPROCESSABLE if form.errors else 200
    shown = {"form": form}
    return render(request, "portal/people/change-address.html", shown, status=status)


@require_http_methods(["GET", "POST"])
def confirm_address(request: PortalRequest, secret: str) -> HttpResponse:
    """Show which address a link confirms; with POST change the address."""
    user_id, now = _person(request), timezone.now()
    try:
        if request.method == "POST":
            change = address_change.confirm_change(
                secret, user_id=user_id, origin=origin_of(request), at=now
            )
            text = gettext("Your mail address is %(address)s now; sign in with it.")
            messages.success(request, text % {"address": change.address})
            return redirect("profile")
        with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
            change = address_change.find_change(secret, user_id=user_id, at=now)
    except Refused as refusal:
        return _refuse(request, refusal)
    shown = {"change": change}
    response = render(request, "portal/people/confirm-address.html", shown)
    add_never_cache_headers(response)
    return response


def _person(request: PortalRequest) -> int:
    if request.caller.user_id is None:
        raise Refused("not-found")
    return request.caller.user_id


def _load(user_id: int) -> tuple[User, AddressChange | None]:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        user = User.objects.get(pk=user_id)
        return user, address_change.open_change(user_id)


def _save(user: User, form: ProfileForm) -> bool:
    """Store name and zone; False if the name cannot be one, which the form shows."""
    user.name, user.zone = form.cleaned_data["name"], form.cleaned_data["zone"]
    try:
        user.full_clean(exclude=["password", "email"])
    except ValidationError as error:
        form.add_error("name", error.messages)
        return False
    with unit_of_work.acting_for(unit_of_work.STAFF):
        user.save(update_fields=["name", "zone"])
    return True


def _refuse(request: PortalRequest, refusal: Refused) -> HttpResponse:
    record(
        EventKind.LINK_REFUSED,
        origin=origin_of(request),
        at=timezone.now(),
        user_id=request.caller.user_id,
        details={"link": "address", "reason": refusal.code},
    )
    status, document = error_document(refusal)
    return render(request, "portal/people/refused-link.html", document, status=status)
