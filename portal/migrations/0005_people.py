from django.db import migrations, models

from portal.db.row_security import open_table


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0004_people_of_a_tenant"),
    ]

    operations = [
        migrations.AddField(
            model_name="membership",
            name="gets_reminders",
            field=models.BooleanField(null=True),
        ),
        migrations.AddField(
            model_name="tenant",
            name="escalation_address",
            field=models.EmailField(
                blank=True, db_default="", default="", max_length=254
            ),
        ),
        migrations.AddField(
            model_name="user",
            name="gets_digest",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.CreateModel(
            name="MailStamp",
            fields=[
                (
                    "id",
                    models.PositiveSmallIntegerField(
                        default=1, primary_key=True, serialize=False
                    ),
                ),
                ("mark", models.UUIDField()),
                ("database", models.CharField(max_length=200)),
                ("restored_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("id", 1)),
                        name="there_is_one_stamp_for_mail",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="MailStop",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                ("stopped_at", models.DateTimeField()),
                ("stopped_by", models.CharField(max_length=200)),
                ("reason", models.CharField(max_length=1000)),
                ("ended_at", models.DateTimeField(null=True)),
                ("ended_by", models.CharField(blank=True, default="", max_length=200)),
                (
                    "ended_reason",
                    models.CharField(blank=True, default="", max_length=1000),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        models.Value(1),
                        condition=models.Q(("ended_at", None)),
                        name="mail_is_stopped_once_at_a_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True),
                        name="mail_is_stopped_for_a_reason",
                    ),
                ],
            },
        ),
        open_table("portal_mailstop", staff="select, insert, update"),
        open_table("portal_mailstamp", staff="select, insert, update"),
        # Tenant admins say whom the late mails go to as well.
        migrations.RunSQL(
            "grant update (escalation_address) on portal_tenant to portal_tenant;",
            reverse_sql=migrations.RunSQL.noop,
        ),
    ]
