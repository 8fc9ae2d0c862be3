"""Pages on which customers request excuses for missing files, and other licences."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from billing.coverage.calendar import Calendar
from billing.coverage.licences import held_on
from billing.coverage.periods import Period, zone_named
from billing.models import Excuse, LicenceRequest
from billing.periods.queries import view_period
from billing.requests import excuses
from billing.requests import licences as licence_requests
from billing.requests.forms import (
    DaysExcuseForm,
    LicencesRequestForm,
    NumbersExcuseForm,
)
from billing.requests.presenters import excuse_rows, licence_rows
from billing.requests.text import licences_text
from portal.accounts.caller import Permission
from portal.db import unit_of_work
from portal.errors import Refused, error_document
from portal.http.middleware import PortalRequest
from portal.models import Tenant
from portal.typed_text.clean import isolated
from usage.models import Server

# Requests on a page: undecided first, then the newest.
_SHOWN = 50


def excuses_page(request: PortalRequest) -> HttpResponse:
    """Show all excuses, and which days and files of a server can be excused."""
    return _excuses(request)


@require_POST
def request_excuse(request: PortalRequest) -> HttpResponse:
    """Request an excuse for days, or file numbers, of one server."""
    now = timezone.now()
    subject = _subject(request)
    if subject is None:
        raise Refused("not-found")
    server, period, found = subject
    form: DaysExcuseForm | NumbersExcuseForm
    if "series" in request.POST:
        form = NumbersExcuseForm(request.POST)
    else:
        form = DaysExcuseForm(request.POST, missing=_missing(found, server.name))
    if not form.is_valid():
        return _excuses(request, form)
    requested = form.to_request(server.pk, period)
    try:
        excuses.request_excuse(
            request.caller.tenant, request=requested, by=request.caller.name, at=now
        )
    except Refused as refusal:
        if refusal.code not in {"asked-already", "not-missing", "reason-needed"}:
            raise
        form.add_error(None, _message(refusal))
        return _excuses(request, form)
    text = gettext(
        "Your excuse for %(server)s is waiting for the billing team."
        " Files that come meanwhile still count."
    )
    messages.success(request, text % {"server": isolated(server.name)})
    return redirect("excuses-page")


@require_POST
def withdraw_excuse(request: PortalRequest) -> HttpResponse:
    """Withdraw an excuse that nobody has decided on yet."""
    now = timezone.now()
    excuse = excuses.withdraw(
        request.caller.tenant,
        excuse_id=_number(request, "excuse"),
        by=request.caller.name,
        at=now,
    )
    text = gettext("The excuse for %(server)s is withdrawn.")
    messages.success(request, text % {"server": isolated(excuse.server.name)})
    return redirect("excuses-page")


def licences_page(request: PortalRequest) -> HttpResponse:
    """Show which licence keys are held from when on, and the requests."""
    return _licences(request)


@require_POST
def request_licences(request: PortalRequest) -> HttpResponse:
    """Change the licences, or request it where less would be owed."""
    now = timezone.now()
    form = LicencesRequestForm(request.POST, today=now.date())
    if not form.is_valid():
        return _licences(request, form)
    try:
        waiting = licence_requests.request_licences(
            request.caller.tenant,
            requested=form.to_request(),
            by=request.caller.name,
            at=now,
        )
    except Refused as refusal:
        field = "reason" if refusal.code == "reason-needed" else None
        form.add_error(field, _message(refusal))
        return _licences(request, form)
    text = gettext("The licences are changed.")
    if waiting is not None:
        text = gettext(
            "Your request is waiting for the billing team."
            " All stays as it is until they approve it."
        )
    messages.success(request, text)
    return redirect("licences-page")


@require_POST
def withdraw_licences(request: PortalRequest) -> HttpResponse:
    """Withdraw a request about licences that nobody has decided on yet."""
    now = timezone.now()
    licence_requests.withdraw(
        request.caller.tenant,
        request_id=_number(request, "request"),
        by=request.caller.name,
        at=now,
    )
    messages.success(request, gettext("The request is withdrawn."))
    return redirect("licences-page")


def _excuses(
    request: PortalRequest, submitted: DaysExcuseForm | NumbersExcuseForm | None = None
) -> HttpResponse:
    with unit_of_work.acting_for(request.caller.tenant, reading=True):
        requested = Excuse.objects.select_related("server")
        rows = excuse_rows(requested.order_by("decision", "-asked_at", "-pk")[:_SHOWN])
    shown: dict[str, Any] = {"rows": rows, "may_manage": _may_manage(request)}
    subject = _subject(request) if shown["may_manage"] else None
    if subject is not None:
        server, period, found = subject
        gaps = [gap for gap in found.missing_files if gap.server == server.name]
        missing = _missing(found, server.name)
        chosen = [str(day) for day in _chosen(request, missing)]
        days = DaysExcuseForm(missing=missing, initial={"days": chosen, "kind": "down"})
        shown |= {
            "server": server,
            "period": period,
            "days": submitted if isinstance(submitted, DaysExcuseForm) else days,
            "missing": missing,
            "numbers": [NumbersExcuseForm.of(gap) for gap in gaps],
        }
        if isinstance(submitted, NumbersExcuseForm):
            shown["numbers"] = [submitted]
    return render(request, "billing/requests/excuses.html", shown)


def _subject(request: PortalRequest) -> tuple[Server, Period, Calendar] | None:
    """Return the server and period that the address, or the form, names, or None.

    An address without a server means the only server of the period that lacks days.
    """
    now = timezone.now()
    given = request.POST if request.method == "POST" else request.GET
    name, of = given.get("server", "").replace("\0", ""), given.get("period", "")
    if not of or (not name and request.method == "POST"):
        return None
    try:
        period = Period.parse(of)
    except ValueError as error:
        raise Refused("period-invalid") from error
    with unit_of_work.acting_for(request.caller.tenant, reading=True):
        found = view_period(period, at=now).judgement.calendar
        name = name or _only_server(found)
        server = Server.objects.filter(name=name).first()
    if server is None:
        # The server of a file that is not judged yet has days, but no excuses so far.
        if request.method != "POST" and (not name or name in found.by_server):
            return None
        raise Refused("not-found")
    return server, period, found


def _only_server(found: Calendar) -> str:
    """Return the server that lacks days; empty if there is none, or several."""
    lacking = {one.server for one in found.missing}
    return lacking.pop() if len(lacking) == 1 else ""


def _missing(found: Calendar, server: str) -> list[date]:
    return [one.day for one in found.missing if one.server == server]


def _chosen(request: PortalRequest, missing: Sequence[date]) -> list[date]:
    """Return the days in the span that the link names; all days if it names none."""
    if "first" not in request.GET and "last" not in request.GET:
        return list(missing)
    try:
        first = parse_date(request.GET.get("first", ""))
        last = parse_date(request.GET.get("last", ""))
    except ValueError:
        return []
    if first is None or last is None:
        return []
    return [day for day in missing if first <= day <= last]


def _licences(
    request: PortalRequest, submitted: LicencesRequestForm | None = None
) -> HttpResponse:
    now = timezone.now()
    with unit_of_work.acting_for(request.caller.tenant, reading=True):
        history = list(licence_requests.changes())
        requested = LicenceRequest.objects.order_by("decision", "-asked_at", "-pk")
        rows = licence_rows(requested[:_SHOWN])
        zone = zone_named(Tenant.objects.get().zone)
    today = now.astimezone(zone).date()
    standing = held_on(((one.from_on, one.keys) for one in history), today)
    held = next((one.keys for one in history if one.from_on <= today), [])
    form = LicencesRequestForm(
        today=today, initial={"keys": held, "from_on": str(today)}
    )
    shown = {
        "text": licences_text(standing),
        "licences": history,
        "rows": rows,
        "form": submitted or form,
        "may_manage": _may_manage(request),
    }
    return render(request, "billing/requests/licences.html", shown)


def _may_manage(request: PortalRequest) -> bool:
    return Permission.MANAGE in request.caller.permissions


def _number(request: PortalRequest, name: str) -> int:
    text = request.POST.get(name, "")
    if not (text.isascii() and text.isdigit()) or len(text) > 18:  # noqa: PLR2004 - fits any id
        raise Refused("not-found")
    return int(text)


def _message(refusal: Refused) -> str:
    body = error_document(refusal)[1]
    return f"{body['title']} {body['advice']}"
