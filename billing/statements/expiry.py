"""Marks statements of ended periods that were last computed while the period ran.

Such a statement becomes stale without a change: its last days stop being pending. The
desk and *Month end* show stored rows, so the refresher computes it again. A running
period is computed again only when somebody opens it: with each day that ends, only its
missing days change.
"""

from datetime import datetime
from typing import Any

from django.db import connection

from billing.coverage.periods import Period
from billing.models import CurrentStatement
from billing.statements import sql
from portal.db import unit_of_work

# Tenants marked at once: as many as a run of the refresher may compute.
_MOST = 1_000


def mark_expired(*, at: datetime) -> int:
    """Mark tenants with statements that have expired; return how many were marked.

    Begins and ends a unit of work of its own.
    """
    parameters: dict[str, Any] = {
        "at": at,
        "last": str(last_ended_period(at)),
        "most": _MOST,
    }
    with (
        unit_of_work.acting_for(unit_of_work.STAFF),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql.MARK_EXPIRED, parameters)
        return int(cursor.rowcount)


def is_expired(current: CurrentStatement, *, at: datetime) -> bool:
    """Return whether a statement has expired, and is marked soon."""
    is_ended = Period.parse(current.period) <= last_ended_period(at)
    return is_ended and current.fresh_until is not None and current.fresh_until <= at


def last_ended_period(at: datetime) -> Period:
    """Return the last period that has ended by the date of UTC."""
    return Period.containing(at.date()).previous()
