"""Views of late tenants that are not flagged yet, and of a safety stop."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe

from billing.coverage.periods import Period
from billing.desk.forms import named_period, parsed_ids
from billing.lateness import check as late_check
from billing.lateness import queries as late_queries
from billing.lateness import undecided_queries
from billing.lateness.undecided_queries import UndecidedReason, UndecidedTenant
from billing.mail.recipients import gets_reminders
from billing.periods.text import month_text
from portal.accounts.caller import Permission
from portal.db import unit_of_work
from portal.errors import Refused, error_document
from portal.forms import ReasonForm
from portal.http.middleware import PortalRequest
from portal.models import Membership, Tenant
from portal.pages.paging import CappedPage, list_page

# Tenants on one page: short enough to scroll through.
TENANTS_A_PAGE = 50

_REASONS: Mapping[UndecidedReason, Promise] = {
    UndecidedReason.STOPPED: _("the release of the safety stop"),
    UndecidedReason.UPDATING: _("numbers that are being updated"),
    UndecidedReason.UNJUDGED: _(
        "a file that was received in time and is not judged yet, or the next listing of"
        " the inbox"
    ),
    UndecidedReason.NEXT_RUN: _(
        "the next run of the late check, or tenants in other zones to become late"
    ),
}

Row = tuple[UndecidedTenant, str, Promise]


@require_safe
def undecided(request: PortalRequest) -> HttpResponse:
    """List late tenants without a flag, and what each flag waits for."""
    period = named_period(request.GET)
    shown = _listed(request, str(period or ""), at=timezone.now())
    shown |= {"period": period, "name": month_text(period) if period else ""}
    return render(request, "billing/lateness/undecided.html", shown)


@require_http_methods(["GET", "POST"])
def release(request: PortalRequest, period: str) -> HttpResponse:
    """Show the tenants that a safety stop holds, and release it for those shown."""
    now = timezone.now()
    try:
        name = month_text(Period.parse(period))
    except ValueError as error:
        raise Refused("period-invalid") from error
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        stop = late_queries.stops().filter(period=period).first()
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        return _release(request, period, reason=form.cleaned_data["reason"], at=now)
    if stop is None:
        messages.error(request, gettext("No safety stop holds this period any more."))
        return redirect("staff-late")
    shown = _listed(request, period, at=now)
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        ids = undecided_queries.undecided_ids(period, at=now)
        mailed = _mailed([one.tenant_id for one in shown["page"].rows])
    shown |= {
        "stop": stop,
        "name": name,
        "form": form,
        "ids": ids,
        "rows": [(one, mailed[one.tenant_id]) for one in shown["page"].rows],
        "may_act": Permission.STAFF_ACT in request.caller.permissions,
    }
    status = 422 if form.errors else 200
    return render(request, "billing/lateness/release.html", shown, status=status)


def _release(
    request: PortalRequest, period: str, *, reason: str, at: datetime
) -> HttpResponse:
    # All ids are in one field: a form may have at most a thousand fields.
    seen = parsed_ids(request.POST.get("tenants", "").split(" "))
    try:
        late_check.release(
            period, tenants=seen, by=request.caller.name, reason=reason, at=at
        )
    except Refused as refusal:
        _status, document = error_document(refusal)
        messages.error(request, f"{document['title']} {document['advice']}")
        return redirect("staff-late")
    text = ngettext(
        "Released for %(count)d tenant: the next run, within 15 minutes, flags it if it"
        " is late. If others are late by then, the period is stopped again.",
        "Released for %(count)d tenants: the next run, within 15 minutes, flags those"
        " who are late. If others are late by then, the period is stopped again.",
        len(seen),
    )
    messages.success(request, text % {"count": len(seen)})
    return redirect("staff-late")


def _listed(request: PortalRequest, period: str, *, at: datetime) -> dict[str, Any]:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        page: CappedPage[UndecidedTenant] = list_page(
            lambda first, most: undecided_queries.list_undecided(
                period, at=at, most=most, offset=first
            ),
            request.GET.get("page"),
            size=TENANTS_A_PAGE,
            count=lambda: undecided_queries.count_undecided(period, at=at),
        )
    rows: list[Row] = [
        (one, month_text(Period.parse(one.period)), _REASONS[one.reason])
        for one in page.rows
    ]
    return {"page": page, "rows": rows}


def _mailed(tenants: Collection[int]) -> dict[int, list[str]]:
    """Return the addresses that get a tenant's late mails, by tenant."""
    found: dict[int, list[str]] = {one: [] for one in tenants}
    members = Membership.objects.filter(tenant__in=tenants, user__is_active=True)
    for member in members.select_related("user").order_by("user__email"):
        if gets_reminders(member):
            found[member.tenant_id].append(member.user.email)
    contacts = Tenant.objects.filter(pk__in=tenants).exclude(escalation_address="")
    for tenant_id, address in contacts.values_list("pk", "escalation_address"):
        found[tenant_id].append(address)
    return found
