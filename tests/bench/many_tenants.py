"""Creates many tenants with a period each, by SQL as the owner of the tables.

What uploads would have left behind, without the uploads: tenants, servers, licences,
opened periods, their summaries and mails, in a mix as it is some days after a deadline.
For the late check also a table that the product does not have: a row for each
server-day that was received, over which the same question can be asked the long way.
"""

from dataclasses import dataclass

import psycopg

from billing.coverage.periods import Period

MAY = Period(2026, 5)
PERIOD, FIRST, DAYS = str(MAY), MAY.starts_on, 30
SERVERS = 3

# The midnight that ends 4 June in most of them; what is not here by then is late.
_ZONES = (
    "America/Los_Angeles,America/New_York,America/Sao_Paulo,Europe/London,"
    "Europe/Berlin,Asia/Kolkata,Asia/Tokyo,Australia/Sydney"
)

_TENANTS = """
insert into portal_tenant (number, name, zone, first_owed_on, is_demo, created_at)
select to_char(500000 + n, 'FM000000'),
       initcap(substr(md5(n::text), 1, 9)) || ' ' || (array['Utilities', 'Telecom',
         'Insurance', 'Logistics', 'Bank', 'Hotels'])[1 + n %% 6],
       zones[1 + n %% cardinality(zones)], %(first)s, false, %(first)s
from generate_series(1, %(tenants)s) as n, string_to_array(%(zones)s, ',') as zones;

insert into billing_licencechange (tenant_id, from_on, keys, changed_by, changed_at)
select id, first_owed_on,
       case when id %% 20 = 0 then '{}'
            when id %% 20 = 1 then '{I3_FEATURE_USAGE_TRACKING_UPLOAD}'
            else '{I3_FEATURE_USAGE_TRACKING_LOCAL}' end::varchar[], 'bench', created_at
from portal_tenant;

insert into usage_server (tenant_id, name, created_at)
select id, 'IC' || server, created_at
from portal_tenant, generate_series(1, %(servers)s) as server;

insert into billing_tenantperiod (tenant_id, period, zone, deadline_at, opened_at)
select id, period, zone,
       ((period || '-05')::timestamp + interval '1 month') at time zone zone, created_at
from portal_tenant, unnest(array[%(before)s, %(period)s, %(after)s]) as period;
"""

# What is missing by the tenant's number: nothing of most, two days of few, all of some.
_SUMMARIES = """
insert into billing_periodrollup (tenant_id, period, deadline_at, owed, covered,
  missing_from, fault_from, with_us_from, lacks_servers, open_until, late, graced,
  graced_until, strip, last_received_at)
select tenant_id, period, deadline_at, owed, owed - cardinality(lacking),
  case when is_manual then lacking else '{}' end,
  case when is_manual then '{}' else lacking end,
  '{}', false, ended_at,
  case when (lacks or is_after) and is_manual then late else '{}' end, '{}', '{}',
  case when owed = 0 then repeat('-', %(days)s)
       when lacks then repeat('r', 10) || 'mp' || repeat('r', %(days)s - 12)
       else repeat('r', %(days)s) end,
  case when owed > 0 then deadline_at - (tenant_id %% 400) * interval '1 hour' end
from (
  select p.*, p.tenant_id %% 20 <> 1 as is_manual,
    p.tenant_id %% 20 <> 0 and p.tenant_id %% 20 < 3 and p.period = %(period)s as lacks,
    p.tenant_id %% 20 = 3 and p.period = %(period)s as is_after,
    case when p.tenant_id %% 20 = 0 then 0 else %(servers)s * %(days)s end as owed,
    case when p.tenant_id %% 20 <> 0 and p.tenant_id %% 20 < 3 and p.period = %(period)s
      then (select array_agg(ended_at - n * interval '1 day' order by n desc)
            from generate_series(18, 18 + p.tenant_id %% 7) as n)
      else '{}'::timestamptz[] end as lacking,
    (select array_agg(%(period)s || '-' || to_char(n, 'FM00') || ' IC1')
     from generate_series(8, 9 + p.tenant_id %% 7) as n) as late
  from (
    select *, ((period || '-28')::timestamp) at time zone zone as ended_at
    from billing_tenantperiod
  ) as p
) as made;
"""

# Two members of each tenant, who are its admins.
_PEOPLE = """
insert into portal_user (password, email, name, staff_role, is_active, is_demo,
  gets_digest)
select '', 'person' || person || '@t' || id || '.example', 'Person', '', true, false,
  false
from portal_tenant, generate_series(1, 2) as person;

insert into portal_membership (tenant_id, user_id, role)
select t.id, u.id, 'admin'
from portal_tenant t cross join generate_series(1, 2) as person
join portal_user u on u.email = 'person' || person || '@t' || t.id || '.example';
"""

# To both of them: of some tenants once, of those who lack something on every step.
_REMINDERS = """
insert into billing_reminder (tenant_id, state, attempts, faults, due_at, problem,
  ended_at, recipient, planned_at, outcome, begun_at, message_id, subject, text, html,
  asked_by, period, step, day)
select tenant_id, 'done', 1, 0, due_at, '', due_at,
  'person' || person || '@t' || tenant_id || '.example', due_at, 'sent', due_at,
  'm' || id || '-' || step || '-' || person, '', '', '', '',
  period, step, due_at::date
from (
  select r.id, r.tenant_id, r.period, step, person,
    r.deadline_at - (5 - number) * interval '2 days' as due_at
  from billing_periodrollup r, generate_series(1, 2) as person,
    unnest(array['ended', 'soon', 'target', 'last']) with ordinality as s (step, number)
  where r.period = %(period)s
    and (r.lacking > 0 or (r.tenant_id %% 3 = 0 and number = 1))
) as made;
"""

_RAW = """
create unlogged table bench_calendar (
  tenant_id bigint, server smallint, day date, received_at timestamptz);
insert into bench_calendar
select id, server, %(first)s + day,
       '2026-06-02'::timestamptz + id %% 60 * interval '1 h'
from portal_tenant, generate_series(1, %(servers)s) as server,
     generate_series(0, %(days)s - 1) as day
where id %% 20 > 2 or server > 1 or day not in (10, 11);
"""


@dataclass(frozen=True, slots=True)
class ManyTenants:
    """How many there are, and where; `period` is the one that some of them lack."""

    owner_url: str
    tenants: int
    period: Period = MAY

    def make(self) -> None:
        self._run(_TENANTS, _SUMMARIES, _PEOPLE, _REMINDERS)

    def write_out_calendar(self) -> None:
        self._run(_RAW)

    def _run(self, *texts: str) -> None:
        values = {
            "tenants": self.tenants,
            "servers": SERVERS,
            "before": str(self.period.previous()),
            "period": str(self.period),
            "after": str(self.period.next()),
            "first": self.period.starts_on,
            "days": DAYS,
            "zones": _ZONES,
        }
        with psycopg.ClientCursor(psycopg.connect(self.owner_url)) as cursor:
            for text in texts:
                cursor.execute(text, values)
            cursor.connection.commit()
            cursor.connection.autocommit = True
            cursor.execute("vacuum analyze")
            cursor.connection.close()
