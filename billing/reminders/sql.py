"""SQL statements that plan reminders: select recipients and steps, and insert rows.

All of them start from groups of periods, worked out by `billing.reminders.plan`.
"""

# A flag `f` that is open: one without a `LateFlag.answer`, and not completed. Written
# as in the index `late_flags_undecided`.
_OPEN = """
f.voided_at is null and f.completed_at is null
    and not f.still <@ array_cat(f.waived, f.decided)::varchar(300)[]
"""

# An open flag of a tenant's period `tp`, for its effective deadline.
_OPEN_FLAG = f"""
f.tenant_id = tp.tenant_id and f.period = tp.period
    and f.deadline_at = coalesce(tp.extended_to, tp.deadline_at)
    and {_OPEN}
"""

# Tenants have few zones and fewer deadlines: what is due is worked out once for each
# group of periods, not for each tenant. Mornings are those of the tenant's zone, for
# all of its periods the same: by two clocks a day could have two mails.
#
# The first part selects periods whose deadline is ahead, flagged or not: without a flag
# only these can have a step, and none before they end. A group that contains flagged
# tenants only is planned for nobody. The second part selects open flags. The third part
# selects days after refusals, which have their own mails until the last day is over.
GROUPS = f"""
select tp.period, t.zone, coalesce(tp.extended_to, tp.deadline_at),
    null::timestamptz, null::timestamptz
from billing_tenantperiod tp
join portal_tenant t on t.id = tp.tenant_id
where coalesce(tp.extended_to, tp.deadline_at) > %(now)s
    and tp.period <= %(last_period)s
group by tp.period, t.zone, tp.extended_to, tp.deadline_at
union
select tp.period, t.zone, f.deadline_at, f.raised_at, null
from billing_lateflag f
join billing_tenantperiod tp on {_OPEN_FLAG}
join portal_tenant t on t.id = tp.tenant_id
where greatest(tp.deadline_at, tp.extended_to, f.raised_at) > %(since)s
    and not exists (
        select from billing_safetystop s
        where s.period = tp.period and s.released_at is null
    )
union
select tp.period, t.zone, coalesce(tp.extended_to, tp.deadline_at), null, g.until
from billing_periodrollup r
join billing_tenantperiod tp on tp.tenant_id = r.tenant_id and tp.period = r.period
join portal_tenant t on t.id = tp.tenant_id
cross join lateral (select max(one) as until from unnest(r.graced_until) one) g
where not (r.graced = '{{}}'::varchar(300)[]) and g.until > %(now)s
    and coalesce(tp.extended_to, tp.deadline_at) <= %(now)s
"""  # noqa: S608 - made of constants alone

# A mail `r` that was not needed when it was due, and of which nothing was sent: if it
# is due again, it is needed after all. A mail that a restored copy left out may have
# been sent.
_NEVER_WENT = """r.outcome = 'unneeded' and r.problem <> 'restored'
    and r.message_id = '' and r.begun_at is null and r.asked_by = ''"""

# Planning uses summaries, sending the files: a mail that was not needed is tried once a
# day, so that it does not block others. A day that waited for the billing team is
# missing as soon as it is refused.
_TRIES_AGAIN = f"({_NEVER_WENT} and (r.problem = 'with-us' or r.day < due.day))"

# A previewed mail is sent only if something changes.
_MAY_TRY_AGAIN = f"({_NEVER_WENT} and r.problem not in ('settled', 'not-missing'))"


# A mail lists all refusals whose extra time still runs, so it covers earlier ones too.
# The next mail depends on the first refusal that this recipient has had no mail about.
_UNTOLD = """(
    select min(g.until) from unnest(due.graced_until) g (until)
    where g.until > due.at and not exists (
        select from billing_reminder r
        where r.tenant_id = due.tenant_id and r.recipient = due.recipient
            and r.period = due.period and r.step = due.step
            and (r.extended_to = g.until
                or coalesce(r.begun_at, r.ended_at) > g.until - %(grace)s)
            and not {tries_again}
    ) and (%(restored)s::timestamptz is null
        or g.until - %(grace)s > %(restored)s)
)"""


