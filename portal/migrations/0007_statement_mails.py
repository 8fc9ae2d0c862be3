"""Store for each membership whether a mail goes out when a statement is issued."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("portal", "0006_tenant_search")]

    operations = [
        migrations.AddField(
            model_name="membership",
            name="gets_statements",
            field=models.BooleanField(null=True),
        ),
    ]
