"""Loads months into DuckDB, and prepares the rows that count and the local spans.

`month` is a number in each table. Instants are whole seconds since 1970 in UTC.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import duckdb

from tests.billing.statements.local_times import day_starts_at, hours_of_day
from tests.billing.statements.months import Month

Values = tuple[Any, ...]

# Columns of the tables that are loaded, in the order of the loaded tuples.
TABLES = {
    "periods": "month int, first_day date, last_day date, first_owed_on date",
    "catalogue": "month int, base text, kind text",
    "files": (
        "month int, file int, day date, assigned_day date, opened_at bigint,"
        " offset_minutes bigint, span bigint, closed_by text"
    ),
    "file_rows": (
        "month int, file int, row_id int, person text, login bigint, logout bigint,"
        " flags int"
    ),
    "row_keys": "month int, file int, row_id int, key text",
    "days": "month int, day date, begins bigint, ends bigint",
    "hours": "month int, day date, begins bigint, ends bigint",
}

# 1. Files that count, with the seconds by which an assigned day moves their rows.
COUNTED_FILES = """
create or replace temp table counted_files as
select files.*, coalesce(
    86400 * date_diff(
        'day',
        cast(make_timestamp((opened_at + 60 * offset_minutes) * 1000000) as date),
        assigned_day
    ), 0) as moved_by
from files join periods using (month)
where coalesce(assigned_day, day) between first_day and last_day
  and coalesce(coalesce(assigned_day, day) >= first_owed_on, true)
"""

# 2. The keys of their rows without the ending, with the kind of each.
KINDS = """
create or replace temp table kinds as
select month, row_id, base, kind
from (
    select distinct month, row_id, regexp_replace(key, '_CONCURRENT$', '') as base
    from row_keys semi join counted_files using (month, file)
) left join catalogue using (month, base)
"""

# 3. Agent and business rows at their instants.
COUNTED_ROWS = """
create or replace temp table counted_rows as
with placed as (
    select month, row_id, person, flags, closed_by,
        assigned_day is not null as has_assigned_day,
        opened_at + moved_by + login as begins,
        opened_at + moved_by + logout as ends,
        span > 0 and login = span as is_at_closing
    from file_rows join counted_files using (month, file)
), row_kinds as (
    select row_id, count(*) filter (where kind in ('agent', 'add_on')) > 0 as is_agent
    from kinds where kind in ('agent', 'add_on', 'business') group by row_id
)
select month, row_id, person, flags, closed_by, has_assigned_day, is_agent,
    begins - cast(is_at_closing as int) as begins,
    -- Only a row of no length begins at the closing.
    ends - cast(is_at_closing as int) as ends,
    flags & 5 = 0 as is_login
from placed join row_kinds using (row_id)
"""

# 4. Each of these rows in each of its lines.
LINE_ROWS = """
create or replace temp table line_rows as
select month, 'totals' as line, row_id, person, begins, ends, is_login from counted_rows
union all
select month, case when is_agent then 'agent' else 'business' end,
    row_id, person, begins, ends, is_login
from counted_rows
union all
select counted_rows.month, 'add_on:' || base, row_id, person, begins, ends, is_login
from counted_rows join kinds using (row_id)
where kind = 'add_on'
"""


@cache
def connection() -> duckdb.DuckDBPyConnection:
    """One database in memory for the process."""
    return duckdb.connect(config={"threads": 1})


def fetch(sql: str) -> list[Values]:
    return connection().execute(sql).fetchall()


def load(table: str, rows: Sequence[Values]) -> None:
    """Replace the contents of a table by one statement with a list for each column."""
    columns = TABLES[table]
    connection().execute(f"create or replace temp table {table} ({columns})")
    if rows:
        append(table, rows)


def append(table: str, rows: Sequence[Values]) -> None:
    types = [column.split()[-1] for column in TABLES[table].split(",")]
    lists = ", ".join(f"unnest(cast(? as {kind}[]))" for kind in types)
    values = [list(column) for column in zip(*rows, strict=True)]
    connection().execute(f"insert into {table} select {lists}", values)


def seconds(instant: datetime) -> int:
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)


def folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).strip().casefold()


def days_between(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


def load_months(months: Sequence[Month]) -> None:
    files: list[Values] = []
    rows: list[Values] = []
    keys: list[Values] = []
    for number, month in enumerate(months):
        for file in month.files:
            closed_at, opened_at = seconds(file.closed_at), seconds(file.opened_at)
            head = (number, len(files))
            dates = (file.day, file.assigned_day, opened_at, file.opened_offset)
            files.append((*head, *dates, closed_at - opened_at, file.closed_by))
            for row in file.rows:
                place = (*head, len(rows))
                times = (row.login, row.logout, row.flags)
                rows.append((*place, folded(row.user), *times))
                keys += [(*place, key) for key in row.licences]
    load("periods", [period_of(number, month) for number, month in enumerate(months)])
    load(
        "catalogue",
        [
            (number, key, kind)
            for number, month in enumerate(months)
            for key, kind in month.kinds.items()
        ],
    )
    load("files", files)
    load("file_rows", rows)
    load("row_keys", keys)
    for statement in (COUNTED_FILES, KINDS, COUNTED_ROWS, LINE_ROWS):
        connection().execute(statement)


def period_of(number: int, month: Month) -> tuple[int, date, date, date | None]:
    return number, month.first_day, month.last_day, month.first_owed_on


def load_spans(months: Sequence[Month]) -> None:
    """The local days of the periods and of all rows, and their hours."""
    load("days", [])
    load("hours", [])
    reached = {
        number: (first, last)
        for number, first, last in fetch(
            "select month, min(begins), max(ends) from counted_rows group by month"
        )
    }
    days, hours = [], []
    for number, month in enumerate(months):
        first, last = month.first_day, month.last_day
        if number in reached:
            begins, ends = (datetime.fromtimestamp(at, UTC) for at in reached[number])
            first = min(first, begins.date() - timedelta(days=1))
            last = max(last, ends.date() + timedelta(days=1))
        for day in days_between(first, last):
            ends = day_starts_at(day + timedelta(days=1), month.zone)
            days.append(
                (number, day, seconds(day_starts_at(day, month.zone)), seconds(ends))
            )
            hours += [
                (number, day, seconds(begins), seconds(ends))
                for begins, ends in hours_of_day(day, month.zone)
            ]
    append("days", days)
    append("hours", hours)
