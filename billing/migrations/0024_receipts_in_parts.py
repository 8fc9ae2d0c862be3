"""Number the parts of a receipt that takes several mails."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0023_late_periods_of_a_mail")]

    operations = [
        migrations.AddField(
            model_name="receiptmail",
            name="part",
            field=models.PositiveSmallIntegerField(db_default=1, default=1),
        ),
        migrations.AddField(
            model_name="receiptmail",
            name="parts",
            field=models.PositiveSmallIntegerField(db_default=1, default=1),
        ),
    ]
