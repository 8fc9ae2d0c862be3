"""Indexes of the files that wait or were refused, read with every calendar."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0005_people"),
        ("usage", "0011_here_since"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="usagefile",
            index=models.Index(
                condition=models.Q(("state", "held")),
                fields=["server"],
                name="held_files_of_a_server",
            ),
        ),
        migrations.AddIndex(
            model_name="usagefile",
            index=models.Index(
                condition=models.Q(("state__in", ("received", "held"))),
                fields=["tenant"],
                name="files_of_a_tenant_that_wait",
            ),
        ),
        migrations.AddIndex(
            model_name="usagefile",
            index=models.Index(
                condition=models.Q(("state", "refused")),
                fields=["tenant", "decided_at"],
                name="files_of_a_tenant_refused",
            ),
        ),
    ]
