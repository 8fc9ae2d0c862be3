"""Metrics and the readiness check of summaries that wait to be refreshed."""

from collections.abc import Iterator
from datetime import datetime

from django.db import connection

from billing.models import MarkRank
from billing.periods import sql as period_sql
from portal.db import unit_of_work
from portal.health.metrics import Family
from portal.health.readiness import Health, ReadinessPart

# Seconds after which a mark of rank `facts` is overdue. The refresher processes it
# within five, or within a minute if the wake-up is lost.
_OVERDUE = 600.0


def summary_metrics(_at: datetime) -> Iterator[Family]:
    """Yield number and age of marks by rank, and tenants that cannot be computed."""
    with connection.cursor() as cursor:
        cursor.execute(period_sql.COUNT_MARKS)
        found = {rank: (marks, age) for rank, marks, age in cursor.fetchall()}
        cursor.execute(period_sql.COUNT_FAILED)
        [(failed,)] = cursor.fetchall()
    counts, ages = [], []
    for rank in MarkRank:
        labels = {"rank": rank.name.lower()}
        marks, age = found.get(rank.value, (0, 0.0))
        counts.append((labels, float(marks)))
        ages.append((labels, float(age)))
    yield Family("portal_summary_marks", "Marks of stale summaries.", counts)
    yield Family("portal_summary_marks_oldest_seconds", "Age of the oldest mark.", ages)
    yield Family(
        "portal_summaries_failed",
        "Tenants whose summaries cannot be computed.",
        [({}, float(failed))],
    )


def _summaries(_at: datetime) -> Health:
    with (
        unit_of_work.acting_for(unit_of_work.STAFF, reading=True),
        connection.cursor() as cursor,
    ):
        cursor.execute(period_sql.IS_OVERDUE, {"seconds": _OVERDUE})
        [(is_overdue,)] = cursor.fetchall()
    return Health.DEGRADED if is_overdue else Health.OK


PARTS = (
    ReadinessPart(
        name="summaries",
        check=_summaries,
        otherwise=Health.DEGRADED,
        needs_database=True,
    ),
)
