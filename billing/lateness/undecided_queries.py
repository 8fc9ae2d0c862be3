"""Queries for tenants that are late and that the late check has not flagged yet.

Each runs in the caller's unit of work of the staff.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.db import connection

from billing.coverage.periods import BETWEEN_ZONES
from billing.lateness import sql as late_sql
from billing.periods.update_flags import WAIT


class UndecidedReason(StrEnum):
    """What the check waits for before it flags a tenant."""

    STOPPED = "stopped"
    """Staff have to release the period."""

    UPDATING = "updating"
    """The summary of the period is stale."""

    UNJUDGED = "unjudged"
    """A file that was received in time is not judged, or the inbox not listed, yet."""

    NEXT_RUN = "next-run"
    """The next run, or deadlines in other zones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UndecidedTenant:
    """A tenant that is late in a period; `days` counts its late server-days."""

    tenant_id: int
    number: str
    name: str
    period: str
    deadline_at: datetime
    zone: str
    days: int
    reason: UndecidedReason


def count_undecided(period: str = "", *, at: datetime) -> int:
    """Count the tenants of one period, or of all; one query."""
    ((count,),) = _fetch(late_sql.COUNT_UNDECIDED, period, at=at)
    return int(count)


def undecided_ids(period: str, *, at: datetime) -> list[int]:
    """Return the ids of all tenants of a period that are late and not flagged."""
    return [row[0] for row in _fetch(late_sql.UNDECIDED_IDS, period, at=at)]


def list_undecided(
    period: str, *, at: datetime, most: int, offset: int = 0
) -> list[UndecidedTenant]:
    """Return a page of the tenants of one period, or of all, by period and name."""
    rows = _fetch(late_sql.UNDECIDED, period, at=at, most=most, offset=offset)
    return [
        UndecidedTenant(
            tenant_id=tenant_id,
            number=number,
            name=name,
            period=of_period,
            deadline_at=deadline_at,
            zone=zone,
            days=days,
            reason=UndecidedReason(reason),
        )
        for tenant_id, number, name, of_period, deadline_at, zone, days, reason in rows
    ]


def _fetch(statement: str, period: str, *, at: datetime, **more: int) -> list[Any]:
    of_period = "r.period = %(period)s and" if period else ""
    parameters: dict[str, Any] = {
        "period": period,
        "until": at - WAIT,
        "between_zones": BETWEEN_ZONES,
        "has_inbox": bool(settings.INBOX_BUCKET),
        **more,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement.replace("{of_period}", of_period), parameters)
        rows: list[Any] = cursor.fetchall()
    return rows
