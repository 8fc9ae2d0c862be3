"""Pages of a day of a statement, and the list of the users that were counted."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from billing.statements import counted_users, page_queries, queries
from billing.statements.counted_users import UsersRequest
from billing.statements.day_files import day_of
from billing.statements.day_presenters import day_context, users_context
from billing.statements.file_contributions import (
    FileContribution,
    file_contributions,
)
from billing.statements.forms import UsersForm, named_version, parse_day, parse_period
from portal.accounts.caller import Permission
from portal.db import unit_of_work
from portal.errors import Refused, Unavailable, error_document
from portal.http.middleware import PortalRequest


@require_safe
def day(request: PortalRequest, period: str, day: str) -> HttpResponse:
    """Show a day of the caller's statement, hour by hour and file by file."""
    shown = _day(request, request.caller.tenant, period, day)
    shown["may_see_names"] = Permission.NAMES in request.caller.permissions
    return render(request, "billing/statements/day.html", shown)


@require_safe
def staff_day(
    request: PortalRequest, number: str, period: str, day: str
) -> HttpResponse:
    """Show a day of a tenant's statement as the tenant sees it, without names."""
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        tenant = page_queries.find_tenant(number)
    shown = _day(request, tenant.pk, period, day)
    shown |= {"customer": tenant, "is_staff_page": True}
    return render(request, "billing/statements/staff-day.html", shown)


@require_http_methods(["GET", "HEAD", "POST"])
def users(request: PortalRequest, period: str, day: str) -> HttpResponse:
    """List the counted users of a line on one day; each request is recorded.

    The list is in the response to the POST itself: the target of a redirect could be
    reloaded without an audit entry.
    """
    if request.method != "POST":
        # After signing in again, or from the address bar: nothing is listed unasked.
        query = urlencode({"version": _version(request)})
        names = {"period": parse_period(period), "day": parse_day(day)}
        return redirect(f"{reverse('statement-day', kwargs=names)}?{query}")
    form = UsersForm(request.POST)
    # Tokens cannot list names, whatever their scope.
    if not form.is_valid() or request.caller.user_id is None:
        raise Refused("not-found")
    now, tenant_id, version = timezone.now(), request.caller.tenant, _version(request)
    found = queries.serve(tenant_id, parse_period(period), version=version, at=now)
    wanted = UsersRequest(
        day=parse_day(day),
        line=form.cleaned_data["line"],
        page=form.cleaned_data["page"] or 1,
    )
    listed = counted_users.users_of_line(
        tenant_id, found, wanted, by=request.caller.name, at=now
    )
    shown = {
        **users_context(found, found.content(), wanted, listed),
        "version": version,
    }
    return render(request, "billing/statements/users.html", shown)


def _day(
    request: PortalRequest, tenant_id: int, period: str, day: str
) -> dict[str, Any]:
    wanted, version = parse_period(period), _version(request)
    found = queries.serve(tenant_id, wanted, version=version, at=timezone.now())
    document = found.content()
    of_day = day_of(document, parse_day(day))
    contributions: Sequence[FileContribution] = ()
    problem = None
    try:
        contributions = file_contributions(tenant_id, found, parse_day(day))
    except (Refused, Unavailable) as error:
        # The figures of the day are in the document, whatever has become of its files.
        problem = error_document(error)[1]
    return {
        **day_context(found, document, of_day, contributions),
        "version": version,
        "problem": problem,
    }


def _version(request: PortalRequest) -> str:
    return named_version(request.GET)
