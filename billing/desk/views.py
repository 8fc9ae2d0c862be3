"""The billing desk: one period, all tenants, first those who want somebody."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from billing.coverage.standing import Standing
from billing.desk import forms as desk_forms
from billing.desk import presenters as desk_presenters
from billing.desk import queries as desk_queries
from billing.desk.bulk_actions import ACTIONS
from billing.desk.queries import DeskRow
from billing.desk.sql import DeskFilter, DeskOrder
from portal.accounts.caller import Permission
from portal.db import unit_of_work
from portal.http.middleware import PortalRequest

# Tenants on one page: what one scrolls through without losing the place.
A_PAGE = 50

# Rows of an export that are read at a time.
_CHUNK = 1_000


@require_safe
def billing_desk(request: PortalRequest) -> HttpResponse:
    """Show how all tenants stand in a period."""
    now = timezone.now()
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        wish, counts = _counted(request, at=now)
        count = counts[wish.standing] if wish.standing else sum(counts.values())
        pages = max(1, -(-count // A_PAGE))
        page = desk_forms.page_number(request.GET, pages=pages)
        offset = (page - 1) * A_PAGE
        rows = desk_queries.desk_rows(
            wish, at=now, most=A_PAGE, offset=offset, counted=counts
        )
    shown = {
        **_head(wish, counts),
        "at": now,
        "lines": desk_presenters.table_rows(
            rows, wish.period, at=now, came_from=desk_forms.narrowing(wish, page)
        ),
        "count": count,
        "page": page,
        "pages": pages,
        "first": offset + 1,
        "last": offset + len(rows),
        "may_act": Permission.STAFF_ACT in request.caller.permissions,
        "acts": ACTIONS.items(),
    }
    return render(request, "billing/desk/desk.html", shown)


@require_safe
def desk_csv(request: PortalRequest) -> StreamingHttpResponse:
    """Hand out the list as it is narrowed, or of it the tenants that are ticked."""
    now = timezone.now()
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        period = desk_forms.named_period(request.GET) or desk_forms.last_ended(now)
        wish = desk_forms.desk_filter(request.GET, period=period)
        chosen = desk_forms.tenant_ids(request.GET)
        if chosen:
            wish = replace(wish, tenants=chosen)
        ids = desk_queries.tenant_ids(wish, at=now)
    pieces = desk_presenters.as_csv(_in_chunks(wish, ids, at=now), wish.period)
    response = StreamingHttpResponse(pieces, content_type="text/csv; charset=utf-8")
    name = f"standings-{wish.period}-{now.astimezone(UTC):%Y%m%d-%H%MZ}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _counted(
    request: PortalRequest, *, at: datetime
) -> tuple[DeskFilter, dict[Standing, int]]:
    """Count the period that is asked for, else the last ended one that anybody has."""
    named = desk_forms.named_period(request.GET)
    wish = desk_forms.desk_filter(
        request.GET, period=named or desk_forms.last_ended(at)
    )
    counts = desk_queries.standing_counts(wish, at=at)
    if named is None and not wish.search and not any(counts.values()):
        wish = replace(wish, period=wish.period.next())
        counts = desk_queries.standing_counts(wish, at=at)
    return wish, counts


def _head(wish: DeskFilter, counts: dict[Standing, int]) -> dict[str, Any]:
    """Return what stands above the list: counts as filters, sorts, periods, search."""
    address = desk_forms.address
    return {
        "wish": wish,
        "period": wish.period,
        "query": address(wish),
        "total": sum(counts.values()),
        "all_query": address(wish, standing=""),
        "filters": desk_presenters.standing_filters(wish, counts),
        "sorts": {
            sort.name.lower(): {
                "query": address(wish, sort=sort.value),
                "is_on": wish.sort is sort,
            }
            for sort in DeskOrder
        },
        "before": address(wish, period=wish.period.previous()),
        "after": address(wish, period=wish.period.next()),
    }


def _in_chunks(wish: DeskFilter, ids: list[int], *, at: datetime) -> Iterator[DeskRow]:
    """Read rows as they are sent: no unit of work waits for a slow line."""
    for start in range(0, len(ids), _CHUNK):
        some = ids[start : start + _CHUNK]
        chosen = DeskFilter(period=wish.period, tenants=some)
        with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
            rows = desk_queries.desk_rows(chosen, at=at, most=len(some))
        yield from desk_queries.in_this_order(rows, some)
