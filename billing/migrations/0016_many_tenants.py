"""Keep the numbers of tenants by standing, and index what staff see of all tenants."""

from django.db import migrations, models
from django.db.models.functions import Coalesce

from portal.db.row_security import open_table

# Merging leaves dead rows behind, which every reader of a count would step over. By the
# default, a table is vacuumed after a fifth of its rows has changed.
_VACUUM = """
alter table billing_summarycount set
    (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
"""

# Runs as the owner of the tables, because a tenant may not read or write the numbers of
# all tenants. Generated columns have their values in a trigger that fires afterwards.
_COUNT = """
create function billing_count_summary() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op <> 'INSERT' then
        insert into public.billing_summarycount
            (period, outcome, open_until, late_from, tenants)
        values (old.period, old.outcome, old.open_until, old.late_from, -1);
    end if;
    if tg_op <> 'DELETE' then
        insert into public.billing_summarycount
            (period, outcome, open_until, late_from, tenants)
        values (new.period, new.outcome, new.open_until, new.late_from, 1);
    end if;
    return null;
end
$$;
revoke execute on function billing_count_summary() from public;

create trigger a_summary_is_counted
    after insert or delete on billing_periodrollup
    for each row execute function billing_count_summary();

create trigger a_changed_summary_is_counted
    after update on billing_periodrollup
    for each row
    when ((old.period, old.outcome, old.open_until, old.late_from)
        is distinct from (new.period, new.outcome, new.open_until, new.late_from))
    execute function billing_count_summary();
"""

_BACK = """
drop trigger a_summary_is_counted on billing_periodrollup;
drop trigger a_changed_summary_is_counted on billing_periodrollup;
drop function billing_count_summary();
"""

# After the triggers exist: creating them waits for all writers, and locks out others
# until the end of the migration.
_FILL = """
insert into billing_summarycount (period, outcome, open_until, late_from, tenants)
select period, outcome, open_until, late_from, count(*) from billing_periodrollup
group by period, outcome, open_until, late_from;
"""


# Mails are listed and counted by outcome.
_MAILS = [
    migrations.AddIndex(
        model_name=name,
        index=models.Index(
            fields=["outcome", "-planned_at", "-id"], name=f"{name}s_of_an_outcome"
        ),
    )
    for name in ("reminder", "receiptmail")
]

# Reminders look for deadlines ahead, and for summaries of tenants without servers.
_REMINDERS = [
    migrations.AddIndex(
        model_name="tenantperiod",
        index=models.Index(
            Coalesce("extended_to", "deadline_at"),
            models.F("period"),
            name="periods_by_deadline",
        ),
    ),
    migrations.AddIndex(
        model_name="periodsummary",
        index=models.Index(
            fields=["period", "tenant"],
            condition=models.Q(lacks_servers=True),
            name="periods_without_servers",
        ),
    ),
]


class Migration(migrations.Migration):
    dependencies = [("billing", "0015_summary_marks")]

    operations = [
        migrations.CreateModel(
            name="SummaryCount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                ("period", models.CharField(max_length=7)),
                (
                    "outcome",
                    models.SmallIntegerField(
                        choices=[(0, "Nothing Owed"), (1, "Covered"), (2, "Lacking")]
                    ),
                ),
                ("open_until", models.DateTimeField()),
                ("late_from", models.DateTimeField(null=True)),
                ("tenants", models.IntegerField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["period"], name="summary_counts_of_a_period")
                ],
            },
        ),
        # The right to update is for locking the rows that are merged.
        open_table(
            "billing_summarycount", staff="select, insert, delete, update (tenants)"
        ),
        migrations.RunSQL(_VACUUM, reverse_sql=migrations.RunSQL.noop),
        migrations.RunSQL(_COUNT, reverse_sql=_BACK),
        migrations.RunSQL(_FILL, reverse_sql=migrations.RunSQL.noop),
        *_MAILS,
        *_REMINDERS,
    ]
