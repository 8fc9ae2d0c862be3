from django.db import migrations, models
from django.db.models.functions import Coalesce

from portal.db.row_security import open_table

# Both are written in a unit of work of the file's own tenant.
_RIGHTS = """
grant update (bytes_removed_at) on usage_usagefile to portal_tenant;
grant update (checked_at) on usage_forwarding to portal_tenant;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0003_sign_in"),
        ("usage", "0007_chains"),
    ]

    operations = [
        migrations.CreateModel(
            name="Report",
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
                    "kind",
                    models.CharField(
                        choices=[
                            ("probe", "probe of the archive"),
                            ("reconciliation", "reconciliation"),
                            ("collection", "collection"),
                        ],
                        max_length=20,
                    ),
                ),
                ("begun_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                ("problem", models.CharField(blank=True, default="", max_length=60)),
                ("counts", models.JSONField(default=dict)),
                ("findings", models.JSONField(default=list)),
            ],
        ),
        migrations.AddField(
            model_name="forwarding",
            name="checked_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="usagefile",
            name="bytes_removed_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddIndex(
            model_name="forwarding",
            index=models.Index(
                condition=models.Q(("state", "set-aside")),
                fields=["problem", "id"],
                name="forwarding_set_aside",
            ),
        ),
        migrations.AddIndex(
            model_name="forwarding",
            index=models.Index(fields=["key"], name="forwarding_by_key"),
        ),
        migrations.AddIndex(
            model_name="forwarding",
            index=models.Index(
                condition=models.Q(("state", "done")),
                fields=["ended_at"],
                name="forwarding_done",
            ),
        ),
        migrations.AddIndex(
            model_name="forwarding",
            index=models.Index(
                Coalesce("checked_at", "ended_at"),
                models.F("id"),
                condition=models.Q(("state", "done")),
                name="forwarding_to_check",
            ),
        ),
        migrations.AddIndex(
            model_name="settling",
            index=models.Index(
                condition=models.Q(("state", "set-aside")),
                fields=["problem", "id"],
                name="settling_set_aside",
            ),
        ),
        migrations.AddIndex(
            model_name="usagefile",
            index=models.Index(
                condition=models.Q(
                    ("state", "accepted"), models.Q(("stored_as", ""), _negated=True)
                ),
                fields=["settled_at"],
                name="files_whose_bytes_may_go",
            ),
        ),
        migrations.AddConstraint(
            model_name="usagefile",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("bytes_removed_at", None), ("stored_as", ""), _connector="OR"
                ),
                name="bytes_that_were_removed_are_not_stored",
            ),
        ),
        migrations.AddIndex(
            model_name="report",
            index=models.Index(fields=["kind", "-begun_at"], name="newest_reports"),
        ),
        migrations.AddConstraint(
            model_name="report",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("kind__in", ["probe", "reconciliation", "collection"])
                ),
                name="a_report_is_of_a_known_kind",
            ),
        ),
        migrations.RunSQL(_RIGHTS, reverse_sql=migrations.RunSQL.noop),
        # Of the whole installation, and no tenant's to see.
        open_table("usage_report", staff="select, insert, update, delete"),
    ]
