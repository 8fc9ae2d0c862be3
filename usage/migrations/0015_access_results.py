"""Results of access checks, which the machines of a tenant report."""

import django.db.models.deletion
from django.db import migrations, models

from portal.db.row_security import protect


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0010_dismissed_period"),
        ("usage", "0014_uploads"),
    ]

    operations = [
        migrations.CreateModel(
            name="AccessResult",
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
                ("machine", models.CharField(max_length=100)),
                ("reported_at", models.DateTimeField()),
                ("reported_by", models.CharField(max_length=200)),
                ("conclusion", models.CharField(max_length=20)),
                ("found", models.JSONField()),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="portal.tenant"
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="accessresult",
            constraint=models.UniqueConstraint(
                fields=("tenant", "machine"), name="a_machine_has_one_access_result"
            ),
        ),
        protect(
            "usage_accessresult",
            tenant="select, insert, delete,"
            " update (reported_at, reported_by, conclusion, found)",
            staff="select",
        ),
    ]
