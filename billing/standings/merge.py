"""Merges the rows of the kept counts, so that reading them stays cheap."""

from django.db import connection

from billing.standings import sql as standings_sql
from portal.db import unit_of_work


def merge_counts() -> None:
    """Replace the rows of each period by one for each combination.

    Begins and commits a unit of work of its own, as staff; may run at any time, and
    several times at once.
    """
    with unit_of_work.acting_for(unit_of_work.STAFF), connection.cursor() as cursor:
        cursor.execute(standings_sql.MERGE)
