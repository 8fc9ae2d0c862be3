"""Composes the SQL statements of the billing desk from a few parts.

The SQL of the desk is in this module and in `billing.desk.queries`; the standing and
the test for stale summaries are shared. User input is passed as parameters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from psycopg.sql import SQL, Composable

from billing.coverage.periods import Period
from billing.coverage.standing import Standing
from billing.standings.sql import ORDER, STANDING
from portal.db.patterns import contains


class DeskOrder(StrEnum):
    """Sort orders of the desk; `urgent` is that of `ORDER`.

    Within late and incomplete tenants, the earliest deadline comes first, then the
    tenant with most missing days; while the period is open, the longest missing.
    """

    URGENT = "urgent"
    TENANT = "tenant"
    RECEIVED = "received"
    MISSING = "missing"
    LAST_FILE = "last-file"
    DEADLINE = "deadline"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskFilter:
    """Filters and order of the desk: standing, part of name or number, or ids.

    `tenants` None means all tenants.
    """

    period: Period
    standing: Standing | None = None
    search: str = ""
    sort: DeskOrder = DeskOrder.URGENT
    tenants: Sequence[int] | None = None


_FROM = SQL("""
    from billing_periodrollup r {names} where r.period = %(period)s
""")
_NAMES = SQL("join portal_tenant t on t.id = r.tenant_id")
_SEARCHED = SQL(" and t.search_text like upper(%(pattern)s)")
_CHOSEN = SQL(" and r.tenant_id = any(%(tenants)s)")
_STANDING_IS = SQL(" and {standing} = %(standing)s").format(standing=STANDING)

# Tenants that need action are sorted by urgency; the others by id, in the order of
# their opening. Each of the three has its index.
_DEADLINE_FIRST = SQL("r.deadline_at, r.lacking desc, r.tenant_id")
_LONGEST_FIRST = SQL("r.lacking_from, r.tenant_id")
_AS_THEY_CAME = SQL("r.tenant_id")
_URGENT = {
    Standing.LATE: _DEADLINE_FIRST,
    Standing.INCOMPLETE: _DEADLINE_FIRST,
    Standing.OPEN: _LONGEST_FIRST,
}
ORDERS = {
    DeskOrder.URGENT: SQL("""
        {standing}, case when {standing} < 2 then r.deadline_at end,
        case when {standing} < 2 then r.lacking end desc nulls last,
        case when {standing} = 2 then r.lacking_from end, r.tenant_id
    """).format(standing=STANDING),
    DeskOrder.TENANT: SQL("t.name, t.id"),
    DeskOrder.RECEIVED: SQL("r.covered::float / nullif(r.owed, 0), t.name, t.id"),
    DeskOrder.MISSING: SQL("width_bucket(%(at)s, r.missing_from) desc, t.name, t.id"),
    DeskOrder.LAST_FILE: SQL("r.last_received_at nulls first, t.name, t.id"),
    DeskOrder.DEADLINE: SQL("r.deadline_at, t.name, t.id"),
}

# The same conditions as in `STANDING`, written so that an index is used.
_ONLY = {
    Standing.LATE: SQL("""
        r.outcome = 2 and r.open_until <= %(at)s and r.late_from <= %(at)s
    """),
    Standing.INCOMPLETE: SQL("""
        r.outcome = 2 and r.open_until <= %(at)s
        and (r.late_from is null or r.late_from > %(at)s)
    """),
    Standing.OPEN: SQL("r.outcome > 0 and r.open_until > %(at)s"),
    Standing.COMPLETED_LATE: SQL("""
        r.outcome = 1 and r.open_until <= %(at)s and r.late_from <= %(at)s
    """),
    Standing.COMPLETE: SQL("""
        r.outcome = 1 and r.open_until <= %(at)s
        and (r.late_from is null or r.late_from > %(at)s)
    """),
    Standing.NOTHING_OWED: SQL("r.outcome = 0"),
}

_IDS = SQL("""
    select r.id, r.tenant_id, {standing} as standing {found}
    order by {order} limit {most} offset {offset}
