"""Queries for all tenants of a period, from the summaries; in a unit of work of staff.

The standing is computed by the database, by the rule of
`billing.coverage.summary.standing_at` (a test holds the two together), so that ten
thousand tenants are counted, searched and sorted there, and only a page of them is ever
read.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import connection
from psycopg.sql import SQL, Composable

from billing.coverage.periods import Period
from billing.coverage.standing import Standing
from billing.coverage.summary import SummaryNumbers
from billing.desk import sql as desk_sql
from billing.desk.desk_row import DeskRow, DeskStatement
from billing.desk.sql import DeskFilter, DeskOrder
from billing.models import CurrentStatement
from billing.periods.queries import late_before, waiting_of, waiting_servers
from billing.periods.sql import HAS_FAILED, is_stale
from billing.standings import queries as standings_queries
from billing.standings.sql import ORDER, STANDING
from billing.statements import issue
from billing.statements.expiry import last_ended_period
from portal.db import binary

# A page counts the tenants that a search finds up to this number, and lists no more.
MOST_COUNTED = 1_000


_COUNTS = SQL("select {standing}, count(*) {found} group by 1")

# All that is shown of the tenants of a page, in its order. Its text is always the same,
# so that it is planned once: planning takes as long as running it.
_ROWS = SQL("""
    select t.id, t.number, t.name, t.is_demo, p.zone, page.standing, r.owed, r.covered,
           width_bucket(%(at)s, r.missing_from),
           width_bucket(%(at)s, r.fault_from), width_bucket(%(at)s, r.with_us_from),
           cardinality(r.missing_from) + cardinality(r.fault_from)
             + cardinality(r.with_us_from),
           r.lacks_servers, r.lacking_from, coalesce(p.extended_to, p.deadline_at),
           p.extended_to is not null, r.last_received_at, r.strip, l.keys, m.reminders,
           m.reminded_at, {is_stale}, {has_failed}, c.state, c.version, c.owed,
           c.file_count, c.lacking, c.pending, c.is_over, c.unclassified, c.unreadable,
           coalesce(c.fresh_until <= %(at)s and %(is_ended)s, false) or exists (
             select from billing_statementmark k where k.tenant_id = r.tenant_id
             and r.period between k.first_period and k.last_period
             and k.generation > c.generation
           ), coalesce(f.waived, 0)
    from unnest(%(ids)s::bigint[], %(places)s::int[])
        with ordinality as page (id, standing, number)
    join billing_periodrollup r on r.id = page.id
    join portal_tenant t on t.id = r.tenant_id
    join billing_tenantperiod p on p.tenant_id = r.tenant_id and p.period = r.period
    left join lateral (
      select keys from billing_licencechange
      where tenant_id = r.tenant_id and from_on <= %(ends_on)s
      order by from_on desc limit 1
    ) as l on true
    left join lateral (
      select count(*) as reminders, max(ended_at) as reminded_at
      from billing_reminder
      where tenant_id = r.tenant_id and period = r.period
        and outcome in ('sent', 'unsure')
    ) as m on true
    left join lateral (
      select cardinality(array(
        select unnest(still) intersect select unnest(waived)
      )) as waived
      from billing_lateflag
      where tenant_id = r.tenant_id and period = r.period and voided_at is null
        and deadline_at = coalesce(p.extended_to, p.deadline_at)
    ) as f on true
    left join billing_currentstatement c
      on c.tenant_id = r.tenant_id and c.period = r.period
    order by page.number
