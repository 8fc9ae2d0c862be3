"""Page of the disk space that usage files need on each server, and its table."""

from datetime import date
from functools import cache
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from portal.db import unit_of_work
from portal.http.middleware import PortalRequest
from portal.http.sheets import wanted_format, whole_sheet
from portal.models import Tenant
from portal.sheets.table import Table
from usage.disk_space import presenters
from usage.disk_space.estimate import VENDOR_LARGEST, VENDOR_MOST, of_day
from usage.disk_space.forms import estimate_form
from usage.disk_space.presenters import MeasuredServer
from usage.disk_space.queries import server_days
from usage.disk_space.tables import day_heads, day_rows
from usage.files.date_ranges import range_of
from usage.files.views import tenant_of


def disk_space_page(request: PortalRequest) -> HttpResponse:
    """Show what usage files need on each server, and the weeks of one of them."""
    _, today, measured = _measured(request)
    chosen = presenters.chosen_of(measured, request.GET.get("server", ""))
    form = estimate_form(request.GET)
    shown = {
        "answer": presenters.answer(measured),
        "warnings": presenters.warnings(measured),
        "rows": [
            presenters.server_row(one.server, one.need) for one in measured if one.need
        ],
        "left_out": [one for one in measured if one.need is None],
        "chosen": presenters.chosen_server(chosen.server, chosen.need, today=today)
        if chosen and chosen.need
        else None,
        "form": form,
        "estimate": form.estimate(),
        "vendor_most": of_day(VENDOR_MOST),
        "vendor_largest": of_day(VENDOR_LARGEST),
        "is_forwarding": settings.FORWARDING,
    }
    return render(request, "usage/disk_space/disk-space.html", shown)


def disk_space_csv(request: PortalRequest) -> HttpResponse:
    """Return the days of all servers, those known and the forecast of a quarter."""
    wanted = wanted_format(request)
    tenant, today, measured = _measured(request)
    rows = day_rows(measured, today=today)
    wanted.require_rows(len(rows))
    table = Table(day_heads(), rows)
    name = f"disk-space-{tenant.number}-{today}.{wanted.ending}"
    return whole_sheet(wanted, table, name=name)


def _measured(request: PortalRequest) -> tuple[Tenant, date, list[MeasuredServer]]:
    """Return the tenant, its present day, and its servers."""
    now = timezone.now()
    with unit_of_work.acting_for(request.caller.tenant, reading=True):
        tenant = tenant_of(request)
        today = now.astimezone(ZoneInfo(tenant.zone)).date()
        found = server_days(today=today, zone=tenant.zone)
    measured = presenters.measured_servers(
        found, today=today, due_on=cache(lambda day: range_of(day).due_on)
    )
    return tenant, today, measured
