"""Page of a customer's servers, and the actions of its forms."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from portal.accounts.caller import Permission
from portal.db import unit_of_work
from portal.errors import Refused, error_document
from portal.http.middleware import PortalRequest
from portal.templatetags.shown import full_day
from portal.tenants import memberships
from portal.typed_text.clean import isolated
from usage.files import overview_queries
from usage.files.views import tenant_of
from usage.models import Server
from usage.review import queries as review_queries
from usage.servers import keys as server_keys
from usage.servers import requests as server_requests
from usage.servers.forms import NewServerForm, ServerChangeForm
from usage.servers.text import judged_text


def servers_page(request: PortalRequest) -> HttpResponse:
    """Show the servers, their keys, and the requests about them."""
    return _page(request)


@require_POST
def confirm_key(request: PortalRequest) -> HttpResponse:
    """Trust the key whose fingerprint somebody has compared."""
    now = timezone.now()
    name = _sent(request, "server")
    confirmed = server_keys.confirm_key(
        request.caller.tenant,
        server=name,
        key=_sent(request, "fingerprint"),
        by=request.caller.name,
        at=now,
    )
    text = gettext("The key %(key)s of %(server)s is confirmed.")
    shown = {"key": confirmed.key.fingerprint, "server": isolated(name)}
    judged = judged_text(confirmed.judged, server=name)
    messages.success(request, f"{text % shown} {judged}".strip())
    return redirect("servers-page")


@require_POST
def change(request: PortalRequest) -> HttpResponse:
    """Change a server's owed days, or request it where it would owe less."""
    now = timezone.now()
    form = _change_form(request)
    if not form.is_valid():
        return _page(request, change=form)
    try:
        waiting = server_requests.request_change(
            request.caller.tenant,
            change=form.requested_change(),
            by=request.caller.name,
            at=now,
        )
    except Refused as refusal:
        # A server that is gone has no field to blame.
        if refusal.code == "not-found":
            raise
        body = error_document(refusal)[1]
        field = "reason" if refusal.code == "reason-needed" else "day"
        form.add_error(field, f"{body['title']} {body['advice']}")
        return _page(request, change=form)
    text = gettext("The owed days are changed.")
    if waiting is not None:
        text = gettext(
            "Your request is waiting for the billing team."
            " All stays as it is until they approve it."
        )
    messages.success(request, text)
    return redirect("servers-page")


@require_POST
def withdraw(request: PortalRequest) -> HttpResponse:
    """Withdraw a request that nobody has decided yet."""
    now = timezone.now()
    number = _sent(request, "request")
    if not (number.isascii() and number.isdigit()) or len(number) > 18:  # noqa: PLR2004 - fits any id
        raise Refused("not-found")
    withdrawn = server_requests.withdraw(
        request.caller.tenant, request_id=int(number), by=request.caller.name, at=now
    )
    text = gettext("The request for %(server)s, %(day)s, is withdrawn.")
    shown = {"server": isolated(withdrawn.server.name), "day": full_day(withdrawn.day)}
    messages.success(request, text % shown)
    return redirect("servers-page")


@require_POST
def register(request: PortalRequest) -> HttpResponse:
    """Register a server by the public key that its owner has brought."""
    now = timezone.now()
    form = NewServerForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, new=form)
    given = form.cleaned_data
    tenant_id = request.caller.tenant
    with unit_of_work.acting_for(tenant_id):
        key = server_keys.register(
            tenant_id,
            name=given["name"],
            public=given["public"],
            by=request.caller.name,
            at=now,
        )
    judged = server_keys.judge_held(key, at=now)
    text = gettext("%(server)s is registered; files signed with %(key)s count.")
    shown = {"server": isolated(given["name"]), "key": key.fingerprint}
    files = judged_text(judged, server=given["name"])
    messages.success(request, f"{text % shown} {files}".strip())
    return redirect("servers-page")


def _page(request: PortalRequest, **forms: Any) -> HttpResponse:
    with unit_of_work.acting_for(request.caller.tenant, reading=True):
        shown = {
            "first_owed_on": tenant_of(request).first_owed_on,
            "lines": overview_queries.server_entries(),
            "proposed": review_queries.proposed_keys(),
            "requests": overview_queries.newest_requests(),
        }
    may_manage = Permission.MANAGE in request.caller.permissions
    if may_manage:
        shown["change"] = forms.get("change") or _change_form(request, data=None)
        shown["new"] = forms.get("new") or NewServerForm()
    elif shown["proposed"]:
        shown["admins"] = memberships.admins_for(request.caller)
    return render(
        request, "usage/servers/servers.html", {**shown, "may_manage": may_manage}
    )


def _change_form(request: PortalRequest, **given: Any) -> ServerChangeForm:
    now = timezone.now()
    with unit_of_work.acting_for(request.caller.tenant, reading=True):
        known = list(Server.objects.order_by("name"))
    data = given.get("data", request.POST)
    return ServerChangeForm(data, servers=known, today=now.date())


def _sent(request: PortalRequest, name: str) -> str:
    return request.POST.get(name, "").replace("\0", "")
