"""Views of a tenant's API tokens for staff: make one, and revoke one."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from billing.staff import tenant_head
from billing.staff.action_views import back, tenant_of
from portal.http.middleware import PortalRequest
from usage.automation import make_token
from usage.automation.token_views import revoked_text


@require_http_methods(["GET", "POST"])
def new_token(request: PortalRequest, number: str) -> HttpResponse:
    """Make a token for a tenant, and show its secret this once.

    It is handed over to the tenant, so it does not end when the clerk leaves.
    """
    tenant = tenant_of(number)
    shown = {"customer": tenant, "may_act": True}
    status = 200
    if request.method == "POST":
        form = make_token.filled_form(tenant.pk, request.POST)
        if form.is_valid():
            shown["made"] = make_token.make(
                tenant.pk, form, user_id=None, by=request.caller.name, at=timezone.now()
            )
        else:
            status = 422
    else:
        form = make_token.empty_form(tenant.pk)
    shown["form"] = form
    return render(request, "billing/staff/new-token.html", shown, status=status)


@require_POST
def revoke_token(request: PortalRequest, number: str, token_id: int) -> HttpResponse:
    tenant = tenant_of(number)
    token, is_now = make_token.revoke(
        tenant.pk, token_id, by=request.caller.name, at=timezone.now()
    )
    messages.success(request, revoked_text(token, is_now=is_now))
    return back(request, number, tab=tenant_head.AUTOMATION)
