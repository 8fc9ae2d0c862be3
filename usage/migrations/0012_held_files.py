"""An index of the held files of a server, read for every file that arrives."""

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
    ]
