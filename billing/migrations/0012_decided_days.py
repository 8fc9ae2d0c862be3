"""A decision about a late flag keeps the days that it saw."""

import django.contrib.postgres.fields
from django.db import migrations, models

_FILL = """
update billing_lateflag set decided = still where consequence <> '';
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0011_reminders_again")]

    operations = [
        migrations.AddField(
            model_name="lateflag",
            name="decided",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=300),
                db_default=[],
                default=list,
                size=None,
            ),
        ),
        migrations.RunSQL(_FILL, reverse_sql=migrations.RunSQL.noop),
    ]
