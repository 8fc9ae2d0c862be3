"""SQL statements of the late check.

The first sees one moment: summaries that have late days, and files that nobody has
judged yet, which wait for us and make nobody late. Its steps:

- `due`: tenants that are late, have no flag, and have nothing that waits for us. No
  mark covers the period: a stale summary raises no flag. Whatever was received before
  the instant at which a day is judged can still clear it: a file that is received only,
  an object of the inbox, an inbox not listed to its end since.
- `counted`, `found`: how many tenants of the period would be flagged by the time that
  the deadline has passed in all zones, counted before the first flag is raised.
  *Certain* tenants are due, or have a flag of this or another run. *Possible* tenants
  have their deadline ahead in their zone or wait for us, and would be late if nothing
  more arrived.
- `stopped`: if the certain tenants alone are far more than usual, nothing more is
  flagged until the staff release the period. If they are too many only together with
  the possible ones, the period waits: a later run flags it or stops it. A release is
  for the tenants that were listed to the staff: others stop the period again.
- `held`: rows are locked and read again. A row that the refresher is writing is left
  to the next run; a later refresh sees the flag and updates it.
- `raised`: of two runs at once the second finds the flag there.

A tenant without a day that was late at the deadline itself may have one that became
late later, as the file or excuse it waited for was refused: then the tenant is judged
at the first such instant.
"""

from billing.periods.sql import is_stale

_JUDGED = """lateral (
    select case when r.late = '{}'::varchar(300)[]
        then (select min(one) from unnest(r.graced_until) one)
        else r.deadline_at end as judged_at
) j"""

_HAS_LATE_DAYS = """(not (r.late = '{}'::varchar(300)[])
        or not (r.graced = '{}'::varchar(300)[]))"""

_IS_LATE = f"""{_HAS_LATE_DAYS}
    and r.deadline_at <= %(until)s and j.judged_at <= %(until)s"""

_NOTHING_WAITS = """not exists (
        select from usage_usagefile u
        where u.state = 'received' and u.tenant_id = r.tenant_id
        and u.received_at < {before}
    )
    and (not %(has_inbox)s or (
        exists (
            select from usage_inboxlisting l
            where l.tenant_id = r.tenant_id and l.listed_at >= {before}
        )
        and not exists (
            select from usage_inboxobject o
            where o.tenant_id = r.tenant_id and o.verdict = ''
            and least(o.modified_at, o.first_seen_at) < {before}
        )
    ))"""

_HAS_NO_FLAG = """not exists (
    select from billing_lateflag f
    where f.tenant_id = r.tenant_id and f.period = r.period
    and f.deadline_at = r.deadline_at
)"""

_DUE = f"""select r.id, r.tenant_id, r.period, r.deadline_at, j.judged_at
from billing_periodrollup r cross join {_JUDGED}
where {_IS_LATE}
and {_HAS_NO_FLAG}
and not {is_stale("r")}
and {_NOTHING_WAITS.format(before="j.judged_at")}"""  # noqa: S608 - put together from the parts above

RAISE = f"""
with due as materialized (
    {_DUE}
), run as materialized (
    select period, min(judged_at) + %(between_zones)s as ends_at
    from due group by period
), counted as (
    select period, tenant_id, true as is_certain, true as is_new from due
    union all
    select f.period, f.tenant_id, true, false
    from billing_lateflag f join run on run.period = f.period
    where f.voided_at is null
    union all
    select r.period, r.tenant_id, false, false
    from billing_periodrollup r join run on run.period = r.period
    cross join {_JUDGED}
    where {_HAS_LATE_DAYS} and j.judged_at <= run.ends_at and {_HAS_NO_FLAG}
), found as materialized (
    select c.*, u.usual, case
        when c.tenants < %(least)s or c.tenants < %(times)s * u.usual then 'raised'
        when c.is_released then case when c.unseen = 0 then 'raised' else 'stopped' end
        when c.certain >= %(least)s and c.certain >= %(times)s * u.usual
            or run.ends_at <= %(until)s then 'stopped'
        else 'waiting' end as outcome
    from (
        select n.period, count(distinct n.tenant_id) as tenants,
            count(distinct n.tenant_id) filter (where n.is_certain) as certain,
            coalesce(bool_or(s.released_at is not null), false) as is_released,
            count(*) filter (
                where n.is_new and not n.tenant_id = any(s.released_for)
            ) as unseen
        from counted n left join billing_safetystop s on s.period = n.period
        group by n.period
    ) c
    join run on run.period = c.period
    cross join lateral (
        select count(distinct (f.tenant_id, f.period)) / 3.0 as usual
        from billing_lateflag f
        where f.voided_at is null and f.period in (
            select to_char(to_date(c.period, 'YYYY-MM') - make_interval(months => n),
                'YYYY-MM')
            from generate_series(1, 3) n
        )
    ) u
), stopped as (
    insert into billing_safetystop
        (period, found, usual, raised_at, released_by, reason)
    select period, tenants, usual, %(at)s, '', '' from found
    where outcome = 'stopped'
    on conflict (period) do update
        set found = excluded.found, usual = excluded.usual,
            raised_at = excluded.raised_at, released_at = null, released_by = '',
            reason = '', released_for = null
        where billing_safetystop.released_at is not null
    returning period, found, usual
), held as (
    select r.tenant_id, r.period, r.deadline_at,
    case when r.late = '{{}}'::varchar(300)[]
        then array(
            select g.day from unnest(r.graced, r.graced_until)
                with ordinality g (day, until, place)
            where g.until = j.judged_at order by g.place
        )
        else r.late end as evidence,
    r.late || array(
        select g.day from unnest(r.graced, r.graced_until)
            with ordinality g (day, until, place)
        where g.until <= %(until)s order by g.place
    ) as still,
    case when r.covered = r.owed and not r.lacks_servers
        then greatest(r.deadline_at, r.last_received_at) end as completed_at
    from billing_periodrollup r join due on due.id = r.id
    join found on found.period = due.period
    left join billing_safetystop s on s.period = due.period
    cross join {_JUDGED}
    where {_IS_LATE} and r.deadline_at = due.deadline_at
    and (found.outcome = 'raised' and (s.period is null or s.released_at is not null)
        or s.released_at is not null and r.tenant_id = any(s.released_for))
    for share of r skip locked
), raised as (
    insert into billing_lateflag
        (tenant_id, period, deadline_at, raised_at, evidence, still, completed_at)
    select tenant_id, period, deadline_at, %(at)s, evidence, still, completed_at
    from held
    on conflict (tenant_id, period, deadline_at) do nothing
    returning period
)
select 'stopped', period, found, usual from stopped
union all
select 'waiting', f.period, f.tenants, f.usual from found f
where f.outcome = 'waiting' and not exists (
    select from billing_safetystop s where s.period = f.period
)
union all
select 'raised', period, count(*), 0 from raised group by period
"""  # noqa: S608 - put together from the parts above

