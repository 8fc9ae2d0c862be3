"""Staff pages of statements: the month end, a tenant's statement, the catalogue."""

from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_POST, require_safe

from billing.coverage.periods import Period
from billing.models import StatementState
from billing.statements import (
    issue,
    month_end,
    month_end_queries,
    page_queries,
    queries,
    refresh,
    staff_presenters,
)
from billing.statements.difference_presenters import named_sha256s
from billing.statements.forms import (
    COMPUTE,
    ISSUE,
    IssueForm,
    MonthEndForm,
    named_kind,
    named_line,
    named_version,
    parse_period,
)
from billing.statements.issue import IssueRequest
from billing.statements.month_end import RunRequest
from billing.statements.presenters import (
    period_context,
    statement_context,
)
from billing.statements.queries import DRAFT, LATEST
from billing.statements.views import RETRY_AFTER
from portal.accounts.caller import Permission
from portal.db import unit_of_work
from portal.errors import Refused, Unavailable, error_document
from portal.forms import first_error
from portal.http.middleware import PortalRequest
from portal.models import Tenant

# Sent as X-Part by the page's own script, which loads only the parts that change.
_PART = "month-end"

# Tenants on a page of the month end: short enough to scroll through.
TENANTS_A_PAGE = 50


@require_safe
def month_end_page(request: PortalRequest) -> HttpResponse:
    """List the statements of all tenants for a period, and show its last run."""
    name = request.GET.get("period")
    newest = Period.containing(timezone.now().date()).previous()
    return _month_end(request, parse_period(name) if name else newest)


def _month_end(
    request: PortalRequest, period: Period, submitted: MonthEndForm | None = None
) -> HttpResponse:
    """Render the month end; after a refused form, with its values and its error."""
    kind, now = named_kind(request.GET), timezone.now()
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        counts = month_end_queries.month_end_counts(period, at=now)
        found = month_end_queries.month_end_tenants(period, kind, at=now)
        pages = Paginator(found, TENANTS_A_PAGE)
        page = pages.get_page(request.GET.get("page"))
        opened = list(page)
        ids = [one.tenant_id for one in opened]
        facts = month_end_queries.month_end_facts(period, ids, at=now)
        run = month_end.last_run(period)
        progress = month_end.progress(run) if run else None
        ahead = month_end.deadlines_ahead(period, at=now)
    shown = {
        **staff_presenters.run_context(progress),
        "period": period,
        "in_period": str(period),
        "kind": kind,
        "counts": counts,
        "total": counts[""],
        "page": page,
        "ahead": ahead,
        "list_address": reverse("staff-month-end"),
        "rows": list(staff_presenters.month_end_rows(opened, facts)),
        "may_act": may_act(request),
        "form": submitted or MonthEndForm(initial={"what": COMPUTE}),
        "error": first_error(submitted) if submitted else "",
    }
    status = 422 if submitted is not None else 200
    is_part = request.headers.get("X-Part") == _PART
    name = "month-end-part" if is_part else "month-end"
    template = f"billing/statements/{name}.html"
    return render(request, template, shown, status=status)


@require_POST
def start_month_end(request: PortalRequest) -> HttpResponse:
    """Start a run that computes, or also issues, the statements of a period."""
    now = timezone.now()
    form = MonthEndForm(request.POST)
    if not form.is_valid():
        period = form.cleaned_data.get("period")
        if period is None:
            messages.error(request, first_error(form))
            return redirect("staff-month-end")
        return _month_end(request, period, form)
    given = form.cleaned_data
    is_issuing = given["what"] == ISSUE
    wanted = RunRequest(
        period=given["period"],
        is_issuing=is_issuing,
        by=request.caller.name,
        at=now,
        with_incomplete=is_issuing and given["with_incomplete"],
        reason=given["reason"],
    )
    try:
        run = month_end.start(wanted)
    except Refused as refusal:
        form.add_error(None, refusal_message(refusal))
        return _month_end(request, given["period"], form)
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        count = month_end.progress(run).tenants
    text = ngettext(
        "The run has started for %(count)s tenant.",
        "The run has started for %(count)s tenants.",
        count,
    )
    messages.success(request, text % {"count": count})
    query = urlencode({"period": given["period"]})
    return redirect(f"{reverse('staff-month-end')}?{query}")


