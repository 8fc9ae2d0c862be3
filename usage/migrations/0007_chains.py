from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [
        ("usage", "0006_faults"),
    ]

    operations = [
        migrations.AddField(
            model_name="usagefile",
            name="said_series",
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name="usagefile",
            name="said_sequence",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddConstraint(
            model_name="usagefile",
            constraint=models.CheckConstraint(
                condition=Q(said_series__isnull=True, said_sequence__isnull=True)
                | Q(
                    said_series__isnull=False,
                    said_sequence__isnull=False,
                    sequence__isnull=False,
                ),
                name="a_moved_file_keeps_the_number_it_says",
            ),
        ),
        migrations.RunSQL(
            "grant update (said_series, said_sequence)"
            " on usage_usagefile to portal_tenant;",
            reverse_sql=migrations.RunSQL.noop,
        ),
    ]
