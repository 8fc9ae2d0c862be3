"""Record which late periods a reminder names."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0022_gaps_contradict_down")]

    operations = [
        migrations.AddField(
            model_name="reminder",
            name="late_periods",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=7),
                db_default=[],
                default=list,
                size=None,
            ),
        ),
    ]
