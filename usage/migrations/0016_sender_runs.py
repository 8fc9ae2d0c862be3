"""Uploads name the machine, version and IP address of the sender on a server."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0010_dismissed_period"),
        ("usage", "0015_access_results"),
    ]

    operations = [
        migrations.AddField(
            model_name="upload",
            name="machine",
            field=models.CharField(blank=True, default="", max_length=100),
        ),
        migrations.AddField(
            model_name="upload",
            name="sent_from",
            field=models.CharField(blank=True, default="", max_length=45),
        ),
        migrations.AddField(
            model_name="upload",
            name="version",
            field=models.CharField(blank=True, default="", max_length=60),
        ),
        migrations.AddIndex(
            model_name="upload",
            index=models.Index(
                condition=models.Q(("machine", ""), _negated=True),
                fields=["tenant", "machine", "-begun_at", "-id"],
                name="uploads_of_a_machine",
            ),
        ),
    ]
