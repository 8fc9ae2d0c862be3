"""Views of the page *Late*: lists late flags, records decisions, moves deadlines."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from billing.coverage.periods import Period
from billing.desk.forms import named_period
from billing.lateness import decide as late_decide
from billing.lateness import queries as late_queries
from billing.lateness import undecided_queries
from billing.lateness.export import late_table
from billing.lateness.forms import ConsequenceForm, ExtensionForm
from billing.lateness.queries import FlagFilter
from billing.lateness.text import FlagRow, chosen_days, flag_row
from billing.models import LateFlag, StaffNote
from billing.notes import queries as note_queries
from billing.periods import deadlines
from billing.periods.queries import opened_periods
from billing.periods.text import month_text
from billing.periods.updating import await_fresh, updating_tenants
from billing.staff import tenant_head
from billing.staff.action_views import back, run_action, tenant_of
from billing.staff.tenant_page import PERIODS_OFFERED
from portal.accounts.caller import Permission
from portal.audit import exports
from portal.db import unit_of_work
from portal.forms import first_error
from portal.http.downloads import Download, with_retry_after
from portal.http.middleware import PortalRequest
from portal.http.sheets import streamed_sheet, wanted_format
from portal.pages.filters import known_value, required_value

# Flags on one page: short enough to scroll through.
FLAGS_A_PAGE = 25

# Flags that are read from the database at a time.
_CHUNK = 500


@require_safe
def late(request: PortalRequest) -> HttpResponse:
    kind = known_value(request, "kind", set(FlagFilter))
    period = str(named_period(request.GET) or "")
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        pages = Paginator(late_queries.flags(kind, period), FLAGS_A_PAGE)
        page: Page[LateFlag] = pages.get_page(request.GET.get("page"))
        shown = {
            "kind": kind,
            "in_period": period,
            "kept": urlencode({"kind": kind, "period": period}),
            "page": page,
            "rows": _with_notes(page),
            "counts": (counts := late_queries.counts(period)),
            "total": counts[""],
            "periods": [
                (name, month_text(Period.parse(name)))
                for name in late_queries.periods()
            ],
            "stops": [
                (stop, month_text(Period.parse(stop.period)))
                for stop in late_queries.stops()
            ],
            "undecided": undecided_queries.count_undecided(period, at=timezone.now()),
            "updating": updating_tenants(period),
            "may_act": Permission.STAFF_ACT in request.caller.permissions,
        }
    return render(request, "billing/lateness/late.html", shown)


@require_safe
@with_retry_after
def late_csv(request: PortalRequest) -> HttpResponseBase:
    """Export the filtered list of flags.

    Waits up to 30 seconds for stale summaries; rows that are still stale are marked.
    """
    wanted = wanted_format(request)
    download = Download(request.caller)
    now = timezone.now()
    kind = required_value(request, "kind", set(FlagFilter))
    period = str(named_period(request.GET) or "")
    await_fresh(period)
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        ids = list(late_queries.flags(kind, period).values_list("pk", flat=True))
    wanted.require_rows(len(ids))
    exports.record(
        "late-flags",
        by=request.caller.name,
        at=now,
        details={"period": period, "rows": len(ids), "format": wanted.ending},
    )
    stamp = f"{now.astimezone(UTC):%Y%m%d-%H%MZ}"
    name = f"late-{period or 'all'}-{stamp}.{wanted.ending}"
    return streamed_sheet(download, wanted, late_table(_in_chunks(ids)), name=name)


@require_POST
def waive(request: PortalRequest, number: str, flag_id: int) -> HttpResponse:
    """Waive days of a flag, so that they no longer count."""
    cells = chosen_days(request.POST.getlist("cells"))
    if not cells:
        messages.error(request, gettext("Tick the days that shall be waived."))
        return back(request, tenant_of(number).number)
    act = partial(late_decide.waive, flag_id=flag_id, cells=cells)
    done = gettext("Waived. New missing days would open the flag again.")
    return run_action(request, number, act, done=done)


@require_POST
def decide(request: PortalRequest, number: str, flag_id: int) -> HttpResponse:
    """Record the consequence of a late flag."""
    form = ConsequenceForm(request.POST)
    if not form.is_valid():
        messages.error(request, first_error(form))
        return back(request, tenant_of(number).number)
    given = form.cleaned_data
    days = frozenset(given["days"].splitlines())
    choice = late_decide.ConsequenceChoice(
        given["consequence"], seen=given["seen"], days=days
    )
    act = partial(late_decide.decide, flag_id=flag_id, choice=choice)
    done = gettext("The decision is recorded. The portal itself disables nothing.")
    return run_action(request, number, act, done=done)


@require_POST
def extend(request: PortalRequest, number: str) -> HttpResponse:
    """Extend a tenant's deadline for a period."""
    tenant = tenant_of(number)
    with unit_of_work.acting_for(tenant.pk, reading=True):
        form = ExtensionForm(request.POST, opened=opened_periods(most=PERIODS_OFFERED))
        if not form.is_valid():
            messages.error(request, first_error(form))
            return back(request, number, tab=tenant_head.PERIOD)
        given = form.cleaned_data
        is_flagged = bool(late_queries.flagged([tenant.pk], given["period"]))

    def act(tenant_id: int, *, by: str, at: datetime, reason: str) -> None:
        deadlines.extend(
            *(tenant_id, given["period"]), to=given["to"], by=by, at=at, reason=reason
        )

    done = gettext("The extension is granted.")
    if is_flagged:
        done = gettext(
            "The extension is granted; the flag of the earlier late-from time is void."
        )
    return run_action(
        request, number, act, done=done, period=given["period"], tab=tenant_head.PERIOD
    )


def _with_notes(
    flags: Page[LateFlag],
) -> list[tuple[FlagRow, StaffNote | None]]:
    """Return the rows of flags, each with the newest note about its tenant."""
    notes = note_queries.last_notes({flag.tenant_id for flag in flags})
    return [(flag_row(flag), notes.get(flag.tenant_id)) for flag in flags]


def _in_chunks(ids: list[int]) -> Iterator[LateFlag]:
    for begin in range(0, len(ids), _CHUNK):
        some = ids[begin : begin + _CHUNK]
        with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
            found = late_queries.flags().in_bulk(some)
        yield from (found[one] for one in some if one in found)
