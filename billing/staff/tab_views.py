"""Views of a tenant's pages for staff: each tab has its address and its own queries."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from billing.coverage.licences import held_on
from billing.coverage.periods import zone_named
from billing.desk.forms import last_ended, named_period, way_back
from billing.periods.queries import opened_periods
from billing.requests import licences as licence_requests
from billing.requests.forms import LicencesForm
from billing.requests.text import licences_text
from billing.staff import tenant_decisions, tenant_head, tenant_history, tenant_page
from billing.staff.tenant_page import PERIODS_OFFERED
from portal.accounts.caller import Permission
from portal.db import unit_of_work
from portal.history.forms import entry_key
from portal.http.middleware import PortalRequest
from portal.models import Tenant
from usage import tenant_keys
from usage.automation.context import automation_context, runs_context, tokens_context
from usage.connectivity.presenters import answer_text, machine_rows
from usage.connectivity.results import access_results
from usage.files import queries as file_queries

# Parameters that the links of the tabs keep: the period, and the filters of the desk.
_KEPT = ("period", "from")


@require_safe
def period(request: PortalRequest, number: str) -> HttpResponse:
    """Show the named period of a tenant, or the most urgent one."""
    now = timezone.now()
    wanted = named_period(request.GET)
    shown = tenant_page.period_tab(number, wanted, at=now)
    return render_tab(request, "billing/staff/tenant.html", shown)


@require_safe
def decide(request: PortalRequest, number: str) -> HttpResponse:
    """Show what waits for a decision about a tenant, and the latest decisions."""
    shown = tenant_decisions.decide_tab(number, at=timezone.now())
    return render_tab(request, "billing/staff/tenant-decide.html", shown)


@require_safe
def servers(request: PortalRequest, number: str) -> HttpResponse:
    """Show a tenant's servers and its sealing keys."""
    shown, tenant = load_head(number, tenant_head.SERVERS)
    with unit_of_work.acting_for(tenant.pk, reading=True):
        shown |= {
            "servers": list(file_queries.servers()),
            "sealing_keys": (keys := list(tenant_keys.sealing_keys(tenant.pk))),
            "has_other_key": sum(key.retired_at is None for key in keys) > 1,
        }
    return render_tab(request, "billing/staff/tenant-servers.html", shown)


@require_safe
def automation(request: PortalRequest, number: str) -> HttpResponse:
    """Show the runs of a tenant's servers, its access checks, tokens and S3 inbox.

    With `machine` in the address, show the runs of that server only.
    """
    now = timezone.now()
    machine, page = request.GET.get("machine"), request.GET.get("page")
    shown, tenant = load_head(number, tenant_head.AUTOMATION)
    with unit_of_work.acting_for(tenant.pk, reading=True):
        if machine is not None:
            shown |= runs_context(machine, page, at=now)
        else:
            checks = access_results()
            shown |= automation_context(tenant, page, at=now)
            shown |= tokens_context(at=now)
            shown["access_answer"] = answer_text(checks)
            shown["access_rows"] = machine_rows(checks)
    return render_tab(request, "billing/staff/tenant-automation.html", shown)


@require_safe
def settings(request: PortalRequest, number: str) -> HttpResponse:
    """Show the settings of a tenant: licences, zone, first owed day."""
    shown, tenant = load_head(number, tenant_head.SETTINGS)
    now = timezone.now()
    today = now.astimezone(zone_named(tenant.zone)).date()
    with unit_of_work.acting_for(tenant.pk, reading=True):
        changes = list(licence_requests.changes())
        opened = opened_periods(most=PERIODS_OFFERED)
    held = next((one.keys for one in changes if one.from_on <= today), [])
    standing = held_on(((one.from_on, one.keys) for one in changes), today)
    initial = {"keys": held, "from_on": str(today)}
    shown |= {
        "licences": changes,
        "text": licences_text(standing),
        "licence_form": LicencesForm(today=today, initial=initial),
        "has_open_deadline": any(one.effective_at > now for one in opened),
        "other_zones": [one for one in opened if one.zone != tenant.zone],
    }
    return render_tab(request, "billing/staff/tenant-settings.html", shown)


@require_safe
def history(request: PortalRequest, number: str) -> HttpResponse:
    """Show a tenant's audit trail, the newest entries first."""
    before = entry_key(request.GET.get("before", ""))
    shown = tenant_history.history_tab(number, before, at=timezone.now())
    return render_tab(request, "billing/staff/tenant-history.html", shown)


def load_head(number: str, tab: str) -> tuple[dict[str, Any], Tenant]:
    """Load the head of a tenant's page, in a unit of work of its own.

    Raises:
        Refused: there is no tenant with this number.

    """
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        shown = tenant_head.tenant_head(number, tab, at=timezone.now())
    return shown, shown["customer"]


def render_tab(
    request: PortalRequest, template: str, shown: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """Render a tab with what all tabs need: permissions, and the link to the desk."""
    given: QueryDict = request.GET
    shown_period = shown.get("chosen") or named_period(given)
    kept = {name: given[name] for name in _KEPT if given.get(name)}
    desk_query = way_back(given, shown_period or last_ended(timezone.now()))
    shown |= {
        "may_act": Permission.STAFF_ACT in request.caller.permissions,
        "tab_query": f"?{urlencode(kept)}" if kept else "",
        "desk_query": desk_query,
    }
    return render(request, template, shown, status=status)
