"""Mark what missing numbers before a later series change: *down* no longer counts there.

Only servers with files of several series can have such a gap. Their tenants' summaries
and current statements are computed anew, after files and decisions.
"""

from django.db import migrations

# As `billing.periods.sql.MARK` does for a change of a whole tenant.
_MARK = """
with affected as (
    select tenant_id, nextval('billing_mark_generation') as number
    from (
        select distinct tenant_id from (
            select tenant_id, server_id from usage_usagefile
            where series is not null and server_id is not null
                and state in ('accepted', 'held')
            group by tenant_id, server_id having count(distinct series) > 1
        ) as server
    ) as tenant
), statements as (
    insert into billing_statementmark (tenant_id, first_period, last_period,
        generation, marked_at, due_at)
    select tenant_id, '0000-00', '9999-99', number, clock_timestamp(),
        clock_timestamp() + interval '10 s'
    from affected
    on conflict (tenant_id) do update set
        first_period = excluded.first_period, last_period = excluded.last_period,
        generation = excluded.generation, attempts = 0, problem = ''
)
insert into billing_summarymark (tenant_id, rank, first_period, last_period, generation,
    changed_at, marked_at, due_at)
select tenant_id, 1, '0000-00', '9999-99', number,
    clock_timestamp(), clock_timestamp(), clock_timestamp()
from affected
on conflict (tenant_id, server_id, rank) do update set
    first_period = excluded.first_period, last_period = excluded.last_period,
    generation = excluded.generation, changed_at = excluded.changed_at,
    attempts = 0, failed_at = null;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0021_expiring_statements"),
        ("usage", "0013_name_secrets"),
    ]

    operations = [migrations.RunSQL(_MARK, reverse_sql=migrations.RunSQL.noop)]
