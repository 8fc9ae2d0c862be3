"""Indexes of files that wait, were refused, or were closed last: for calendars."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0006_tenant_search"),
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
                condition=models.Q(("state", "accepted")),
                fields=["server", "-closed_at", "-sequence"],
                name="accepted_files_closed_last",
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
