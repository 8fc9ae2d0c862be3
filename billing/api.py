"""API endpoints for periods: what is owed, what is missing, and until when."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from django.utils import timezone
from ninja import Router, Schema

from billing.calendar_view.text import reason_text
from billing.coverage.calendar import Calendar, CellState, FileGap, MissingCell
from billing.coverage.periods import Period
from billing.models import TenantPeriod
from billing.periods import queries as period_queries
from billing.periods.headline import Reader, headline
from billing.periods.queries import PeriodView
from billing.periods.text import reader_of
from portal.db import unit_of_work
from portal.errors import Refused
from portal.http.middleware import PortalRequest

router = Router(tags=["periods"])

# Periods in the list: two years of them.
_LISTED = 24


class MissingOut(Schema):
    """A server-day that is owed and not here; `is_fault`: never held against you."""

    server: str
    day: date
    why: str
    text: str
    is_fault: bool


class MissingFilesOut(Schema):
    """Files known to be missing by their numbers, and the days they lie between."""

    server: str
    series: UUID
    first_sequence: int
    last_sequence: int
    from_day: date
    to_day: date


class DayOut(Schema):
    day: date
    state: Literal[
        "received", "partial", "silent", "excused", "missing", "with us", "pending"
    ]
    why: str
    sequences: list[int]


class RowOut(Schema):
    """One server's days, those that it owes."""

    server: str
    owed: int
    received: int
    days: list[DayOut]


class PeriodOut(Schema):
    """A billing period. Days are local, `deadline_at` is an instant in UTC.

    Everything is due by `due_at`, the end of `due_on` (`target_on` is its older name).
    From `late_from` on (`deadline_at` is its older name), what is missing is late.
    `headline` and `request` are the first sentences that pages show. `owed` counts
    server-days; `received` those of them that need nothing more: all their files are
    received, or the server provably wrote none, or they are excused. `states` counts
    them by state.
    """

    period: str
    starts_on: date
    ends_on: date
    target_on: date
    due_on: date
    due_at: datetime
    deadline_at: datetime
    late_from: datetime
    zone: str
    standing: str
    headline: str
    request: str
    turn: Literal["nobody", "tenant", "staff", "portal"]
    next_step: Literal["none", "upload", "confirm-keys", "check-servers"]
    owed: int
    received: int
    states: dict[str, int]
    missing: list[MissingOut]
    missing_files: list[MissingFilesOut]
    calendar: list[RowOut]


class PeriodLine(Schema):
    """A period that has opened; ask for it by name to see where it stands."""

    period: str
    starts_on: date
    ends_on: date
    target_on: date
    deadline_at: datetime
    zone: str


class PeriodsOut(Schema):
    periods: list[PeriodLine]


@router.get("/periods/{period}", response=PeriodOut, url_name="period")
def show_period(request: PortalRequest, period: str) -> PeriodOut:
    """Show one period: its calendar, what is missing, and until when."""
    try:
        wanted = Period.parse(period)
    except ValueError as error:
        raise Refused("period-invalid") from error
    now = timezone.now()
    with unit_of_work.acting_for(request.caller.tenant, reading=True):
        view = period_queries.view_period(wanted, at=now)
    return period_out(view, at=now, reader=reader_of(request.caller))


@router.get("/periods", response=PeriodsOut, url_name="periods")
def list_periods(request: PortalRequest) -> PeriodsOut:
    """List the periods that have opened, newest first."""
    with unit_of_work.acting_for(request.caller.tenant, reading=True):
        opened = period_queries.opened_periods(most=_LISTED)
    return PeriodsOut(periods=[_line_out(one) for one in opened])


def period_out(
    view: PeriodView, *, at: datetime, reader: Reader = Reader.MEMBER
) -> PeriodOut:
    calendar = view.judgement.calendar
    period = view.period
    head = headline(view, at=at, reader=reader)
    return PeriodOut(
        period=str(period),
        starts_on=period.starts_on,
        ends_on=period.ends_on,
        target_on=period.target_on,
        due_on=period.target_on,
        due_at=view.due_at,
        deadline_at=view.deadline_at,
        late_from=view.deadline_at,
        zone=view.zone,
        standing=view.judgement.standing.value,
        headline=head.answer,
        request=head.please,
        turn=head.turn.value,
        next_step=head.step.value,
        owed=calendar.owed,
        received=calendar.covered,
        states={
            state.value: calendar.counts.by_state.get(state, 0) for state in CellState
        },
        missing=[_missing_out(one) for one in calendar.missing],
        missing_files=[_missing_files_out(gap) for gap in calendar.missing_files],
        calendar=[_row_out(calendar, server) for server in calendar.by_server],
    )


def _line_out(opened: TenantPeriod) -> PeriodLine:
    period = Period.parse(opened.period)
    return PeriodLine(
        period=str(period),
        starts_on=period.starts_on,
        ends_on=period.ends_on,
        target_on=period.target_on,
        deadline_at=opened.effective_at,
        zone=opened.zone,
    )


def _missing_out(missing: MissingCell) -> MissingOut:
    return MissingOut(
        server=missing.server,
        day=missing.day,
        why=missing.why.code.value,
        text=reason_text(missing.why),
        is_fault=missing.is_fault,
    )


def _missing_files_out(gap: FileGap) -> MissingFilesOut:
    return MissingFilesOut.model_validate(gap, from_attributes=True)


def _row_out(calendar: Calendar, server: str) -> RowOut:
    counts = calendar.by_server[server]
    return RowOut(
        server=server,
        owed=counts.owed,
        received=counts.covered,
        days=[
            DayOut(
                day=day,
                state=cell.state.value,
                why=cell.why.code.value,
                sequences=[file.sequence for file in cell.files],
            )
            for (name, day), cell in calendar.cells.items()
            if name == server
        ],
    )
