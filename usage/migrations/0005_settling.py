import django.db.models.deletion
from django.db import migrations, models

from portal.db.row_security import protect, same_tenant
from portal.jobs.queue import ROW_RIGHTS, SWEEP_RIGHTS


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0003_sign_in"),
        ("usage", "0004_server_requests"),
    ]

    operations = [
        migrations.CreateModel(
            name="Settling",
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
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting"),
                            ("done", "done"),
                            ("set-aside", "set aside"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("due_at", models.DateTimeField()),
                ("lease", models.UUIDField(null=True)),
                ("leased_until", models.DateTimeField(null=True)),
                ("problem", models.CharField(blank=True, default="", max_length=60)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "file",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        to="usage.usagefile",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="portal.tenant"
                    ),
                ),
            ],
            options={
                "abstract": False,
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "waiting")),
                        fields=["due_at"],
                        name="settling_waiting",
                    )
                ],
            },
        ),
        protect(
            "usage_settling",
            tenant=f"select, insert, delete, {ROW_RIGHTS}",
            staff=f"select, {ROW_RIGHTS}",
            sweep=SWEEP_RIGHTS,
        ),
        same_tenant("usage_settling", "file_id", target="usage_usagefile"),
        # What waits already, and what may have to be judged again one day.
        migrations.RunSQL(
            "insert into usage_settling"
            " (tenant_id, file_id, state, attempts, due_at, problem, ended_at)"
            " select tenant_id, id,"
            " case when state = 'received' then 'waiting' else 'done' end,"
            " 0, received_at, '', settled_at"
            " from usage_usagefile where state in ('received', 'held');",
            reverse_sql=migrations.RunSQL.noop,
        ),
    ]
