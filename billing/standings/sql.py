"""The standing as SQL, and the statements for the kept numbers of tenants."""

from psycopg.sql import SQL

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

# A place in `ORDER`, of a row `r` with the columns of a summary that decide about it.
# The columns `late_from` and `outcome` exist for this.
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

# The rows are few: one for each combination of the columns, and those that were added
# since the last merge.
COUNTS = SQL("""
    select {standing}, sum(r.tenants)::int from billing_summarycount r
    where r.period = %(period)s group by 1
""").format(standing=STANDING)

# Replaces the rows of a period by their sums. The sums do not change, so each snapshot
# sees the same numbers. Of two simultaneous runs, the second leaves out the rows that
# the first one has locked.
MERGE = """
with chosen as (
    select id from billing_summarycount
    where period in (
        select period from billing_summarycount group by period
        having count(*) > count(distinct (outcome, open_until, late_from))
    )
    for update skip locked
), gone as (
    delete from billing_summarycount c using chosen where c.id = chosen.id
    returning c.period, c.outcome, c.open_until, c.late_from, c.tenants
)
insert into billing_summarycount (period, outcome, open_until, late_from, tenants)
select period, outcome, open_until, late_from, sum(tenants) from gone
group by period, outcome, open_until, late_from having sum(tenants) <> 0
"""

# Combinations whose kept number differs from the number of summaries.
DIFFERENCES = """
with kept as (
    select period, outcome, open_until, late_from, sum(tenants) as tenants
    from billing_summarycount group by period, outcome, open_until, late_from
), counted as (
    select period, outcome, open_until, late_from, count(*) as tenants
    from billing_periodrollup group by period, outcome, open_until, late_from
)
select coalesce(k.period, c.period), coalesce(k.tenants, 0), coalesce(c.tenants, 0)
from kept k full join counted c
    on (k.period, k.outcome, k.open_until) = (c.period, c.outcome, c.open_until)
    and coalesce(k.late_from, 'infinity') = coalesce(c.late_from, 'infinity')
where coalesce(k.tenants, 0) <> coalesce(c.tenants, 0)
order by 1
"""
