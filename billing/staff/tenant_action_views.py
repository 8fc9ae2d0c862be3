"""Views of staff actions on one tenant: keys, requests, upload."""

from functools import partial

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from billing.onboarding.setup_file import make_setup_file as make_set_up
from billing.staff import tenant_head
from billing.staff.action_views import back, run_action, tenant_of
from portal import approvals
from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.errors import Refused
from portal.http.middleware import PortalRequest
from portal.http.request_time import received_at
from portal.typed_text.clean import isolated
from usage import tenant_keys
from usage.models import ServerKey
from usage.servers import keys as server_keys
from usage.servers import requests as server_requests
from usage.servers.text import judged_text
from usage.uploads import form_upload, results


@require_POST
def issue_key(request: PortalRequest, number: str) -> HttpResponse:
    """Issue another sealing key; the older ones still open files."""
    now = timezone.now()
    tenant = tenant_of(number)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        key = tenant_keys.make_sealing_key(tenant.pk, by=request.caller.name, at=now)
    text = gettext("The sealing key %(key)s is issued. Hand over the set-up anew.")
    messages.success(request, text % {"key": key.fingerprint})
    return back(request, number, tab=tenant_head.SERVERS)


@require_POST
def hand_over(request: PortalRequest, number: str) -> HttpResponse:
    """Download one file with all that a server needs, including a new token."""
    now = timezone.now()
    tenant = tenant_of(number)
    file = make_set_up(tenant, by=request.caller.name, at=now)
    if file is None:
        text = gettext("Issue a sealing key first: servers seal their files for it.")
        messages.error(request, text)
        return back(request, number, tab=tenant_head.SERVERS)
    response = HttpResponse(file.data, content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{file.name}"'
    # Nobody else may find the token in a cache.
    add_never_cache_headers(response)
    return response


@require_POST
@require_POST
def confirm_key(request: PortalRequest, number: str, key_id: int) -> HttpResponse:
    """Trust a server's key on behalf of the customer's people."""
    now = timezone.now()
    tenant = tenant_of(number)
    reason = approvals.optional(request.POST.get("reason", ""))
    if not reason:
        messages.error(request, gettext("A decision needs a reason."))
        return back(request, number)
    wanted = _server_key(tenant.pk, key_id)
    confirmed = server_keys.confirm_key(
        tenant.pk,
        server=wanted.server.name,
        key=wanted.fingerprint,
        by=request.caller.name,
        at=now,
        reason=reason,
    )
    text = gettext("The key %(key)s of %(server)s is trusted.")
    name = wanted.server.name
    shown = {"key": confirmed.key.fingerprint, "server": isolated(name)}
    judged = judged_text(confirmed.judged, server=name)
    messages.success(request, f"{text % shown} {judged}".strip())
    return back(request, number)


def _server_key(tenant_id: int, key_id: int) -> ServerKey:
    """Return a key of a tenant's server, with the server loaded.

    Raises:
        Refused: the tenant has no such key.

    """
    with unit_of_work.acting_for(tenant_id, reading=True):
        key = ServerKey.objects.select_related("server").filter(pk=key_id).first()
    if key is None:
        raise Refused("not-found")
    return key


@require_POST
def approve_request(
    request: PortalRequest, number: str, request_id: int
) -> HttpResponse:
    """Approve a request by which a server owes less."""
    act = partial(server_requests.approve, request_id=request_id)
    done = gettext("The request is approved. A file that contradicts it still counts.")
    return run_action(request, number, act, done=done)


@require_POST
def refuse_request(
    request: PortalRequest, number: str, request_id: int
) -> HttpResponse:
    """Refuse a request, with a reason; the server owes the same as before."""
    act = partial(server_requests.refuse, request_id=request_id)
    done = gettext("The request is refused.")
    return run_action(request, number, act, done=done)


@require_http_methods(["GET", "POST"])
def upload(request: PortalRequest, number: str) -> HttpResponse:
    """Receive files on behalf of a customer, by a form that needs no script."""
    now = timezone.now()
    tenant = tenant_of(number)
    result = {}
    if request.method == "POST":
        sender = form_upload.Sender(
            tenant_id=tenant.pk,
            name=f"{request.caller.name}{audit_log.FOR_CUSTOMER}",
            received_at=received_at(request, at=now),
        )
        # Read the files first: only then is it certain that the form arrived whole.
        outcomes = form_upload.receive_all(request.FILES, sender)
        is_cut = form_upload.is_cut(request.POST)
        result = results.form_result(outcomes, is_cut=is_cut)
        # Its upload is on the customer's pages, which billing staff do not see.
        result |= {"receipt_ids": "", "upload_key": None}
    shown = {
        "customer": tenant,
        **result,
        "end": form_upload.END,
        "may_act": True,
    }
    return render(request, "billing/staff/upload.html", shown)
