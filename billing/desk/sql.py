"""Composes the SQL statements of the billing desk from a few parts.

All SQL text is in this module or in `billing.desk.queries`; user input is passed as
parameters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from psycopg.sql import SQL, Composable

from billing.coverage.periods import Period
from billing.coverage.standing import Standing
from billing.models import PeriodOutcome

# Most urgent first.
ORDER = (
    Standing.LATE,
    Standing.INCOMPLETE,
    Standing.OPEN,
    Standing.COMPLETED_LATE,
    Standing.COMPLETE,
    Standing.NOTHING_OWED,
)


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


# A place in `ORDER`. The columns `late_from` and `outcome` exist for this.
STANDING = SQL("""
    case when r.outcome = {nothing} then 5
         when %(at)s < r.open_until then 2
         when r.outcome = {covered}
           then case when r.late_from <= %(at)s then 3 else 4 end
         when r.late_from <= %(at)s then 0
         else 1 end
""").format(
    nothing=PeriodOutcome.NOTHING_OWED.value, covered=PeriodOutcome.COVERED.value
)

_FROM = SQL("""
    from billing_periodrollup r {names} where r.period = %(period)s
""")
_NAMES = SQL("join portal_tenant t on t.id = r.tenant_id")
_SEARCHED = SQL("""
    and (upper(t.name) like upper(%(pattern)s)
         or upper(t.number) like upper(%(pattern)s))
""")
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
            part = _BLOCK.format(
                place=place,
                only=_ONLY[standing],
                order=_URGENT.get(standing, _AS_THEY_CAME),
                most=most,
                offset=offset,
            )
            parts.append(part)
            most -= count - offset
        offset = max(0, offset - count)
    return SQL(" union all ").join(parts) if parts else None


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
    plain = (
        desk_filter.search.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    )
    return {
        "at": at,
        "period": str(desk_filter.period),
        "ends_on": desk_filter.period.ends_on,
        "pattern": f"%{plain}%",
        "tenants": list(desk_filter.tenants or ()),
        "standing": ORDER.index(desk_filter.standing) if desk_filter.standing else None,
    }
