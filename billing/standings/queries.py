"""Counts all tenants of a period by standing, in a unit of work of the staff."""

from datetime import datetime

from django.db import connection

from billing.coverage.periods import Period
from billing.coverage.standing import Standing
from billing.standings import sql as standings_sql
from billing.standings.sql import ORDER


def tenant_counts(period: Period, *, at: datetime) -> dict[Standing, int]:
    """Return the number of tenants with each standing, most urgent first."""
    with connection.cursor() as cursor:
        cursor.execute(standings_sql.COUNTS, {"period": str(period), "at": at})
        counted = dict(cursor.fetchall())
    return {standing: counted.get(place, 0) for place, standing in enumerate(ORDER)}