@require_safe
def statement(request: PortalRequest, number: str, period: str) -> HttpResponse:
    """Show a tenant's statement as the tenant sees it, and the form to issue it."""
    tenant, wanted = _tenant(number), parse_period(period)
    return _statement(request, tenant, wanted)


@require_POST
def issue_statement(request: PortalRequest, number: str, period: str) -> HttpResponse:
    """Issue the figures shown on the page as the next version."""
    now = timezone.now()
    tenant, wanted = _tenant(number), parse_period(period)
    form = IssueForm(request.POST)
    if not form.is_valid():
        return _statement(request, tenant, wanted, form)
    given = form.cleaned_data
    terms = IssueRequest(
        period=wanted,
        by=request.caller.name,
        at=now,
        reason=given["reason"],
        with_incomplete=given["with_incomplete"],
        expected=given["figures_sha256"],
    )
    try:
        issued = issue.issue(tenant.pk, terms)
    except (Refused, Unavailable) as problem:
        form.add_error(None, refusal_message(problem))
        return _statement(request, tenant, wanted, form)
    text = gettext("Version %(version)s was issued as %(number)s.")
    shown = {"version": issued.version, "number": issued.number}
    messages.success(request, text % shown)
    return redirect("staff-statement", number=number, period=wanted)


def _statement(
    request: PortalRequest,
    tenant: Tenant,
    period: Period,
    form: IssueForm | None = None,
) -> HttpResponse:
    """Render a tenant's statement; with a refused `form`, the figures it would issue.

    The form appears only beside the figures that it issues.
    """
    now = timezone.now()
    try:
        version = named_version(request.GET)
        if form is not None:
            current = refresh.fresh_statement(tenant.pk, period, at=now)
            version = DRAFT if current.state == StatementState.DRAFT else LATEST
        served = queries.serve(tenant.pk, period, version=version, at=now)
    except (Refused, Unavailable) as problem:
        return _without_figures(request, tenant, period, problem)
    document = served.content()
    queries.refresh_if_possible(tenant.pk, period, at=now)
    with unit_of_work.acting_for(tenant.pk, reading=True):
        facts = page_queries.statement_facts(period, named_sha256s(document))
        current_row = page_queries.stored_statement(period)
    shown = {
        **statement_context(document, served, facts, line=named_line(request.GET)),
        "base": _base(tenant, period),
        "may_see_evidence": Permission.EVIDENCE in request.caller.permissions,
        "may_act": may_act(request),
        "is_staff_page": True,
        "error": first_error(form) if form else "",
    }
    if current_row is not None and served.head.version is None:
        shown["terms"] = staff_presenters.issue_terms(current_row)
        shown["form"] = form or IssueForm()
    status = 422 if form is not None else 200
    template = "billing/statements/staff-statement.html"
    return render(request, template, shown, status=status)


def _without_figures(
    request: PortalRequest,
    tenant: Tenant,
    period: Period,
    problem: Refused | Unavailable,
) -> HttpResponse:
    with unit_of_work.acting_for(tenant.pk, reading=True):
        facts = page_queries.statement_facts(period, ())
    status, body = error_document(problem)
    shown = {
        **body,
        **period_context(period, facts),
        "customer": tenant,
        "is_staff_page": True,
        "is_opened": period in facts.periods,
        "base": _base(tenant, period),
    }
    template = "billing/statements/staff-without-figures.html"
    response = render(request, template, shown, status=status)
    if isinstance(problem, Unavailable):
        response["Retry-After"] = str(RETRY_AFTER)
    return response


def _tenant(number: str) -> Tenant:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        return page_queries.find_tenant(number)


def _base(tenant: Tenant, period: Period) -> str:
    """Return the address of a tenant's statements, which a period completes."""
    names = {"number": tenant.number, "period": period}
    return reverse("staff-statement", kwargs=names).removesuffix(str(period))


def may_act(request: PortalRequest) -> bool:
    return Permission.STAFF_ACT in request.caller.permissions


def refusal_message(problem: Refused | Unavailable) -> str:
    _, body = error_document(problem)
    return f"{body['title']} {body['advice']}"
