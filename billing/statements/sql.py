"""SQL of statements: marks, staleness, and the locks for versions and positions."""

from collections.abc import Sequence

# The number of the lock of the installation under which versions of the catalogue are
# made (`portal.db.unit_of_work.hold_installation`).
CATALOGUE_LOCK = 1

# The row of the counter stays locked until the transaction ends; after a rollback the
# next transaction gets the position.
NEXT_POSITION = """
insert into billing_statementcounter (id, last) values (1, 1)
on conflict (id) do update set last = billing_statementcounter.last + 1
returning last
"""

# Marks the statements of tenants whose stored days hold one of the changed keys.
MARK_HOLDERS = """
insert into billing_statementmark
    (tenant_id, first_period, last_period, generation, marked_at, due_at)
select tenant_id, %(first)s, '9999-99', nextval('billing_mark_generation'),
    clock_timestamp(), clock_timestamp()
from (
    select distinct tenant_id from billing_usageday
    where period >= %(first)s and licence_keys && %(keys)s::varchar[]
    order by tenant_id
) as holders
on conflict (tenant_id) do update set
    first_period = least(billing_statementmark.first_period, excluded.first_period),
    last_period = excluded.last_period, generation = excluded.generation,
    due_at = excluded.due_at, attempts = 0, problem = ''
"""

# Marks the tenants with a statement of an ended period whose `fresh_until` has passed.
# A tenant that is marked anyway keeps its mark, and the delay after a failure.
MARK_EXPIRED = """
insert into billing_statementmark
    (tenant_id, first_period, last_period, generation, marked_at, due_at)
select tenant_id, first_period, last_period, nextval('billing_mark_generation'),
    clock_timestamp(), clock_timestamp()
from (
    select tenant_id, min(period) as first_period, max(period) as last_period
    from billing_currentstatement c
    where fresh_until <= %(at)s and period <= %(last)s and not exists (
        select from billing_statementmark k where k.tenant_id = c.tenant_id
    )
    group by tenant_id limit %(most)s
) as expired
on conflict (tenant_id) do nothing
"""

# A mark that no process has claimed.
_FREE = "(leased_until is null or leased_until <= clock_timestamp())"

CLAIM = f"""
with due as (
    select id from billing_statementmark
    where due_at <= clock_timestamp() and {_FREE}
    order by due_at limit 1 for update skip locked
)
update billing_statementmark m
set leased_until = clock_timestamp() + %(lease)s, attempts = m.attempts + 1
from due where due.id = m.id
returning m.tenant_id, m.generation, m.attempts
"""  # noqa: S608 - made of constants alone

# Postpones a claimed mark. A mark that was set again meanwhile has another generation:
# it is released (RELEASE) and tried at once.
POSTPONE = """
update billing_statementmark set leased_until = null, problem = %(problem)s,
    due_at = clock_timestamp() + %(after)s
where tenant_id = %(tenant)s and generation = %(generation)s
"""

RELEASE = """
update billing_statementmark set leased_until = null
where tenant_id = %(tenant)s and generation <> %(generation)s
"""

# Selects the periods without a current statement, or with a stale one. A statement made
# with another catalogue or by other rules is stale without a mark.
STALE = """
select p.period from unnest(%(periods)s::text[]) as p (period)
left join billing_currentstatement c
    on c.tenant_id = %(tenant)s and c.period = p.period
where c.id is null or c.fresh_until <= %(at)s or c.rules <> %(rules)s
or c.version <> coalesce((
    select max(s.version) from billing_statement s
    where s.tenant_id = %(tenant)s and s.period = p.period
), 0)
or c.catalogue <> coalesce((
    select max(v.number) from billing_catalogueversion v where v.valid_from <= p.period
), 1)
or exists (
    select from billing_statementmark k where k.tenant_id = %(tenant)s
    and p.period between k.first_period and k.last_period
    and k.generation > c.generation
)
"""

COUNT_MARKS = """
select problem, count(*), extract(epoch from clock_timestamp() - min(marked_at))
from billing_statementmark group by problem
"""


def store_current(columns: Sequence[str]) -> str:
    """Return the statement that stores a current statement, with these columns.

    It does nothing where a later one is stored: one that was compared with a later
    version, one of a later mark, or one of the same mark that was built later.
    """
    names = ", ".join(columns)
    values = ", ".join(["%s"] * len(columns))
    changes = ", ".join(f"{one} = excluded.{one}" for one in columns)
    return f"""
insert into billing_currentstatement as c ({names}) values ({values})
on conflict (tenant_id, period) do update set {changes}
where c.version <= excluded.version
and (c.generation, c.built_at) <= (excluded.generation, excluded.built_at)
"""  # noqa: S608 - names of columns alone
