"""Pages of automated sending: the sender, its runs, API tokens and the S3 inbox."""

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from portal.accounts.caller import Permission
from portal.db import unit_of_work
from portal.http.middleware import PortalRequest
from portal.models import Tenant
from usage.automation.context import automation_context, runs_context, tokens_context


def automation_page(request: PortalRequest) -> HttpResponse:
    """Show the last run of each server, the sender, API tokens and the S3 inbox."""
    now = timezone.now()
    with unit_of_work.acting_for(request.caller.tenant, reading=True):
        tenant = Tenant.objects.get()
        shown = automation_context(tenant, request.GET.get("page"), at=now)
        shown |= tokens_context(at=now)
    shown["may_manage"] = Permission.MANAGE in request.caller.permissions
    shown["portal"] = settings.PORTAL_ADDRESS
    return render(request, "usage/automation/automation.html", shown)


def machine_page(request: PortalRequest) -> HttpResponse:
    """Show the runs of the server that `machine` names, newest first."""
    name, number = request.GET.get("machine", ""), request.GET.get("page")
    with unit_of_work.acting_for(request.caller.tenant, reading=True):
        shown = runs_context(name, number, at=timezone.now())
    return render(request, "usage/automation/machine.html", shown)
