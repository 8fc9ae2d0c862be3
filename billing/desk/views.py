"""Views of the billing desk: all tenants of a period, most urgent first, and as CSV."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from billing.coverage.standing import Standing
from billing.desk import forms as desk_forms
from billing.desk import head as desk_head
from billing.desk import presenters as desk_presenters
from billing.desk import queries as desk_queries
from billing.desk.bulk_actions import ACTIONS
from billing.desk.desk_row import DeskRow
from billing.desk.queries import MOST_COUNTED
from billing.desk.sql import DeskFilter, DeskOrder
from billing.lateness.undecided_queries import count_undecided
from billing.periods.updating import await_fresh, updating_tenants
from portal.accounts.caller import Permission
from portal.audit import exports
from portal.db import unit_of_work
from portal.http.downloads import Download, with_retry_after
from portal.http.middleware import PortalRequest
from portal.http.sheets import streamed_sheet, wanted_format
from portal.models import Tenant
from portal.pages.filters import known_value, required_value

# Tenants on one page: short enough to scroll through.
A_PAGE = 50

# Rows of an export that are read at a time.
_CHUNK = 1_000


@require_safe
def billing_desk(request: PortalRequest) -> HttpResponse:
    """Show how all tenants stand in a period."""
    now = timezone.now()
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        desk_filter, found, counts = _counted(request, at=now)
        count = _count(desk_filter, counts)
        pages = max(1, -(-(MOST_COUNTED if count is None else count) // A_PAGE))
        page = desk_forms.page_number(request.GET, pages=pages)
        offset = (page - 1) * A_PAGE
        # One more than are shown, to see whether there is a next page.
        rows = desk_queries.desk_rows(
            found, at=now, most=A_PAGE + 1, offset=offset, counted=counts
        )
        updating = updating_tenants(str(desk_filter.period))
        undecided = count_undecided(str(desk_filter.period), at=now)
        has_no_tenants = not rows and not Tenant.objects.exists()
    has_next = len(rows) > A_PAGE and page < pages
    rows = rows[:A_PAGE]
    shown = {
        **_head(desk_filter, counts),
        "at": now,
        "updating": updating,
        "undecided": undecided,
        "has_no_tenants": has_no_tenants,
        "in_period": desk_filter.period,
        "lines": desk_presenters.table_rows(
            rows,
            desk_filter.period,
            at=now,
            came_from=desk_forms.narrowing(desk_filter, page),
        ),
        "line_count": len(rows),
        "count": count,
        "most_counted": MOST_COUNTED,
        "page": page,
        "has_next": has_next,
        "first": offset + 1,
        "last": offset + len(rows),
        "may_act": Permission.STAFF_ACT in request.caller.permissions,
        "acts": ACTIONS.items(),
    }
    return render(request, "billing/desk/desk.html", shown)


@require_safe
@with_retry_after
def desk_csv(request: PortalRequest) -> HttpResponseBase:
    """Export the filtered list, or the selected tenants on it.

    Waits up to 30 seconds for stale summaries; rows that are still stale are marked.
    """
    wanted = wanted_format(request)
    download = Download(request.caller)
    now = timezone.now()
    required_value(request, "standing", desk_forms.SLUGS)
    required_value(request, "sort", set(DeskOrder))
    period = desk_forms.named_period(request.GET) or desk_forms.last_ended(now)
    await_fresh(str(period))
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        desk_filter = desk_forms.desk_filter(request.GET, period=period)
        ticked = desk_forms.tenant_ids(request.GET)
        if ticked:
            desk_filter = replace(desk_filter, tenants=ticked)
        ids = desk_queries.tenant_ids(desk_filter, at=now)
    wanted.require_rows(len(ids))
    exports.record(
        "standings",
        by=request.caller.name,
        at=now,
        details={"period": str(period), "rows": len(ids), "format": wanted.ending},
    )
    rows = _in_chunks(desk_filter, ids, at=now)
    table = desk_presenters.desk_table(rows, desk_filter.period)
    stamp = f"{now.astimezone(UTC):%Y%m%d-%H%MZ}"
    name = f"standings-{desk_filter.period}-{stamp}.{wanted.ending}"
    return streamed_sheet(download, wanted, table, name=name)


def _counted(
    request: PortalRequest, *, at: datetime
) -> tuple[DeskFilter, DeskFilter, Mapping[Standing, int] | None]:
    """Count the requested period, or by default the last ended one with tenants.

    Returns the filter of the request, the same with the tenants that a search has
    found, and the counts; None if the search finds too many to count.
    """
    named = desk_forms.named_period(request.GET)
    known_value(request, "standing", desk_forms.SLUGS)
    known_value(request, "sort", set(DeskOrder))
    desk_filter = desk_forms.desk_filter(
        request.GET, period=named or desk_forms.last_ended(at)
    )
    if desk_filter.search:
        found = desk_queries.find_matches(desk_filter)
        if found is None:
            return desk_filter, desk_filter, None
        return desk_filter, found, desk_queries.standing_counts(found, at=at)
    counts = desk_queries.standing_counts(desk_filter, at=at)
    if named is None and not any(counts.values()):
        desk_filter = replace(desk_filter, period=desk_filter.period.next())
        counts = desk_queries.standing_counts(desk_filter, at=at)
    return desk_filter, desk_filter, counts


def _count(
    desk_filter: DeskFilter, counts: Mapping[Standing, int] | None
) -> int | None:
    """Return the length of the list, None if it is not counted."""
    if counts is None:
        return None
    return (
        counts[desk_filter.standing] if desk_filter.standing else sum(counts.values())
    )


def _head(
    desk_filter: DeskFilter, counts: Mapping[Standing, int] | None
) -> dict[str, Any]:
    """Return the context above the list: counts as filters, orders, periods, search."""
    address = desk_forms.address
    return {
        "desk_filter": desk_filter,
        "period": desk_filter.period,
        "query": address(desk_filter),
        "total": None if counts is None else sum(counts.values()),
        "all_query": address(desk_filter, standing=""),
        "filters": desk_head.standing_filters(desk_filter, counts),
        "heads": desk_head.column_heads(desk_filter),
        "before": address(desk_filter, period=desk_filter.period.previous()),
        "after": address(desk_filter, period=desk_filter.period.next()),
    }


def _in_chunks(
    desk_filter: DeskFilter, ids: list[int], *, at: datetime
) -> Iterator[DeskRow]:
    """Load rows while sending them: no unit of work waits for a slow connection."""
    for start in range(0, len(ids), _CHUNK):
        some = ids[start : start + _CHUNK]
        chosen = DeskFilter(period=desk_filter.period, tenants=some)
        with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
            rows = desk_queries.desk_rows(chosen, at=at, most=len(some))
        yield from desk_queries.in_this_order(rows, some)
