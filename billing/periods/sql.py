"""SQL statements of marks, and the condition that a summary is stale."""


def is_stale(row: str, *, tenant: str = "", period: str = "") -> str:
    """Return the condition that a mark of a later generation covers a summary.

    `row` is the alias of its `billing_periodrollup`. `tenant` and `period` are the
    columns that name it where that row may be absent, as it is until it is computed:
    then the condition holds too.
    """
    own = (tenant or f"{row}.tenant_id", period or f"{row}.period")
    absent = f"{row}.id is null or " if tenant else ""
    return f"""({absent}exists (
        select from billing_summarymark k where k.tenant_id = {own[0]}
        and {own[1]} between k.first_period and k.last_period
        and k.generation > {row}.generation
    ))"""


# Whether refreshing the tenant of a summary `r` has failed.
HAS_FAILED = """exists (
    select from billing_summarymark k
    where k.tenant_id = r.tenant_id and k.failed_at is not null
)"""

# A mark of the same server and rank is widened. It is due one second after the last
# change, five after the first at the latest: the changes of these seconds are computed
# once. A failed mark is retried at once, because the facts have changed. The tenant's
# statements are marked with the same generation, except by openings; they are due ten
# seconds after the last change, a minute after the first at the latest, since whoever
# reads a statement before has it computed.
MARK = """
with generation as (select nextval('billing_mark_generation') as number),
statements as (
    insert into billing_statementmark (tenant_id, first_period, last_period,
        generation, marked_at, due_at)
    select %(tenant)s, %(first)s, %(last)s, number, clock_timestamp(),
        clock_timestamp() + interval '10 s'
    from generation where %(rank)s < 2
    on conflict (tenant_id) do update set
        first_period = least(billing_statementmark.first_period, excluded.first_period),
        last_period = greatest(billing_statementmark.last_period, excluded.last_period),
        generation = excluded.generation,
        due_at = least(billing_statementmark.marked_at + interval '60 s',
            excluded.due_at),
        attempts = 0, problem = ''
)
insert into billing_summarymark (tenant_id, server_id, rank, first_period, last_period,
    generation, changed_at, marked_at, due_at)
select %(tenant)s, %(server)s, %(rank)s, %(first)s, %(last)s, number, %(at)s,
    clock_timestamp(), clock_timestamp() + interval '1 s'
from generation
on conflict (tenant_id, server_id, rank) do update set
    first_period = least(billing_summarymark.first_period, excluded.first_period),
    last_period = greatest(billing_summarymark.last_period, excluded.last_period),
    generation = excluded.generation,
    changed_at = greatest(billing_summarymark.changed_at, excluded.changed_at),
    due_at = least(billing_summarymark.marked_at + interval '5 s', excluded.due_at),
    attempts = 0, failed_at = null
returning xmax = 0
"""

# A mark `m` that nobody else has claimed. A tenant with a failed mark is left alone
# until that is due: its other marks would fail too.
_FREE = """
(m.leased_until is null or m.leased_until <= clock_timestamp())
and not exists (
    select from billing_summarymark f
    where f.tenant_id = m.tenant_id and f.failed_at is not null
    and f.due_at > clock_timestamp()
)
"""

# The due mark with the lowest rank, of these the longest due.
CLAIM = f"""
with due as (
    select id from billing_summarymark m
    where due_at <= clock_timestamp() and {_FREE}
    order by rank, due_at limit 1 for update skip locked
)
update billing_summarymark m
set leased_until = clock_timestamp() + %(lease)s, attempts = m.attempts + 1
from due where due.id = m.id
returning m.tenant_id, m.id, m.generation, m.attempts
"""  # noqa: S608 - made of constants alone

# Seconds until a mark is due; null without a mark that can be claimed.
NEXT_DUE = f"""
select extract(epoch from min(m.due_at) - clock_timestamp())
from billing_summarymark m where {_FREE}
"""  # noqa: S608 - made of constants alone

# Of some periods those without a summary, and those whose summary is stale.
STALE = f"""
select p.period from unnest(%(periods)s::text[]) as p (period)
left join billing_periodrollup r
    on r.tenant_id = %(tenant)s and r.period = p.period
where {is_stale("r", tenant="%(tenant)s", period="p.period")}
"""  # noqa: S608 - made of constants alone

# Of some tenants those that have opened a period whose summary is stale.
STALE_TENANTS = f"""
select p.tenant_id from billing_tenantperiod p
left join billing_periodrollup r
    on r.tenant_id = p.tenant_id and r.period = p.period
where p.tenant_id = any(%(tenants)s) and p.period = %(period)s
and (%(with_failed)s or not exists (
    select from billing_summarymark f
    where f.tenant_id = p.tenant_id and f.failed_at is not null
))
and {is_stale("r", tenant="p.tenant_id", period="p.period")}
"""  # noqa: S608 - made of constants alone