""").format(is_stale=SQL(is_stale("r")), has_failed=SQL(HAS_FAILED))

# The columns of a statement that decide what prevents issuing it, as `_ROWS` has them.
_OUTCOME_COLUMNS = (
    *("owed", "file_count", "lacking", "pending", "is_over"),
    *("unclassified", "unreadable"),
)


def standing_counts(desk_filter: DeskFilter, *, at: datetime) -> dict[Standing, int]:
    """Count the tenants by standing, each of them once, most urgent first.

    Ignores `desk_filter.standing`; the other filters apply.
    """
    if not desk_sql.is_narrowed(desk_filter):
        return standings_queries.tenant_counts(desk_filter.period, at=at)
    found = desk_sql.from_clause(desk_filter, standing=False)
    with connection.cursor() as cursor:
        cursor.execute(
            _COUNTS.format(standing=STANDING, found=found),
            desk_sql.values(desk_filter, at=at),
        )
        counted = dict(cursor.fetchall())
    return {standing: counted.get(place, 0) for place, standing in enumerate(ORDER)}


def find_matches(desk_filter: DeskFilter) -> DeskFilter | None:
    """Replace the search of a filter by the tenants that it finds.

    None if these are more than `MOST_COUNTED`: counting and sorting them would take as
    long as for all tenants.
    """
    if not desk_filter.search:
        return desk_filter
    most = MOST_COUNTED + 1
    with connection.cursor() as cursor:
        parameters = desk_sql.search_parameters(desk_filter) | {"most": most}
        cursor.execute(desk_sql.MATCHES, parameters)
        found = [tenant_id for (tenant_id,) in cursor.fetchall()]
    if len(found) == most:
        return None
    return replace(desk_filter, search="", tenants=found)


def desk_rows(
    desk_filter: DeskFilter,
    *,
    at: datetime,
    most: int,
    offset: int = 0,
    counted: Mapping[Standing, int] | None = None,
) -> list[DeskRow]:
    """Load a part of the list, in its order: its ids by one query, then what is shown.

    With `counted`, from `standing_counts` in the same unit of work, a part of the whole
    list by urgency is found without reading the rows before it; without, that of a
    search is found by reading rows in their order until there are enough.
    """
    ids = _ids(desk_filter, at=at, most=most, offset=offset, counted=counted)
    if ids is None:
        return []
    page = binary.fetch_all(ids, desk_sql.values(desk_filter, at=at))
    if not page:
        return []
    parameters = {
        "ids": [row_id for row_id, _, _ in page],
        "places": [place for _, _, place in page],
        "at": at,
        "ends_on": desk_filter.period.ends_on,
        "is_ended": desk_filter.period <= last_ended_period(at),
    }
    found = binary.fetch_all(_ROWS, parameters, prepare=True)
    rows = [_row(row, at=at) for row in found]
    late = late_before([row.tenant_id for row in rows], desk_filter.period, at=at)
    return [
        replace(row, late_before=late[row.tenant_id]) if row.tenant_id in late else row
        for row in _with_waiting(rows, desk_filter.period)
    ]


def _with_waiting(rows: Sequence[DeskRow], period: Period) -> list[DeskRow]:
    """Add what the server-days that wait are waiting for; three queries."""
    ids = [row.tenant_id for row in rows]
    found = waiting_of(ids, period, waiting=waiting_servers(ids, period))
    return [
        replace(
            row,
            to_confirm=one.to_confirm,
            to_decide=one.to_decide,
            to_check=one.files.received,
        )
        if (one := found.get(row.tenant_id))
        else row
        for row in rows
    ]


def _ids(
    desk_filter: DeskFilter,
    *,
    at: datetime,
    most: int,
    offset: int,
    counted: Mapping[Standing, int] | None,
) -> Composable | None:
    """Compose the query for the tenants of a page; None if there are none."""
    if desk_filter.sort is DeskOrder.URGENT and desk_filter.tenants is None:
        if counted is not None and not desk_filter.search:
            return desk_sql.blocks(desk_filter, counted, most=most, offset=offset)
        if counted is None and desk_filter.search:
            # Standings that no tenant has need no part of the statement.
            everybody = standings_queries.tenant_counts(desk_filter.period, at=at)
            return desk_sql.searched_blocks(
                desk_filter, everybody, most=most, offset=offset
            )
    return desk_sql.ids(desk_filter, most=most, offset=offset)


def tenant_ids(desk_filter: DeskFilter, *, at: datetime) -> list[int]:
    """Return the ids of all tenants on the list, in its order."""
    with connection.cursor() as cursor:
        cursor.execute(
            desk_sql.ids(desk_filter, most=None, offset=0),
            desk_sql.values(desk_filter, at=at),
        )
        return [tenant_id for _, tenant_id, *_ in cursor.fetchall()]


def in_this_order(found: Sequence[DeskRow], ids: Sequence[int]) -> Iterator[DeskRow]:
    """Sort rows by a list of ids; ids without a row are left out."""
    by_id = {row.tenant_id: row for row in found}
    return (by_id[one] for one in ids if one in by_id)


def _row(row: Sequence[Any], *, at: datetime) -> DeskRow:
    tenant_id, number, name, is_demo, zone, place, owed, covered, *more = row
    missing, faults, with_us, all_days, lacks, since, deadline_at, *rest = more
    is_extended, last_received_at, strip, keys, *more = rest
    reminders, reminded_at, is_updating, has_failed, *statement, waived = more
    pending = all_days - missing - faults - with_us
    return DeskRow(
        tenant_id=tenant_id,
        number=number,
        name=name,
        is_demo=is_demo,
        zone=zone,
        standing=ORDER[place],
        owed=owed,
        covered=covered,
        numbers=SummaryNumbers(missing, faults, with_us, pending),
        lacks_servers=lacks,
        missing_since=since if since and since <= at else None,
        deadline_at=deadline_at,
        is_extended=is_extended,
        last_received_at=last_received_at,
        strip=strip,
        keys=tuple(keys or ()),
        reminders=reminders,
        reminded_at=reminded_at,
        is_updating=is_updating,
        has_failed=has_failed,
        statement=_statement(*statement) if statement[0] else None,
        waived=waived,
    )


def _statement(state: str, version: int, *columns: Any) -> DeskStatement:
    *figures, is_updating = columns
    found = CurrentStatement(
        state=state, **dict(zip(_OUTCOME_COLUMNS, figures, strict=True))
    )
    return DeskStatement(
        state=state,
        version=version,
        outcome=issue.outcome_of(found, with_reason=True),
        is_incomplete=bool(found.lacking),
        is_updating=is_updating,
    )
