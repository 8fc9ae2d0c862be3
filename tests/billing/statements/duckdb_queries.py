"""SQL that computes figures from the tables of prepared rows and spans.

It works with the ends of intervals instead of sets of users: each user's intervals are
united by a running maximum, their ends are net changes, and a running sum of those is
the number of users. The business line is the totals less the agents.
"""

# 1. Intervals in which a user is counted in a line, united.
UNITED = """
create or replace temp table united as
with reaching as (
    select *, max(ends) over (
        partition by month, line, person order by begins, ends, row_id
        rows between unbounded preceding and 1 preceding) as reached
    from line_rows where ends > begins and line <> 'business'
), numbered as (
    select *, count(*) filter (where reached is null or begins > reached) over (
        partition by month, line, person order by begins, ends, row_id
        rows unbounded preceding) as island
    from reaching
)
select month, line, person, min(begins) as begins, max(ends) as ends
from numbered group by month, line, person, island
"""

# 2. The number of users over time. Each row is as long as the number stays the same.
CURVE = """
create or replace temp table curve as
with ends_of as (
    select month, line, begins as moment, 1 as change from united
    union all select month, line, ends, -1 from united
), changes as (
    select * from ends_of
    union all
    select month, 'business', moment,
        case when line = 'totals' then change else -change end
    from ends_of where line in ('totals', 'agent')
), net as (
    select month, line, moment, sum(change) as change
    from changes group by month, line, moment having sum(change) <> 0
), running as (
    select month, line, moment as begins,
        lead(moment) over (partition by month, line order by moment) as ends,
        cast(sum(change) over (
            partition by month, line order by moment rows unbounded preceding) as int
        ) as users
    from net
)
select * from running where users <> 0
"""

# 3. The curve and the rows, cut at local days and hours.
PARTS = [
    f"""
create or replace temp table {spans}_curve as
select month, {spans}.day, {spans}.begins as span, line, users,
    greatest(curve.begins, {spans}.begins) as begins,
    least(curve.ends, {spans}.ends) as ends
from {source} as curve join {spans} using ({joined})
where curve.begins < {spans}.ends and curve.ends > {spans}.begins
"""
    for spans, source, joined in [
        ("days", "curve", "month"),
        ("hours", "days_curve", "month, day"),
    ]
] + [
    f"""
create or replace temp table {spans}_rows as
select month, {spans}.day, {spans}.begins as span, line, person,
    source.begins, source.ends,
    greatest(source.begins, {spans}.begins) as first_second,
    least(source.ends, {spans}.ends) as last_second,
    is_login and source.begins >= {spans}.begins as is_login
from {source} as source join {spans} using ({joined})
where source.begins < {spans}.ends and (source.ends > {spans}.begins
    or source.begins = source.ends and source.begins = {spans}.begins)
"""
    for spans, source, joined in [
        ("days", "line_rows", "month"),
        ("hours", "days_rows", "month, day"),
    ]
]

PEAKS = """
select month, line, users, min(begins), sum(ends - begins), count(*)
from curve semi join (
    select month, line, max(users) as users from curve group by month, line
) using (month, line, users) group by month, line, users
"""

# Of each level the times at or above it, united, that last for half an hour.
HELD = """
with at_level as (
    select *, unnest(range(1, users + 1)) as level from curve
), broken as (
    select *, begins is distinct from lag(ends) over (
        partition by month, line, level order by begins) as is_new
    from at_level
), numbered as (
    select *, count(*) filter (where is_new) over (
        partition by month, line, level order by begins rows unbounded preceding
    ) as island
    from broken
), long as (
    select month, line, level, min(begins) as begins
    from numbered group by month, line, level, island
    having sum(ends - begins) >= 1800
)
select month, line, max(level), arg_min(begins, (-level, begins))
from long group by month, line
"""

USED = (
    "select month, line, sum(users * (ends - begins)) from curve group by month, line"
)

ROWS = """
select month, line, count(*) filter (where is_login), sum(ends - begins), count(*)
from line_rows group by month, line
"""

DAY_PEAKS = """
select month, span, line, max(users), arg_min(begins, (-users, begins)),
    sum(users * (ends - begins))
from days_curve group by month, span, line
"""

DAY_ROWS = """
select month, span, line, count(*) filter (where is_login),
    sum(last_second - first_second)
from days_rows group by month, span, line
"""

HOUR_PEAKS = """
select month, span, line, max(users) from hours_curve group by month, span, line
"""

UNCLASSIFIED = """
select month, list(distinct base order by base) from kinds
where kind is null group by month
"""

DOUBTFUL = r"""
with alike as (
    select month, count(*) as groups from (
        select month from (select distinct month, person from counted_rows)
        group by month, split_part(regexp_replace(person, '^.*\\', '', 's'), '@', 1)
        having count(*) > 1
    ) group by month
)
select month,
    count(*) filter (where flags & 2 > 0 and closed_by in ('shutdown', 'clock')),
    count(*) filter (where flags & 2 > 0 and closed_by = 'restart'),
    count(*) filter (where flags & 2 > 0 and closed_by = 'crash'),
    any_value(coalesce(groups, 0)),
    count(*) filter (where has_assigned_day)
from counted_rows left join alike using (month) group by month
"""


def named(table: str, columns: str) -> str:
    """Distinct users by line; business users are those of the totals but not agents."""
    return f"""
with found as (
    select {columns}, line, count(distinct person) as users
    from {table} group by {columns}, line
)
select {columns}, line, users from found where line <> 'business'
union all
select {columns}, 'business',
    cast(sum(case when line = 'totals' then users else -users end) as bigint)
from found where line in ('totals', 'agent') group by {columns}
"""
