"""Metrics of stale statements."""

from collections.abc import Iterator
from datetime import datetime

from django.db import connection

from billing.statements import sql
from portal.health.metrics import Family


def statement_metrics(_at: datetime) -> Iterator[Family]:
    """Yield the number of statement marks and the oldest age in seconds, by problem."""
    with connection.cursor() as cursor:
        cursor.execute(sql.COUNT_MARKS)
        found = {problem: (marks, age) for problem, marks, age in cursor.fetchall()}
    counts, ages = [], []
    for problem in ("", *sorted(found.keys() - {""})):
        marks, age = found.get(problem, (0, 0.0))
        labels = {"problem": problem}
        counts.append((labels, float(marks)))
        ages.append((labels, float(age)))
    yield Family(
        "portal_statement_marks", "Tenants whose statements are stale.", counts
    )
    yield Family(
        "portal_statement_marks_oldest_seconds", "Age of the oldest mark.", ages
    )
