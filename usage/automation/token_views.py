"""Pages of API tokens for members: a new one, one with its details, replace, revoke."""

from datetime import timedelta

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from portal.accounts.caller import Permission
from portal.db import unit_of_work
from portal.errors import Refused
from portal.http.middleware import PortalRequest
from portal.models import ApiToken
from portal.typed_text.clean import isolated
from usage.automation import make_token
from usage.automation import queries as automation_queries
from usage.automation.forms import ReplaceForm
from usage.automation.token_rows import token_row


@require_http_methods(["GET", "POST"])
def new_token(request: PortalRequest) -> HttpResponse:
    """Show the form of a new token; make it, and show its secret this once."""
    tenant_id = request.caller.tenant
    if request.method != "POST":
        shown = {"form": make_token.empty_form(tenant_id)}
        return render(request, "usage/automation/new-token.html", shown)
    form = make_token.filled_form(tenant_id, request.POST)
    if not form.is_valid():
        shown = {"form": form}
        return render(request, "usage/automation/new-token.html", shown, status=422)
    made = make_token.make(
        tenant_id,
        form,
        user_id=request.caller.user_id,
        by=request.caller.name,
        at=timezone.now(),
    )
    return render(request, "usage/automation/made-token.html", {"made": made})


@require_safe
def show_token(request: PortalRequest, token_id: int) -> HttpResponse:
    """Show one token, with the steps that replace or end it."""
    return _token_page(request, token_id, ReplaceForm())


@require_POST
def replace_token(request: PortalRequest, token_id: int) -> HttpResponse:
    """Make the successor of a token, and show its secret this once."""
    form = ReplaceForm(request.POST)
    if not form.is_valid():
        return _token_page(request, token_id, form, status=422)
    made = make_token.replace(
        request.caller.tenant,
        token_id,
        overlap=timedelta(days=form.cleaned_data["days"]),
        user_id=request.caller.user_id,
        by=request.caller.name,
        at=timezone.now(),
    )
    return render(request, "usage/automation/made-token.html", {"made": made})


@require_POST
def revoke_token(request: PortalRequest, token_id: int) -> HttpResponse:
    """End a token at once."""
    token, is_now = make_token.revoke(
        request.caller.tenant, token_id, by=request.caller.name, at=timezone.now()
    )
    messages.success(request, revoked_text(token, is_now=is_now))
    return redirect("automation-page")


def revoked_text(token: ApiToken, *, is_now: bool) -> str:
    """Return what revoking a token has changed."""
    if is_now:
        text = gettext("The token “%(name)s” is revoked and no longer works.")
    else:
        text = gettext("The token “%(name)s” was revoked before. Nothing was changed.")
    return text % {"name": isolated(token.name)}


def _token_page(
    request: PortalRequest, token_id: int, form: ReplaceForm, *, status: int = 200
) -> HttpResponse:
    with unit_of_work.acting_for(request.caller.tenant, reading=True):
        token = automation_queries.token(token_id)
    if token is None:
        raise Refused("not-found")
    shown = {
        "row": token_row(token, at=timezone.now()),
        "form": form,
        "may_manage": Permission.MANAGE in request.caller.permissions,
    }
    return render(request, "usage/automation/token.html", shown, status=status)