""")
_BLOCK = SQL("""
    (select r.id, r.tenant_id, {place} as standing from billing_periodrollup r
     where r.period = %(period)s and {only}
     order by {order} limit {most} offset {offset})
""")

# The inner query has its own order, so it is not merged with the outer one, and the
# condition is a subquery that cannot become a join: the index is walked in its order,
# and no further than needed. A plan that collects all matches first takes longer.
_SEARCHED_BLOCK = SQL("""
    (select r.id, r.tenant_id, {place} as standing from (
        select r.id, r.tenant_id from billing_periodrollup r
        where r.period = %(period)s and {only} order by {order}
     ) r where (
        select t.search_text like upper(%(pattern)s) from portal_tenant t
        where t.id = r.tenant_id
     ) limit {most})
""")
_PART = SQL("select * from ({blocks}) as block limit {most} offset {offset}")

# The tenants that a search finds, and one more than are counted.
MATCHES = SQL("""
    select t.id from portal_tenant t where true {searched} limit %(most)s
""").format(searched=_SEARCHED)


def ids(desk_filter: DeskFilter, *, most: int | None, offset: int) -> Composable:
    return _IDS.format(
        standing=STANDING,
        found=from_clause(
            desk_filter,
            standing=desk_filter.standing is not None,
            named=desk_filter.sort is not DeskOrder.URGENT,
        ),
        order=ORDERS[desk_filter.sort],
        most=most,
        offset=offset,
    )


def blocks(
    desk_filter: DeskFilter, counted: Mapping[Standing, int], *, most: int, offset: int
) -> Composable | None:
    """Compose a part of the list from one indexed query for each standing."""
    parts = []
    for place, standing in enumerate(ORDER):
        if desk_filter.standing not in (None, standing):
            continue
        count = counted[standing]
        if offset < count and most > 0:
            parts.append(_BLOCK.format(most=most, offset=offset, **_of_standing(place)))
            most -= count - offset
        offset = max(0, offset - count)
    return SQL(" union all ").join(parts) if parts else None


def searched_blocks(
    desk_filter: DeskFilter,
    everybody: Mapping[Standing, int],
    *,
    most: int,
    offset: int,
) -> Composable | None:
    """Compose a part of the list of a search that finds many tenants.

    Walks the indexes in the order of the list until enough tenants are found.
    """
    parts = [
        _SEARCHED_BLOCK.format(most=offset + most, **_of_standing(place))
        for place, standing in enumerate(ORDER)
        if desk_filter.standing in (None, standing) and everybody[standing]
    ]
    if not parts:
        return None
    blocks = SQL(" union all ").join(parts)
    return _PART.format(blocks=blocks, most=most, offset=offset)


def _of_standing(place: int) -> dict[str, Any]:
    order = _URGENT.get(ORDER[place], _AS_THEY_CAME)
    return {"place": place, "only": _ONLY[ORDER[place]], "order": order}


def is_narrowed(desk_filter: DeskFilter) -> bool:
    return bool(desk_filter.search) or desk_filter.tenants is not None


def from_clause(
    desk_filter: DeskFilter, *, standing: bool, named: bool = False
) -> Composable:
    """Return the `from` and `where` clauses; names are joined only if needed."""
    has_names = named or bool(desk_filter.search)
    parts: list[Composable] = [_FROM.format(names=_NAMES if has_names else SQL(""))]
    if desk_filter.search:
        parts.append(_SEARCHED)
    if desk_filter.tenants is not None:
        parts.append(_CHOSEN)
    if standing:
        parts.append(_STANDING_IS)
    return SQL("").join(parts)


def values(desk_filter: DeskFilter, *, at: datetime) -> dict[str, Any]:
    return {
        **search_parameters(desk_filter),
        "at": at,
        "period": str(desk_filter.period),
        "tenants": list(desk_filter.tenants or ()),
        "standing": ORDER.index(desk_filter.standing) if desk_filter.standing else None,
    }


def search_parameters(desk_filter: DeskFilter) -> dict[str, Any]:
    return {"pattern": contains(desk_filter.search)}
