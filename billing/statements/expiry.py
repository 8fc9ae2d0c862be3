"""Marks statements of ended periods that were last computed while the period ran.

Nothing but time makes them stale: their last days are no longer pending, and the period
is over. Lists of staff show stored rows, so they are computed without a reader. A
running period is computed for its readers alone: with each day that ends, only its
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
    """Mark tenants with such statements; return how many were marked.

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
    """Return whether it is such a statement, which is marked soon."""
    is_ended = Period.parse(current.period) <= last_ended_period(at)
    return is_ended and current.fresh_until is not None and current.fresh_until <= at


def last_ended_period(at: datetime) -> Period:
    """Return the last period that has ended in some time zone, by the date of UTC."""
    return Period.containing(at.date()).previous()
