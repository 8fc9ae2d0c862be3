"""Computes the figures of many months at once with the window functions of DuckDB."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from tests.billing.statements import duckdb_queries as queries
from tests.billing.statements.duckdb_tables import (
    connection,
    fetch,
    load_months,
    load_spans,
)
from tests.billing.statements.months import Month

Figures = dict[str, Any]
# The columns that name a place, such as month and line, and the figures of it.
Table = Mapping[tuple[Any, ...], tuple[Any, ...]]

NO_PEAK = (0, None, 0, 0)
DOUBTS = [
    "no_logout",
    "cut_by_restart",
    "cut_by_crash",
    "alike_groups",
    "assigned_day_rows",
]


@dataclass(frozen=True)
class Results:
    """Results of the queries by month and line; of days and hours also by begin."""

    peaks: Table
    held: Table
    used: Table
    rows: Table
    named: Table
    day_peaks: Table
    day_rows: Table
    day_named: Table
    hour_peaks: Table
    hour_named: Table
    doubtful: Table
    unclassified: Table
    days: Mapping[int, list[tuple[date, int, int]]]
    hours: Mapping[tuple[int, date], list[int]]


def figures_of(month: Month) -> Figures:
    return figures_of_all([month])[0]


def figures_of_all(months: Sequence[Month]) -> list[Figures]:
    """The figures of each month, in the order given."""
    load_months(months)
    load_spans(months)
    for statement in [queries.UNITED, queries.CURVE, *queries.PARTS]:
        connection().execute(statement)
    results = run_queries()
    return [assemble(number, month, results) for number, month in enumerate(months)]


def run_queries() -> Results:
    days = defaultdict(list)
    for number, *day in fetch("select * from days order by month, begins"):
        days[number].append((day[0], day[1], day[2]))
    hours = defaultdict(list)
    sql = "select month, day, begins from hours order by month, begins"
    for number, of_day, begins in fetch(sql):
        hours[number, of_day].append(begins)
    return Results(
        peaks=table(queries.PEAKS, 2),
        held=table(queries.HELD, 2),
        used=table(queries.USED, 2),
        rows=table(queries.ROWS, 2),
        named=table(queries.named("line_rows", "month"), 2),
        day_peaks=table(queries.DAY_PEAKS, 3),
        day_rows=table(queries.DAY_ROWS, 3),
        day_named=table(queries.named("days_rows", "month, span"), 3),
        hour_peaks=table(queries.HOUR_PEAKS, 3),
        hour_named=table(queries.named("hours_rows", "month, span"), 3),
        doubtful=table(queries.DOUBTFUL, 1),
        unclassified=table(queries.UNCLASSIFIED, 1),
        days=days,
        hours=hours,
    )


def table(sql: str, width: int) -> Table:
    """The rows of a query by their first `width` columns."""
    return {row[:width]: row[width:] for row in fetch(sql)}


def text(instant: int | None) -> str | None:
    if instant is None:
        return None
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def lines_of(month: Month) -> list[str]:
    add_ons = sorted(key for key, kind in month.kinds.items() if kind == "add_on")
    return ["agent", "business", *("add_on:" + key for key in add_ons)]


def assemble(number: int, month: Month, results: Results) -> Figures:
    lines = lines_of(month)
    days, outside = [], []
    for day, begins, ends in results.days[number]:
        place = number, day, begins, ends
        if month.first_day <= day <= month.last_day:
            days.append(figures_of_day(place, lines, results))
        elif (number, begins, "totals") in results.day_rows:
            side = "before" if day < month.first_day else "after"
            outside.append({"side": side, **figures_of_day(place, lines, results)})
    totals = figures_of_period(number, "totals", results)
    [unclassified] = results.unclassified.get((number,), ([],))
    return {
        "totals": {
            **totals,
            "rows": results.rows.get((number, "totals"), (0, 0, 0))[2],
        },
        "lines": [
            {
                "id": line,
                **figures_of_period(number, line, results),
                **held(number, line, results),
            }
            for line in lines
        ],
        "days": days,
        "outside": outside,
        "doubtful": dict(
            zip(DOUBTS, results.doubtful.get((number,), (0,) * 5), strict=True)
        ),
        "unclassified": unclassified,
    }


def figures_of_period(number: int, line: str, results: Results) -> Figures:
    place = number, line
    peak, peak_at, peak_seconds, peak_runs = results.peaks.get(place, NO_PEAK)
    logins, row_seconds, _ = results.rows.get(place, (0, 0, 0))
    return {
        "named_users": results.named.get(place, (0,))[0],
        "peak": peak,
        "peak_at": text(peak_at),
        "peak_seconds": peak_seconds,
        "peak_runs": peak_runs,
        "logins": logins,
        "used_seconds": results.used.get(place, (0,))[0],
        "row_seconds": row_seconds,
    }


def held(number: int, line: str, results: Results) -> Figures:
    level, since = results.held.get((number, line), (0, None))
    return {"held_30min": level, "held_30min_from": text(since)}


def figures_of_day(
    place: tuple[int, date, int, int], lines: Sequence[str], results: Results
) -> Figures:
    number, day, begins, ends = place
    of_lines = []
    for line in lines:
        key = number, begins, line
        peak, peak_at, used_seconds = results.day_peaks.get(key, (0, None, 0))
        logins, row_seconds = results.day_rows.get(key, (0, 0))
        of_lines.append(
            {
                "id": line,
                "peak": peak,
                "peak_at": text(peak_at),
                "named_users": results.day_named.get(key, (0,))[0],
                "logins": logins,
                "used_seconds": used_seconds,
                "row_seconds": row_seconds,
            }
        )
    return {
        "day": day.isoformat(),
        "starts_at": text(begins),
        "ends_at": text(ends),
        "lines": of_lines,
        "hours": [
            figures_of_hour(number, begins, lines, results)
            for begins in results.hours[number, day]
        ],
    }


def figures_of_hour(
    number: int, begins: int, lines: Sequence[str], results: Results
) -> Figures:
    return {
        "starts_at": text(begins),
        "lines": [
            {
                "id": line,
                "peak": results.hour_peaks.get((number, begins, line), (0,))[0],
                "users": results.hour_named.get((number, begins, line), (0,))[0],
            }
            for line in lines
        ],
    }
