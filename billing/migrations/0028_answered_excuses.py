"""Store since when accepted files answer an excuse that nobody has decided."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0024_receipts_in_parts")]

    operations = [
        migrations.AddField(
            model_name="excuse",
            name="answered_at",
            field=models.DateTimeField(null=True),
        ),
    ]