# Recipients and their steps. The summaries of tenants that lack something are found by
# indexes, those of all others are not read. `missing_from` is sorted: its first day is
# over, or none is. A tenant without servers gets mails only under a licence for manual
# upload. A waiting mail keeps the next one waiting, unless a safety stop holds it: that
# can last. A mail sent when the tenant was in another zone may count for another day
# there. The instants of days are parameters: PostgreSQL has zone data of its own, which
# may be older or lack a zone. After an extension, a recipient of the mail for the last
# day gets no earlier step. A mail of a late step names all late periods: it counts for
# the weekly steps of each for a week, and for the first mail about each that was
# flagged before. Recipients who had the mail are left out first (`fresh`), by a unique
# index: as a rule these are all, and the other conditions read all their mails.
_WANTED = f"""
with kind as (
    select * from unnest(
        %(periods)s::text[], %(zones)s::text[], %(deadlines)s::timestamptz[],
        %(flags)s::timestamptz[], %(steps)s::text[], %(ranks)s::int[],
        %(are_late)s::bool[], %(days)s::date[], %(ats)s::timestamptz[],
        %(ends)s::date[], %(hang)s::bool[], %(ends_at)s::timestamptz[],
        %(day_starts)s::timestamptz[], %(day_ends)s::timestamptz[]
    ) as t (period, zone, deadline_at, flagged_at, step, rank, is_late, day, at,
        ends_on, hangs, until, day_starts_at, day_ends_at)
), short as materialized (
    select tenant_id, period, missing_from, lacks_servers, graced_until
    from billing_periodrollup
    where period = any (%(periods)s::text[])
        and (lacking_from <= %(latest)s or lacks_servers)
), lacking as (
    select tp.tenant_id, t.escalation_address, kind.*,
        case when kind.hangs then tp.extended_to end as extended_to, r.graced_until
    from short r
    join billing_tenantperiod tp
        on tp.tenant_id = r.tenant_id and tp.period = r.period
    join portal_tenant t on t.id = tp.tenant_id
    join kind on kind.period = tp.period and kind.zone = t.zone
        and kind.deadline_at = coalesce(tp.extended_to, tp.deadline_at)
    left join billing_lateflag f on {_OPEN_FLAG}
    where case when kind.until is null
            then f.raised_at is not distinct from kind.flagged_at
            else kind.until = (select max(one) from unnest(r.graced_until) one) end
        and (r.missing_from[1] <= kind.at or r.lacks_servers and (
            select %(manual)s = any (l.keys) from billing_licencechange l
            where l.tenant_id = tp.tenant_id and l.from_on <= kind.ends_on
            order by l.from_on desc limit 1
        ))
), told as (
    select lacking.*, u.email as recipient
    from lacking
    join portal_membership m on m.tenant_id = lacking.tenant_id
        and coalesce(m.gets_reminders, m.role = 'admin')
    join portal_user u on u.id = m.user_id and u.is_active
    union
    select lacking.*, escalation_address from lacking
    where is_late and escalation_address <> ''
), aimed as (
    select due.tenant_id, period, recipient, step, day, at, rank, deadline_at, hangs,
        is_late, flagged_at, day_starts_at, day_ends_at, until,
        case when until is null then extended_to else {{untold}} end as extended_to
    from told due
), fresh as materialized (
    select * from aimed due
    where (until is null or extended_to is not null) and not exists (
        select from billing_reminder r
        where r.tenant_id = due.tenant_id and r.recipient = due.recipient
            and r.period = due.period and r.step = due.step
            and r.extended_to is not distinct from due.extended_to
            and not {{tries_again}}
    )
)
select tenant_id, period, recipient, step, extended_to, day, at, rank, deadline_at,
    is_late
from fresh due where not exists (
    select from billing_reminder r
    where r.tenant_id = due.tenant_id and r.recipient = due.recipient
        and (r.state = 'waiting' and r.problem <> %(stopped)s
            or r.period = due.period and r.step = any (%(hanging)s)
                and not due.hangs and r.outcome in ('', 'sent', 'unsure')
            or r.outcome in ('', 'sent', 'unsure') and (
                r.day = due.day
                or r.begun_at >= due.day_starts_at and r.begun_at < due.day_ends_at
            )
            or due.is_late and due.period = any (r.late_periods)
                and r.outcome in ('sent', 'unsure')
                and case when due.step = %(late)s then r.begun_at >= due.flagged_at
                    else r.day > due.day - 7 end)
)
"""  # noqa: S608 - made of constants alone


def _wanted(tries_again: str) -> str:
    untold = _UNTOLD.format(tries_again=tries_again)
    return _WANTED.format(untold=untold, tries_again=tries_again)


# Most urgent first: a recipient's second period has to wait for the next day.
_URGENT_FIRST = "order by rank, deadline_at, tenant_id, recipient"

# Whether anything is to be planned; as a rule nothing is, and the two statements below
# would find that out once each.
IS_WANTED = f"select exists ({_wanted(_TRIES_AGAIN)})"

# Queues each recipient's most urgent mail again if it was not needed before. Of two
# concurrent runs, the second one waits for the row and finds it changed.
REPLAN = f"""
update billing_reminder r
set state = 'waiting', outcome = '', problem = '', day = due.day, due_at = %(now)s,
    planned_at = %(now)s, ended_at = null, attempts = 0, faults = 0,
    lease = null, leased_until = null
from (
    select distinct on (tenant_id, recipient) * from ({_wanted(_TRIES_AGAIN)}) as wanted
    order by tenant_id, recipient, rank, deadline_at
) as due
where r.tenant_id = due.tenant_id and r.recipient = due.recipient
    and r.period = due.period and r.step = due.step
    and r.extended_to is not distinct from due.extended_to and {_TRIES_AGAIN}
"""  # noqa: S608 - made of constants alone

INSERT = f"""
insert into billing_reminder (tenant_id, period, recipient, step, extended_to, day,
    due_at, planned_at, state, attempts, faults, problem)
select tenant_id, period, recipient, step, extended_to, day,
    %(now)s, %(now)s, 'waiting', 0, 0, ''
from ({_wanted(_TRIES_AGAIN)} {_URGENT_FIRST}) as wanted
on conflict do nothing
"""  # noqa: S608 - made of constants alone

# Mails that would be planned on the two days of a preview: one a day for each
# recipient, and on the second day what the first one leaves over.
PREVIEW = f"""
with wanted as (
    {_wanted(_MAY_TRY_AGAIN)}
), first as (
    select distinct on (tenant_id, recipient) * from wanted
    order by tenant_id, recipient, at, rank, deadline_at
), second as (
    select distinct on (w.tenant_id, w.recipient) w.*
    from wanted w join first f using (tenant_id, recipient)
    where w.day > f.day and (w.period, w.step) <> (f.period, f.step)
        and not (w.is_late and f.is_late)
    order by w.tenant_id, w.recipient, w.at, w.rank, w.deadline_at
)
select tenant_id, period, recipient, step, day, at, extended_to
from (table first union all table second) as both_days
order by at, rank, tenant_id, recipient limit %(most)s
"""  # noqa: S608 - made of constants alone
