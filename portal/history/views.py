"""The page *Who did what* of a tenant's admins: the trail of their own tenant."""

from datetime import UTC

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from portal.db import unit_of_work
from portal.history import export, queries
from portal.history.chain_state import chain_state
from portal.history.forms import TrailForm, entry_key
from portal.history.page import list_context
from portal.history.presenters import TrailReader
from portal.history.text import chain_text
from portal.http.downloads import Download, with_retry_after
from portal.http.middleware import PortalRequest
from portal.http.sheets import XLSX, streamed_sheet, wanted_format
from portal.models import Tenant
from portal.sheets.xlsx import ROWS_AT_MOST

# Characters of a value that is no filter which the page repeats.
_REPEATED = 40


@require_safe
def history(request: PortalRequest) -> HttpResponse:
    """List the entries of the caller's tenant, newest first, and the chain's state."""
    now = timezone.now()
    form = TrailForm(request.GET)
    before = entry_key(request.GET.get("before", ""))
    tenant_id = request.caller.tenant
    with unit_of_work.acting_for(tenant_id, reading=True):
        reader = TrailReader(Tenant.objects.get().zone, is_staff=False)
        wanted = form.wanted(zone=reader.zone, tenant_id=tenant_id)
        page = queries.trail_page(wanted, before)
        state = chain_state(tenant_id, at=now)
    warn_of_ignored(request, form)
    shown = list_context(
        form, page, reader, given=request.GET.dict(), is_first=before is None
    )
    shown["chain"] = chain_text(state, zone=reader.zone)
    return render(request, "portal/history/history.html", shown)


@require_safe
@with_retry_after
def history_csv(request: PortalRequest) -> HttpResponseBase:
    """Download the filtered list, in the format that the request names."""
    sheet = wanted_format(request)
    form = TrailForm(request.GET)
    form.require_all()
    download = Download(request.caller)
    tenant_id = request.caller.tenant
    with unit_of_work.acting_for(tenant_id, reading=True):
        tenant = Tenant.objects.get()
    reader = TrailReader(tenant.zone, is_staff=False)
    wanted = form.wanted(zone=reader.zone, tenant_id=tenant_id)
    export.require_length(tenant_id, wanted)
    if sheet.ending == XLSX:
        sheet.require_rows(export.count_up_to(tenant_id, wanted, ROWS_AT_MOST))
    table = export.trail_table(tenant_id, wanted, reader)
    stamp = f"{timezone.now().astimezone(UTC):%Y%m%d-%H%MZ}"
    name = f"who-did-what-{tenant.number}-{stamp}.{sheet.ending}"
    return streamed_sheet(download, sheet, table, name=name)


def warn_of_ignored(request: HttpRequest, form: TrailForm) -> None:
    """Warn about values of the address that are no filters and were ignored."""
    text = gettext("“%(value)s” is not a filter of this list and was ignored.")
    for value in form.ignored():
        messages.warning(request, text % {"value": value[:_REPEATED]})
