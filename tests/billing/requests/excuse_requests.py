"""Builds excuse requests of a tenant in May 2026, and reads their outcome."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from billing.coverage.periods import Period
from billing.coverage.standing import Judgement
from billing.coverage.summary import Summary
from billing.models import Excuse, ExcuseKindChoices, PeriodSummary
from billing.periods import refresh, summary_queries
from billing.periods.queries import view_period
from billing.requests import excuses
from portal.db import unit_of_work
from tests.billing.periods.summary_differences import differing
from tests.builders import Company
from usage.models import Server

MAY = Period(2026, 5)
FIRST, LAST = MAY.starts_on, MAY.ends_on
BEFORE = datetime(2026, 6, 2, 12, tzinfo=UTC)
AFTER = datetime(2026, 6, 9, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def may(day: int) -> date:
    return date(2026, 5, day)


def excuse_request(
    company: Company, *days: date, **changes: Any
) -> excuses.ExcuseRequest:
    with unit_of_work.acting_for(company.id, reading=True):
        server = Server.objects.get(name="IC01")
    fields: dict[str, Any] = {
        "server_id": server.pk,
        "kind": ExcuseKindChoices.DOWN,
        "period": MAY,
        "reason": "The disk broke.",
        "days": frozenset(days),
    }
    return excuses.ExcuseRequest(**(fields | changes))


def request_excuse(
    company: Company, *days: date, at: datetime = BEFORE, **changes: Any
) -> Excuse:
    return excuses.request_excuse(
        company.id, request=excuse_request(company, *days, **changes), by="admin", at=at
    )


def current_judgement(company: Company, *, at: datetime = AFTER) -> Judgement:
    """What is so at an instant; the stored summaries agree."""
    assert differing(company) == []
    with unit_of_work.acting_for(company.id, reading=True):
        return view_period(MAY, at=at).judgement


def stored_summary(company: Company) -> Summary:
    refresh.refresh_all(seconds=60)
    with unit_of_work.acting_for(company.id, reading=True):
        return summary_queries.stored_summary(
            PeriodSummary.objects.get(period=str(MAY))
        )


def states(found: Judgement, *days: date) -> list[str]:
    return [found.calendar.cells["IC01", day].state.value for day in days]


def send_all(company: Company, *, without: frozenset[int] = frozenset()) -> list[bytes]:
    """A file a day, each accepted before the deadline; return those left out."""
    files = company.server.days(FIRST, LAST)
    for number, data in enumerate(files, start=1):
        if number not in without:
            company.send(data, at=BEFORE)
    return [data for number, data in enumerate(files, start=1) if number in without]


def send_until(company: Company, last: date) -> None:
    for data in company.server.days(FIRST, last):
        company.send(data, at=BEFORE)
