"""Find current statements whose `fresh_until` has passed without reading all of them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0020_statement_mails")]

    operations = [
        migrations.AddIndex(
            model_name="currentstatement",
            index=models.Index(
                condition=models.Q(("fresh_until__isnull", False)),
                fields=["period"],
                name="statements_that_expire",
            ),
        ),
    ]
