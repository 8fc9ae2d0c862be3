"""Views in which staff change a tenant's zone, or correct that of one period.

Both forms are on pages of their own: these list some five hundred zones.
"""

from datetime import datetime
from functools import partial

from django import forms
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from billing.lateness.forms import ZoneChangeForm, ZoneCorrectionForm, zone_names
from billing.periods import change_zone as period_change_zone
from billing.periods import deadlines
from billing.periods.queries import opened_periods
from billing.staff import tenant_head
from billing.staff.action_views import run_action
from billing.staff.tab_views import load_head, render_tab
from billing.staff.tenant_page import PERIODS_OFFERED
from portal.db import unit_of_work
from portal.http.middleware import PortalRequest


@require_http_methods(["GET", "POST"])
def change_zone(request: PortalRequest, number: str) -> HttpResponse:
    """Change the zone in which a tenant's later periods open."""
    form = ZoneChangeForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return _page(request, number, form)
    act = partial(period_change_zone.change_zone, zone=form.cleaned_data["zone"])
    done = gettext(
        "The zone is changed for periods that open from now on."
        " Those that are open keep theirs."
    )
    return run_action(request, number, act, done=done, tab=tenant_head.SETTINGS)


@require_http_methods(["GET", "POST"])
def correct_zone(request: PortalRequest, number: str) -> HttpResponse:
    """Correct the zone of a period."""
    now = timezone.now()
    is_sent = request.method == "POST"
    _shown, tenant = load_head(number, tenant_head.SETTINGS)
    with unit_of_work.acting_for(tenant.pk, reading=True):
        opened = opened_periods(most=PERIODS_OFFERED)
    if not is_sent:
        opened = [one for one in opened if one.effective_at > now]
    form = ZoneCorrectionForm(request.POST if is_sent else None, opened=opened)
    if not form.is_valid():
        return _page(request, number, form, is_correction=True)
    given = form.cleaned_data

    def act(tenant_id: int, *, by: str, at: datetime, reason: str) -> None:
        deadlines.correct_zone(
            *(tenant_id, given["period"]),
            zone=given["zone"],
            by=by,
            at=at,
            reason=reason,
        )

    done = gettext(
        "The zone is corrected. The period is late from the later of the two midnights."
    )
    return run_action(
        request, number, act, done=done, period=given["period"], tab=tenant_head.PERIOD
    )


def _page(
    request: PortalRequest,
    number: str,
    form: forms.Form,
    *,
    is_correction: bool = False,
) -> HttpResponse:
    shown, _tenant = load_head(number, tenant_head.SETTINGS)
    shown |= {"form": form, "zones": zone_names(), "is_correction": is_correction}
    status = 422 if form.errors else 200
    return render_tab(request, "billing/staff/zone.html", shown, status=status)
