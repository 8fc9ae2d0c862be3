"""PeriodRollUp is called PeriodSummary; nothing changes in the database."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("billing", "0013_what_waits_for_a_person")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterModelTable("PeriodRollUp", "billing_periodrollup"),
                migrations.RenameModel("PeriodRollUp", "PeriodSummary"),
                migrations.AlterModelOptions(
                    "PeriodSummary", {"verbose_name_plural": "period summaries"}
                ),
            ],
        ),
    ]
