"""Store when accepted files answered an excuse that nobody had decided."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0026_staff_notes")]

    operations = [
        migrations.AddField(
            model_name="excuse",
            name="answered_at",
            field=models.DateTimeField(null=True),
        ),
    ]
