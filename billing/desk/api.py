"""API endpoint that lists the standings of all tenants in a period, for staff."""

from datetime import date, datetime
from typing import Literal

from django.utils import timezone
from ninja import Query, Router, Schema
from pydantic import Field

from billing import api
from billing.coverage.periods import Period
from billing.desk import forms as desk_forms
from billing.desk import queries as desk_queries
from billing.desk.desk_row import DeskRow
from billing.desk.sql import DeskFilter
from billing.periods import queries as period_queries
from portal.db import unit_of_work
from portal.errors import Refused
from portal.http.middleware import PortalRequest
from portal.typed_text.schemas import Line

router = Router(tags=["staff"])

# The calendar of each tenant with missing days is computed for the response.
_MOST = 100


class StandingsIn(Schema):
    """Which tenants: `standing` and `q` (a part of name or number) narrow.

    `after` is the `next` of the page before.
    """

    period: Line
    standing: Line | None = None
    q: Line = ""
    limit: int = Field(50, ge=1, le=_MOST)
    after: int = Field(0, ge=0, le=1_000_000_000)


class TenantStandingOut(Schema):
    """How one tenant stands. Counts are of server-days; see `PeriodOut`.

    `missing_since` is when the first day that is missing now was over. Of who lacks
    nothing `missing` and `missing_files` are empty. `is_updating`: the newest files or
    changes are not counted yet, but are considered in `missing` and `missing_files`;
    with `has_failed` they cannot be counted.
    """

    number: str
    name: str
    standing: str
    deadline_at: datetime
    is_extended: bool
    zone: str
    owed: int
    received: int
    missing_days: int
    fault_days: int
    with_us_days: int
    turn: Literal["nobody", "tenant", "staff", "portal"]
    pending_days: int
    lacks_servers: bool
    missing_since: datetime | None
    last_received_at: datetime | None
    reminders: int
    reminded_at: datetime | None
    is_updating: bool
    has_failed: bool
    missing: list[api.MissingOut]
    missing_files: list[api.MissingFilesOut]


class StandingsOut(Schema):
    """A page of a period; `counts` is by standing, of all tenants that `q` finds."""

    period: str
    starts_on: date
    ends_on: date
    target_on: date
    counts: dict[str, int]
    tenants: list[TenantStandingOut]
    next: int | None


# The id is the one of the first release: generated clients name their function by it.
@router.get(
    "/staff/standings",
    response=StandingsOut,
    url_name="standings",
    operation_id="billing_staff_standings_api_list_standings",
)
def list_standings(request: PortalRequest, given: Query[StandingsIn]) -> StandingsOut:
    """List how all tenants stand in a period, the most urgent first."""
    del request  # the middleware has authorised the caller
    now = timezone.now()
    desk_filter = _desk_filter(given)
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        # Of a search that finds many tenants all are counted and sorted, as documented.
        found = desk_queries.find_matches(desk_filter) or desk_filter
        counts = desk_queries.standing_counts(found, at=now)
        rows = desk_queries.desk_rows(
            found, at=now, most=given.limit + 1, offset=given.after, counted=counts
        )
    period = desk_filter.period
    return StandingsOut(
        period=str(period),
        starts_on=period.starts_on,
        ends_on=period.ends_on,
        target_on=period.target_on,
        counts={standing.value: count for standing, count in counts.items()},
        tenants=[_tenant_out(row, period, at=now) for row in rows[: given.limit]],
        next=given.after + given.limit if len(rows) > given.limit else None,
    )


def _desk_filter(given: StandingsIn) -> DeskFilter:
    try:
        period = Period.parse(given.period)
    except ValueError as error:
        raise Refused("period-invalid") from error
    if given.standing is None:
        return DeskFilter(period=period, search=desk_forms.search_text(given.q))
    standing = desk_forms.SLUGS.get(given.standing.replace(" ", "-"))
    if standing is None:
        raise Refused("input-invalid", detail="query.standing: no such standing")
    return DeskFilter(
        period=period, standing=standing, search=desk_forms.search_text(given.q)
    )


def _tenant_out(row: DeskRow, period: Period, *, at: datetime) -> TenantStandingOut:
    missing: list[api.MissingOut] = []
    missing_files: list[api.MissingFilesOut] = []
    if row.numbers.missing or row.numbers.faults:
        with unit_of_work.acting_for(row.tenant_id, reading=True):
            view = period_queries.view_period(period, at=at)
        seen = api.period_out(view, at=at)
        missing, missing_files = seen.missing, seen.missing_files
    return TenantStandingOut(
        number=row.number,
        name=row.name,
        standing=row.standing.value,
        deadline_at=row.deadline_at,
        is_extended=row.is_extended,
        zone=row.zone,
        owed=row.owed,
        received=row.covered,
        missing_days=row.numbers.missing,
        fault_days=row.numbers.faults,
        with_us_days=row.numbers.with_us,
        turn=row.turn.value,
        pending_days=row.numbers.pending,
        lacks_servers=row.lacks_servers,
        missing_since=row.missing_since,
        last_received_at=row.last_received_at,
        reminders=row.reminders,
        reminded_at=row.reminded_at,
        is_updating=row.is_updating,
        has_failed=row.has_failed,
        missing=missing,
        missing_files=missing_files,
    )
