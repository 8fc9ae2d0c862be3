"""The page *Audit trail* of the billing staff: all trails, and their chains."""

from datetime import UTC
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from portal.audit import exports, visits
from portal.db import unit_of_work
from portal.errors import Refused
from portal.history import export, queries
from portal.history.chain_state import broken_trails, chain_state, trails_state
from portal.history.forms import StaffTrailForm, entry_key
from portal.history.page import list_context
from portal.history.presenters import TrailReader
from portal.history.queries import TrailFilter
from portal.history.text import chain_text, trails_text
from portal.history.views import warn_of_ignored
from portal.http.downloads import Download, with_retry_after
from portal.http.middleware import PortalRequest
from portal.http.sheets import XLSX, streamed_sheet, wanted_format
from portal.models import Tenant
from portal.sheets.xlsx import ROWS_AT_MOST

# Staff read trails of tenants in many zones.
_READER = TrailReader("UTC", is_staff=True)

# Broken trails that are named; one is already a reason to call for help.
_BROKEN_SHOWN = 20


@require_safe
def audit_trail(request: PortalRequest) -> HttpResponse:
    """List the entries of all trails, or of one, newest first."""
    form = StaffTrailForm(request.GET)
    before = entry_key(request.GET.get("before", ""))
    now = timezone.now()
    tenant = _tenant(form)
    _record_visit(request, tenant)
    shown: dict[str, Any] = {
        "tenant_shown": tenant,
        "is_unknown": _is_unknown(form, tenant),
    }
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        page = queries.trail_page(_wanted(form, tenant), before)
        if tenant is not None:
            state = chain_state(tenant.pk, at=now)
            shown["chain"] = chain_text(state, zone=_READER.zone)
        else:
            own = chain_state(None, at=now)
            shown["chain"] = trails_text(trails_state(), zone=_READER.zone)
            shown["own_chain"] = chain_text(own, zone=_READER.zone)
            shown["broken"] = broken_trails(_BROKEN_SHOWN)
    warn_of_ignored(request, form)
    given = request.GET.dict()
    shown |= list_context(form, page, _READER, given=given, is_first=before is None)
    return render(request, "portal/history/audit-trail.html", shown)


@require_safe
@with_retry_after
def audit_trail_csv(request: PortalRequest) -> HttpResponseBase:
    """Download the filtered list, which is recorded in the staff's own trail."""
    sheet = wanted_format(request)
    form = StaffTrailForm(request.GET)
    form.require_all()
    tenant = _tenant(form)
    if _is_unknown(form, tenant):
        raise Refused("not-found")
    download = Download(request.caller)
    wanted = _wanted(form, tenant)
    export.require_length(unit_of_work.STAFF, wanted)
    if sheet.ending == XLSX:
        count = export.count_up_to(unit_of_work.STAFF, wanted, ROWS_AT_MOST)
        sheet.require_rows(count)
    now = timezone.now()
    _record_visit(request, tenant)
    details = {"format": sheet.ending, "filters": request.GET.urlencode()[:1_000]}
    exports.record("audit-trail", by=request.caller.name, at=now, details=details)
    table = export.trail_table(unit_of_work.STAFF, wanted, _READER)
    name = f"audit-trail-{now.astimezone(UTC):%Y%m%d-%H%MZ}.{sheet.ending}"
    return streamed_sheet(download, sheet, table, name=name)


def _tenant(form: StaffTrailForm) -> Tenant | None:
    """Return the tenant that a filter names, None for all or an unknown one."""
    form.is_valid()
    number = form.cleaned_data.get("tenant")
    if not number:
        return None
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        return Tenant.objects.filter(number=number).first()


def _is_unknown(form: StaffTrailForm, tenant: Tenant | None) -> bool:
    return bool(form.cleaned_data.get("tenant")) and tenant is None


def _wanted(form: StaffTrailForm, tenant: Tenant | None) -> TrailFilter:
    # No tenant has this id: an unknown number finds nothing instead of everything.
    unknown = 0 if _is_unknown(form, tenant) else None
    return form.wanted(zone=_READER.zone, tenant_id=tenant.pk if tenant else unknown)


def _record_visit(request: PortalRequest, tenant: Tenant | None) -> None:
    if tenant is not None and request.caller.user_id is not None:
        visits.record(
            tenant_id=tenant.pk,
            user_id=request.caller.user_id,
            name=request.caller.name,
            at=timezone.now(),
        )
