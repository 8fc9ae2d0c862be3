"""The secrets that user names are hashed with, one for each tenant."""

import django.db.models.deletion
from django.db import migrations, models

from portal.db.row_security import protect


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0006_tenant_search"),
        ("usage", "0012_waiting_files"),
    ]

    operations = [
        migrations.CreateModel(
            name="NameSecret",
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
                ("wrapped", models.BinaryField(max_length=60)),
                ("master_key", models.CharField(max_length=16)),
                ("created_at", models.DateTimeField()),
                (
                    "tenant",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, to="portal.tenant"
                    ),
                ),
            ],
        ),
        protect("usage_namesecret", tenant="select, insert", staff="select"),
    ]
