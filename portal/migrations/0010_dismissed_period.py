"""Store which complete period a person has dismissed from the home page."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("portal", "0009_clean_names")]

    operations = [
        migrations.AddField(
            model_name="membership",
            name="dismissed_period",
            field=models.CharField(blank=True, db_default="", default="", max_length=7),
        ),
    ]
