"""Customer pages of billing data: the statement of a period and its versions."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from billing.coverage.periods import Period
from billing.statements import page_body, page_queries
from billing.statements.forms import named_line, named_version, parse_period
from billing.statements.page_body import PageRequest
from billing.statements.presenters import period_context
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
    tenant_id, shown = request.caller.tenant, parse_period(period)
    try:
        wanted = PageRequest(
            tenant_id=tenant_id,
            period=shown,
            version=named_version(request.GET),
            line=named_line(request.GET),
            base=_base(shown),
            may_see_evidence=Permission.EVIDENCE in request.caller.permissions,
        )
        body = page_body.body_of(wanted, at=timezone.now())
    except (Refused, Unavailable) as problem:
        return _without_figures(request, shown, problem)
    context = {"period": shown, "body": body}
    return render(request, "billing/statements/statement.html", context)


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
