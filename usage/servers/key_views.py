"""Page of one server key, and the forms by which a customer refuses or revokes it."""

from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from portal.accounts.caller import Permission
from portal.db import unit_of_work
from portal.errors import Refused, error_document
from portal.forms import ReasonForm
from portal.http.middleware import PortalRequest
from portal.models import Tenant
from usage.files import key_queries
from usage.files.views import tenant_of
from usage.models import KeyState
from usage.servers import end_keys
from usage.servers.end_keys import EndedKey
from usage.servers.forms import RevokeKeyForm
from usage.servers.text import ended_text


@require_safe
def key_page(request: PortalRequest, key_id: int) -> HttpResponse:
    """Show a key, how many files it has signed, and how to end it."""
    return _page(request, key_id)


@require_POST
def refuse_key(request: PortalRequest, key_id: int) -> HttpResponse:
    """Refuse a proposed key: it is not one of the company's servers."""
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _page(request, key_id, form)
    act = partial(end_keys.refuse_key, reason=form.cleaned_data["reason"])
    return _end(request, key_id, act)


@require_POST
def revoke_key(request: PortalRequest, key_id: int) -> HttpResponse:
    """Revoke a confirmed key, from now or an earlier instant on."""
    form = RevokeKeyForm(request.POST, zone=_tenant(request).zone, now=timezone.now())
    if not form.is_valid():
        return _page(request, key_id, form)
    act = partial(
        end_keys.revoke_key,
        revoked_from=form.revoked_from(),
        reason=form.cleaned_data["reason"],
    )
    return _end(request, key_id, act)


def key_context(
    key_id: int, tenant: Tenant, form: ReasonForm | None = None
) -> dict[str, Any]:
    """Load what the pages of a key show, in the unit of work of its tenant.

    Raises:
        Refused: the tenant has no such key.

    """
    key = key_queries.find_key(key_id)
    is_current = key.state == KeyState.CONFIRMED
    # A form that was sent while somebody else decided about the key is of no use now.
    if form is None or isinstance(form, RevokeKeyForm) is not is_current:
        now = timezone.now()
        form = RevokeKeyForm(zone=tenant.zone, now=now) if is_current else ReasonForm()
    return {
        "key": key,
        "accepted": key_queries.count_accepted(key),
        "held": key_queries.count_held(key),
        "form": form,
    }


def show_ended(request: HttpRequest, act: Callable[[], EndedKey], *, zone: str) -> None:
    """Refuse or revoke a key, and show the result on the next page."""
    try:
        ended = act()
    except Refused as refusal:
        if refusal.code != "decided-already":
            raise
        _, document = error_document(refusal)
        messages.error(request, f"{document['title']} {document['advice']}")
    else:
        messages.success(request, ended_text(ended, zone=zone))


def _end(
    request: PortalRequest, key_id: int, act: Callable[..., EndedKey]
) -> HttpResponse:
    tenant = _tenant(request)
    now, by = timezone.now(), request.caller.name
    ending = partial(act, tenant.pk, key_id=key_id, by=by, at=now)
    show_ended(request, ending, zone=tenant.zone)
    return redirect("servers-key", key_id=key_id)


def _page(
    request: PortalRequest, key_id: int, form: ReasonForm | None = None
) -> HttpResponse:
    with unit_of_work.acting_for(request.caller.tenant, reading=True):
        shown = key_context(key_id, tenant_of(request), form)
    shown["may_manage"] = Permission.MANAGE in request.caller.permissions
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form else HTTPStatus.OK
    return render(request, "usage/servers/key.html", shown, status=status)


def _tenant(request: PortalRequest) -> Tenant:
    with unit_of_work.acting_for(request.caller.tenant, reading=True):
        return tenant_of(request)
