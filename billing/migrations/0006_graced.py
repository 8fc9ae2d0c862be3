"""Days that make late only some time after the deadline, as we refused something."""

from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0004_late_and_excuses")]

    operations = [
        migrations.AddField(
            model_name="periodrollup",
            name="graced",
            field=ArrayField(
                models.CharField(max_length=300), db_default=[], default=list
            ),
        ),
        migrations.AddField(
            model_name="periodrollup",
            name="graced_until",
            field=ArrayField(models.DateTimeField(), db_default=[], default=list),
        ),
    ]
