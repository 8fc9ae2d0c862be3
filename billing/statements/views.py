"""Customer pages of billing data: the statement of a period and its versions."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from billing.coverage.periods import Period
from billing.statements import page_queries, queries
from billing.statements.difference_presenters import named_sha256s
from billing.statements.forms import named_line, named_version, parse_period
from billing.statements.presenters import (
    period_context,
    statement_context,
)
from portal.accounts.caller import Permission
from portal.db import unit_of_work
from portal.errors import Refused, Unavailable, error_document
from portal.http.middleware import PortalRequest

# Seconds after which a browser may retry while the figures cannot be computed.
RETRY_AFTER = 60


@require_safe
def statements(request: PortalRequest) -> HttpResponse:
    """Redirect to the newest period that has figures."""
    with unit_of_work.acting_for(request.caller.tenant, reading=True):
        period = page_queries.newest_shown_period()
    if period is None:
        return render(request, "billing/statements/none.html")
    return redirect("statement-page", period=period)


@require_safe
def statement(request: PortalRequest, period: str) -> HttpResponse:
    """Show the statement of a period: issued, provisional, or a draft."""
    now = timezone.now()
    tenant_id, wanted = request.caller.tenant, parse_period(period)
    try:
        version = named_version(request.GET)
        served = queries.serve(tenant_id, wanted, version=version, at=now)
    except (Refused, Unavailable) as problem:
        return _without_figures(request, wanted, problem)
    document = served.content()
    queries.refresh_if_possible(tenant_id, wanted, at=now)
    with unit_of_work.acting_for(tenant_id, reading=True):
        facts = page_queries.statement_facts(wanted, named_sha256s(document))
    shown = {
        **statement_context(document, served, facts, line=named_line(request.GET)),
        "base": _base(wanted),
        "may_see_evidence": Permission.EVIDENCE in request.caller.permissions,
    }
    return render(request, "billing/statements/statement.html", shown)


def _without_figures(
    request: PortalRequest, period: Period, problem: Refused | Unavailable
) -> HttpResponse:
    with unit_of_work.acting_for(request.caller.tenant, reading=True):
        facts = page_queries.statement_facts(period, ())
    status, body = error_document(problem)
    shown = {
        **body,
        **period_context(period, facts),
        "is_opened": period in facts.periods,
        "base": _base(period),
    }
    template = "billing/statements/without-figures.html"
    response = render(request, template, shown, status=status)
    if isinstance(problem, Unavailable):
        response["Retry-After"] = str(RETRY_AFTER)
    return response


def _base(period: Period) -> str:
    """Return the address of the statements, which a period completes."""
    address = reverse("statement-page", kwargs={"period": period})
    return address.removesuffix(str(period))