# Periods whose deadline has passed, that have no flag, and whose summary is stale; the
# newest first. A tenant of which refreshing has failed comes last.
STALE_AND_DUE = f"""
with marked as materialized (
    select tenant_id, min(first_period) as first_period,
        max(last_period) as last_period, bool_or(failed_at is not null) as has_failed
    from billing_summarymark group by tenant_id
)
select p.tenant_id, t.number, p.period, m.has_failed
from marked m
join billing_tenantperiod p on p.tenant_id = m.tenant_id
    and p.period between m.first_period and m.last_period
join portal_tenant t on t.id = p.tenant_id
left join billing_periodrollup r
    on r.tenant_id = p.tenant_id and r.period = p.period
where coalesce(p.extended_to, p.deadline_at) <= %(until)s
and {is_stale("r", tenant="p.tenant_id", period="p.period")}
and not exists (
    select from billing_lateflag f
    where f.tenant_id = p.tenant_id and f.period = p.period
    and f.deadline_at = coalesce(p.extended_to, p.deadline_at)
)
order by has_failed, p.period desc, p.tenant_id limit %(most)s
"""  # noqa: S608 - put together from the parts above

# Flags to which a day is added by time alone: the file or excuse it waited for was
# refused three days (and the hour) ago. There are few, and each is updated under its
# tenant's lock.
GROWN = f"""
select r.tenant_id, r.period
from billing_periodrollup r
join billing_lateflag f on f.tenant_id = r.tenant_id and f.period = r.period
    and f.deadline_at = r.deadline_at
where not (r.graced = '{{}}'::varchar(300)[]) and not {is_stale("r")}
and exists (
    select from unnest(r.graced, r.graced_until) g (day, until)
    where g.until <= %(until)s and not (g.day = any(f.still))
    and {_NOTHING_WAITS.format(before="g.until")}
)
order by r.tenant_id, r.period
"""  # noqa: S608 - put together from the parts above

# Tenants that are late by their stored summaries and have no flag, with what each flag
# waits for. In a period that a safety stop holds, also tenants that will be late once
# the deadline has passed in all zones: they are released with the others.
_UNDECIDED = f"""
from billing_periodrollup r
cross join {_JUDGED}
join portal_tenant t on t.id = r.tenant_id
left join billing_tenantperiod p on p.tenant_id = r.tenant_id and p.period = r.period
left join billing_safetystop s on s.period = r.period and s.released_at is null
where {{of_period}} {_HAS_LATE_DAYS} and {_HAS_NO_FLAG}
and j.judged_at <= greatest(%(until)s, s.raised_at + %(between_zones)s)
and r.deadline_at <= greatest(%(until)s, s.raised_at + %(between_zones)s)
"""

UNDECIDED_IDS = f"select r.tenant_id {_UNDECIDED} order by r.tenant_id"

COUNT_UNDECIDED = f"select count(*) {_UNDECIDED}"

UNDECIDED = f"""
select r.tenant_id, t.number, t.name, r.period, r.deadline_at,
    coalesce(p.zone, t.zone), cardinality(r.late) + cardinality(r.graced),
    case when s.period is not null then 'stopped'
        when {is_stale("r")} then 'updating'
        when not ({_NOTHING_WAITS.format(before="j.judged_at")}) then 'unjudged'
        else 'next-run' end
{_UNDECIDED}
order by r.period desc, t.name, t.id limit %(most)s offset %(offset)s
"""

# The periods for which a run should have flagged one tenant.
OVERDUE = f"""
{_DUE}
and r.tenant_id = %(tenant)s order by r.period
"""
