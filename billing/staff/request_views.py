"""Views in which staff record licences, and approve or refuse requests about them."""

from datetime import datetime
from functools import partial

from django.contrib import messages
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from billing.lateness import queries as late_queries
from billing.periods.queries import opened_periods
from billing.requests import excuses
from billing.requests import licences as licence_requests
from billing.requests.forms import LicencesForm
from billing.staff import tenant_head, tenant_requests
from billing.staff.action_views import back, run_action, tenant_of
from billing.staff.tenant_decisions import FLAGS
from billing.staff.tenant_page import PERIODS_OFFERED
from portal.db import unit_of_work
from portal.forms import first_error
from portal.http.middleware import PortalRequest


@require_POST
def set_licences(request: PortalRequest, number: str) -> HttpResponse:
    """Record which licence keys a tenant holds from a day on."""
    today = timezone.now().date()
    form = LicencesForm(request.POST, today=today)
    if not form.is_valid():
        messages.error(request, first_error(form))
        return back(request, tenant_of(number).number, tab=tenant_head.SETTINGS)
    given = form.cleaned_data

    def act(tenant_id: int, *, by: str, at: datetime, reason: str) -> None:
        del reason  # a record of what is so needs none
        licence_requests.set_licences(
            tenant_id, from_on=given["from_on"], keys=given["keys"], by=by, at=at
        )

    done = gettext("The licences are recorded, and what is owed is worked out anew.")
    return run_action(request, number, act, done=done, tab=tenant_head.SETTINGS)


@require_POST
def approve_licences(
    request: PortalRequest, number: str, request_id: int
) -> HttpResponse:
    """Approve requested licences, with which the tenant owes less."""
    act = partial(licence_requests.approve, request_id=request_id)
    done = gettext("The licences are changed, as it was asked for.")
    return run_action(request, number, act, done=done)


@require_POST
def refuse_licences(
    request: PortalRequest, number: str, request_id: int
) -> HttpResponse:
    """Refuse requested licences, with a reason; the licences stay as they are."""
    act = partial(licence_requests.refuse, request_id=request_id)
    done = gettext("The request is refused.")
    return run_action(request, number, act, done=done)


@require_POST
def approve_excuse(request: PortalRequest, number: str, excuse_id: int) -> HttpResponse:
    """Approve an excuse; it counts as far as no file contradicts it."""
    tenant = tenant_of(number)
    with unit_of_work.acting_for(tenant.pk, reading=True):
        requested = excuses.open_excuses().filter(pk=excuse_id)
        opened = opened_periods(most=PERIODS_OFFERED)
        is_after = bool(
            tenant_requests.late_excuses(
                requested, opened, late_queries.flags()[:FLAGS]
            )
        )
    act = partial(excuses.approve, excuse_id=excuse_id)
    done = gettext("The excuse is approved. A file that contradicts it still counts.")
    if is_after:
        done = gettext(
            "The excuse is approved. It was requested when the period was already late:"
            " that does not undo lateness; waive the days of the late flag."
        )
    return run_action(request, number, act, done=done)


@require_POST
def refuse_excuse(request: PortalRequest, number: str, excuse_id: int) -> HttpResponse:
    """Refuse an excuse, with a reason; the missing days stay missing."""
    act = partial(excuses.refuse, excuse_id=excuse_id)
    done = gettext("The excuse is refused.")
    return run_action(request, number, act, done=done)
