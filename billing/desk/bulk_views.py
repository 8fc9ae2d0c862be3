"""Views of bulk actions: preview the effect on each tenant, and run on confirmation.

Nothing is stored in between. The confirming form names the tenants that the preview has
listed; changes since then are noticed, because the action is previewed once more.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from billing.coverage.periods import Period
from billing.desk import bulk
from billing.desk import forms as desk_forms
from billing.desk import presenters as desk_presenters
from billing.desk import queries as desk_queries
from billing.desk.bulk import ActionEffect, BulkAction, BulkRequest
from billing.desk.bulk_actions import ACTIONS
from billing.desk.desk_row import DeskRow
from billing.desk.sql import DeskFilter
from billing.periods import refresh
from portal.db import unit_of_work
from portal.errors import Refused, error_document
from portal.http.middleware import PortalRequest


@require_http_methods(["GET", "POST"])
def selected(request: PortalRequest) -> HttpResponse:
    """Preview an action for the selected tenants, or run it."""
    now = timezone.now()
    given = request.POST if request.method == "POST" else request.GET
    name = given.get("act", "")
    act, period = ACTIONS.get(name), desk_forms.named_period(given)
    if act is None or period is None:
        raise Refused("not-found")
    rows = _rows(given, period, at=now)
    form = act.form(given if _is_filled(act, given) else None)
    effects: list[ActionEffect] = []
    if form.is_valid() or not act.form.base_fields:
        fields = form.cleaned_data if form.is_bound else {}
        wanted = BulkRequest(
            period=period, given=fields, by=request.caller.name, at=now
        )
        effects = act.preview(rows, wanted)
        if request.method == "POST":
            return _do(request, act, effects, wanted)
    ticked = len(desk_forms.tenant_ids(given))
    shown = {
        "act": act,
        "name": name,
        "form": form,
        "period": period,
        "rows": rows,
        "lines": [desk_presenters.desk_line(row, period, at=now) for row in rows],
        "way_back": _way_back(given, rows, period),
        "to": given.get("to", ""),
        "most": bulk.AT_MOST if ticked > bulk.AT_MOST else None,
        **_effects(effects, period, at=now),
    }
    status = 422 if form.errors else 200
    return render(request, "billing/desk/bulk.html", shown, status=status)


def _do(
    request: PortalRequest,
    act: BulkAction,
    effects: Sequence[ActionEffect],
    wanted: BulkRequest,
) -> HttpResponse:
    rows = [effect.row for effect in effects if effect.is_done]
    try:
        text = act.do(rows, wanted) if rows else gettext("Nothing was to be done.")
    except Refused as refusal:
        _, document = error_document(refusal)
        messages.error(request, f"{document['title']} {document['advice']}")
    else:
        messages.success(request, text)
    all_rows = [effect.row for effect in effects]
    return redirect(_way_back(request.POST, all_rows, wanted.period))


def _way_back(given: QueryDict, rows: Sequence[DeskRow], period: Period) -> str:
    """Return the URL of the originating page: the one tenant's, or the desk."""
    if given.get("to") == "tenant" and len(rows) == 1:
        page = reverse("staff-tenant", kwargs={"number": rows[0].number})
    else:
        page = reverse("staff-desk")
    return f"{page}?period={period}"


def _rows(given: QueryDict, period: Period, *, at: datetime) -> list[DeskRow]:
    """Load the selected tenants, refreshed; a page has fewer than the limit."""
    ids = desk_forms.tenant_ids(given)[: bulk.AT_MOST]
    refresh.refresh_tenants(ids, str(period))
    desk_filter = DeskFilter(period=period, tenants=ids)
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        return desk_queries.desk_rows(desk_filter, at=at, most=bulk.AT_MOST)


def _is_filled(act: BulkAction, given: QueryDict) -> bool:
    """Return whether the action's own fields were sent, not only the selection."""
    return any(name in given for name in act.form.base_fields)


def _effects(
    effects: Sequence[ActionEffect], period: Period, *, at: datetime
) -> dict[str, Any]:
    done = [effect for effect in effects if effect.is_done]
    return {
        "effects": [
            (desk_presenters.desk_line(effect.row, period, at=at), effect)
            for effect in effects
        ],
        "done": done,
        "left": len(effects) - len(done),
    }
