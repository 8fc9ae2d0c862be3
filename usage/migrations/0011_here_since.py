"""Since when a file counts as here that lay in the inbox before it came another way."""

from django.db import migrations, models

_GRANTS = "grant update (here_since) on usage_usagefile to portal_tenant;"


class Migration(migrations.Migration):
    dependencies = [("usage", "0010_inbox_more")]

    operations = [
        migrations.AddField("usagefile", "here_since", models.DateTimeField(null=True)),
        migrations.RunSQL(_GRANTS, reverse_sql=migrations.RunSQL.noop),
    ]
