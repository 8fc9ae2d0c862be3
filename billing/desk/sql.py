"""What is asked of the database for the billing desk, put together from few parts.

Every word of it stands here or in `billing.desk.queries`; what people type is a
parameter.
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

# In the order in which they want somebody.
ORDER = (
    Standing.LATE,
    Standing.INCOMPLETE,
    Standing.OPEN,
    Standing.COMPLETED_LATE,
    Standing.COMPLETE,
    Standing.NOTHING_OWED,
)


class DeskOrder(StrEnum):
    """In which order; `urgent` is that of `ORDER`.

    Of those who are to send the earliest deadline comes first, then who lacks most;
    while the period is open, who lacks something for the longest.
    """

    URGENT = "urgent"
    TENANT = "tenant"
    RECEIVED = "received"
    MISSING = "missing"
    LAST_FILE = "last-file"
    DEADLINE = "deadline"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskFilter:
    """What of a period is asked for: by standing, by a part of name or number, by id.

    `tenants` None are all of them.
    """

    period: Period
    standing: Standing | None = None
    search: str = ""
    sort: DeskOrder = DeskOrder.URGENT
    tenants: Sequence[int] | None = None


# A place in `ORDER`. `late_from`, `outcome` are what the table keeps for this.
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

# Where somebody has to act before others, that is what they are sorted by; who needs
# nobody stands as they came. Each of the three has its index.
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

# The same as `STANDING` says, so that an index is read by it.
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


def ids(wish: DeskFilter, *, most: int | None, offset: int) -> Composable:
    return _IDS.format(
        standing=STANDING,
        found=filtered(
            wish,
            standing=wish.standing is not None,
            named=wish.sort is not DeskOrder.URGENT,
        ),
        order=ORDERS[wish.sort],
        most=most,
        offset=offset,
    )


def blocks(
    wish: DeskFilter, counted: Mapping[Standing, int], *, most: int, offset: int
) -> Composable | None:
    """Ask each standing for what a part of the list has of it, one behind the other."""
    parts = []
    for place, standing in enumerate(ORDER):
        if wish.standing not in (None, standing):
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


def is_narrowed(wish: DeskFilter) -> bool:
    return bool(wish.search) or wish.tenants is not None


def filtered(wish: DeskFilter, *, standing: bool, named: bool = False) -> Composable:
    """Say where tenants are found; with names only where somebody asks for them."""
    has_names = named or bool(wish.search)
    parts: list[Composable] = [_FROM.format(names=_NAMES if has_names else SQL(""))]
    if wish.search:
        parts.append(_SEARCHED)
    if wish.tenants is not None:
        parts.append(_CHOSEN)
    if standing:
        parts.append(_STANDING_IS)
    return SQL("").join(parts)


def values(wish: DeskFilter, *, at: datetime) -> dict[str, Any]:
    plain = wish.search.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return {
        "at": at,
        "period": str(wish.period),
        "ends_on": wish.period.ends_on,
        "pattern": f"%{plain}%",
        "tenants": list(wish.tenants or ()),
        "standing": ORDER.index(wish.standing) if wish.standing else None,
    }
