"""SQL statements that plan mails for all tenants at once."""

# Server keys that nobody has confirmed, with files that have waited for them since
# before `gathered`, so that all files that a server sends at once are counted. Files
# that an admin has uploaded by hand do not count: that admin has seen the key.
# In a restored copy, only files that were received since the copy. A mail that was not
# sent because no file waited, or because it had no recipient, is queued again.
PLAN_KEY_MAILS = """
insert into billing_keymail as c (tenant_id, recipient, server, fingerprint,
    due_at, planned_at, state, attempts, faults, problem)
select k.tenant_id, u.email, s.name, k.fingerprint,
    %(now)s, %(now)s, 'waiting', 0, 0, ''
from usage_serverkey k
join usage_server s on s.id = k.server_id
join portal_membership m on m.tenant_id = k.tenant_id and m.role = 'admin'
join portal_user u on u.id = m.user_id and u.is_active
where k.state = 'proposed' and exists (
    select from usage_usagefile f
    where f.server_id = k.server_id and f.signer = k.public and f.state = 'held'
        and f.received_at <= %(gathered)s
        and (%(restored)s::timestamptz is null or f.received_at > %(restored)s)
        and (f.how in ('api', 'inbox') or not exists (
            select from portal_membership am
            join portal_user au on au.id = am.user_id
            where am.tenant_id = k.tenant_id and am.role = 'admin'
                and au.email = f.sent_by
        ))
)
on conflict (tenant_id, recipient, server, fingerprint) do update
set state = 'waiting', outcome = '', problem = '', ended_at = null, attempts = 0,
    faults = 0, due_at = excluded.due_at, planned_at = excluded.planned_at
where c.outcome = 'unneeded' and c.begun_at is null
    and c.problem in ('restored', 'nothing-held', 'not-wanted')
"""

# Tokens that end until `until`, are used, and have no successor. Tokens created to last
# no longer than the lead time of the mail, in seconds, are left out. In a restored
# copy, only tokens whose mail became due after the copy.
PLAN_EXPIRY_MAILS = """
insert into billing_tokenmail (tenant_id, recipient, token_id,
    due_at, planned_at, state, attempts, faults, problem)
select t.tenant_id, u.email, t.id, %(now)s, %(now)s, 'waiting', 0, 0, ''
from portal_apitoken t
cross join lateral (
    select t.expires_at - make_interval(secs => %(ahead)s) as at
) warned
join portal_membership m on m.tenant_id = t.tenant_id and m.role = 'admin'
join portal_user u on u.id = m.user_id and u.is_active
where t.revoked_at is null and t.replaced_by_id is null
    and t.last_used_at is not null
    and t.expires_at > %(now)s and t.expires_at <= %(until)s
    and t.created_at < warned.at
    and (%(restored)s::timestamptz is null or warned.at > %(restored)s)
on conflict (tenant_id, recipient, token_id) do nothing
"""

# Complete periods, by their summaries, with everybody who was reminded of them. A mail
# that was not sent because the period was incomplete again is queued again. In a
# restored copy, only periods of which a file was received since the copy.
PLAN_COMPLETE_MAILS = """
insert into billing_completemail as c (tenant_id, recipient, period,
    due_at, planned_at, state, attempts, faults, problem)
select distinct r.tenant_id, r.recipient, s.period,
    %(now)s::timestamptz, %(now)s::timestamptz, 'waiting', 0, 0, ''
from billing_periodrollup s
join billing_reminder r on r.tenant_id = s.tenant_id and r.outcome = 'sent'
    and (r.period = s.period or s.period = any (r.late_periods))
where s.period = any (%(periods)s::text[]) and s.outcome = %(covered)s
    and s.open_until <= %(now)s
    and (%(restored)s::timestamptz is null or s.last_received_at > %(restored)s)
    and not exists (
        select from billing_completemail had
        where had.tenant_id = r.tenant_id and had.recipient = r.recipient
            and had.period = s.period and had.problem <> 'incomplete'
    )
on conflict (tenant_id, recipient, period) do update
set state = 'waiting', outcome = '', problem = '', ended_at = null, attempts = 0,
    faults = 0, due_at = excluded.due_at, planned_at = excluded.planned_at
where c.outcome = 'unneeded' and c.problem = 'incomplete' and c.begun_at is null
"""