# Removes marks that still have the generation that was read, and releases those of the
# claim that are left: behind the other tenants, and with no attempt counted.
REMOVE = """
with removed as (
    delete from billing_summarymark m
    using unnest(%(marks)s::bigint[], %(generations)s::bigint[]) as d (id, generation)
    where m.id = d.id and m.generation = d.generation
    returning m.id
)
update billing_summarymark set leased_until = null, attempts = 0,
    due_at = greatest(due_at, clock_timestamp())
where id = %(claimed)s and id not in (select id from removed)
"""

RELEASE = """
update billing_summarymark set leased_until = null,
    attempts = greatest(attempts - 1, 0), due_at = clock_timestamp() + %(after)s
where id = %(mark)s and generation = %(generation)s
"""

# After the last attempt a mark is failed until it is removed. One that was set again
# meanwhile is tried at once.
RECORD_FAILURE = """
update billing_summarymark set leased_until = null,
    due_at = clock_timestamp() + %(after)s,
    attempts = case when %(is_last)s then 0 else attempts end,
    failed_at = case when %(is_last)s
        then coalesce(failed_at, clock_timestamp()) else failed_at end
where id = %(mark)s and generation = %(generation)s
"""

# Tenants that owe the running period and do not have it; see `open_periods`.
WITHOUT_RUNNING_PERIOD = """
select t.id, t.zone from portal_tenant t
where t.id > %(after)s and t.first_owed_on <= %(ends_on)s and not exists (
    select from billing_tenantperiod p
    where p.tenant_id = t.id and p.period = %(running)s
)
order by t.id limit %(most)s
"""

# Opens all past periods that some tenants owe and do not have, and marks each of these
# tenants. In the order of ids: of two runs at once, the second waits and finds nothing.
OPEN_PERIODS = """
with opened as (
    insert into billing_tenantperiod
        (tenant_id, period, zone, deadline_at, opened_at)
    select t.id, d.period, t.zone, d.deadline_at, %(at)s
    from portal_tenant t
    join unnest(%(zones)s::text[], %(periods)s::text[], %(ends)s::date[],
        %(deadlines)s::timestamptz[]) as d (zone, period, ends_on, deadline_at)
        on d.zone = t.zone and d.ends_on >= t.first_owed_on
    where t.id = any(%(tenants)s) and not exists (
        select from billing_tenantperiod p
        where p.tenant_id = t.id and p.period = d.period
    )
    order by t.id, d.period
    on conflict (tenant_id, period) do nothing
    returning tenant_id, period
), marked as (
    insert into billing_summarymark (tenant_id, rank, first_period, last_period,
        generation, changed_at, marked_at, due_at)
    select tenant_id, 2, min(period), max(period), nextval('billing_mark_generation'),
        %(at)s, clock_timestamp(), clock_timestamp()
    from opened group by tenant_id order by tenant_id
    on conflict (tenant_id, server_id, rank) do update set
        first_period = least(billing_summarymark.first_period, excluded.first_period),
        last_period = greatest(billing_summarymark.last_period, excluded.last_period),
        generation = excluded.generation, attempts = 0, failed_at = null
)
select count(*) from opened
"""

COUNT_MARKS = """
select rank, count(*), extract(epoch from clock_timestamp() - min(marked_at))
from billing_summarymark where failed_at is null group by rank
"""

COUNT_FAILED = """
select count(distinct tenant_id) from billing_summarymark where failed_at is not null
"""

# Wide changes and openings may take long; failed marks have a metric of their own.
IS_OVERDUE = """
select exists (
    select from billing_summarymark
    where rank = 0 and failed_at is null
    and marked_at < clock_timestamp() - %(seconds)s * interval '1 s'
)
"""

# Tenants with a stale summary, of one period or of any, by number: since when, and
# whether refreshing has failed. It begins with the marks, which are few.
UPDATING = f"""
with marked as materialized (
    select tenant_id, min(marked_at) as since,
        bool_or(failed_at is not null) as has_failed
    from billing_summarymark
    where %(period)s = '' or %(period)s between first_period and last_period
    group by tenant_id
), stale as (
    select marked.* from marked where exists (
        select from billing_tenantperiod p
        left join billing_periodrollup r
            on r.tenant_id = p.tenant_id and r.period = p.period
        where p.tenant_id = marked.tenant_id
        and (%(period)s = '' or p.period = %(period)s)
        and {is_stale("r", tenant="p.tenant_id", period="p.period")}
        offset 0
    )
    limit %(most)s
)
select t.number, stale.since, stale.has_failed
from stale join portal_tenant t on t.id = stale.tenant_id
order by t.number
"""  # noqa: S608 - made of constants alone
