from django.db import migrations, models
from django.db.models import Q

_OF_A_KIND = (
    ("objects_held", Q(verdict="held")),
    ("objects_rejected", Q(verdict__in=("rejected", "too-large"))),
    ("objects_set_aside", Q(state="set-aside")),
)


class Migration(migrations.Migration):
    dependencies = [
        ("usage", "0009_inbox"),
    ]

    operations = [
        migrations.AddField(
            model_name="inboxnotice",
            name="unsure",
            field=models.JSONField(default=list, db_default=[]),
        ),
        migrations.RunSQL(
            "grant update (unsure) on usage_inboxnotice to portal_tenant;",
            reverse_sql=migrations.RunSQL.noop,
        ),
        *(
            migrations.AddIndex(
                model_name="inboxobject",
                index=models.Index(
                    fields=["-first_seen_at", "-id"], condition=of, name=name
                ),
            )
            for name, of in _OF_A_KIND
        ),
    ]
