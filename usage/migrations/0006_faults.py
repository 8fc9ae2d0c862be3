from django.db import migrations, models

from portal.jobs.queue import ROW_FAULT_RIGHTS, SWEEP_FAULT_RIGHTS

_TABLES = ("usage_forwarding", "usage_settling")


class Migration(migrations.Migration):
    dependencies = [
        ("usage", "0005_settling"),
    ]

    operations = [
        *(
            migrations.AddField(
                model_name=name,
                name="faults",
                field=models.PositiveSmallIntegerField(default=0),
            )
            for name in ("forwarding", "settling")
        ),
        *(
            migrations.RunSQL(
                f"grant {ROW_FAULT_RIGHTS} on {table} to portal_tenant;"
                f"grant {SWEEP_FAULT_RIGHTS} on {table} to portal_sweep;",
                reverse_sql=migrations.RunSQL.noop,
            )
            for table in _TABLES
        ),
        # Staff see what waits; what they do about it, they do for one tenant.
        migrations.RunSQL(
            "revoke update (state, due_at, lease, leased_until, problem, ended_at)"
            " on usage_settling from portal_staff;",
            reverse_sql=migrations.RunSQL.noop,
        ),
        # What is still to be judged may never go; the rest goes with its file only.
        migrations.RunSQL(
            "create policy only_ended_settlings_may_go on usage_settling"
            " as restrictive for delete to portal_tenant"
            " using (state <> 'waiting');",
            reverse_sql="drop policy only_ended_settlings_may_go on usage_settling;",
        ),
    ]
