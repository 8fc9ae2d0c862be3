import django.db.models.deletion
from django.db import migrations, models

from portal.db.row_security import protect, same_tenant
from portal.jobs.queue import (
    ROW_FAULT_RIGHTS,
    ROW_RIGHTS,
    SWEEP_FAULT_RIGHTS,
    SWEEP_RIGHTS,
)

# What each table has beyond the columns of every piece of work.
_CHANGES = {
    "usage_inboxlisting": "after, begun_at, listed_at, ignored, ignoring",
    "usage_inboxobject": "intended, file_id, is_new, verdict, lies_at, notice_id",
    "usage_inboxnotice": "sent_to",
}


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0003_sign_in"),
        ("usage", "0008_reports"),
    ]

    operations = [
        migrations.CreateModel(
            name="InboxNotice",
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
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting"),
                            ("done", "done"),
                            ("set-aside", "set aside"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("faults", models.PositiveSmallIntegerField(default=0)),
                ("due_at", models.DateTimeField()),
                ("lease", models.UUIDField(null=True)),
                ("leased_until", models.DateTimeField(null=True)),
                ("problem", models.CharField(blank=True, default="", max_length=60)),
                ("ended_at", models.DateTimeField(null=True)),
                ("day", models.DateField()),
                ("sent_to", models.JSONField(default=list)),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="portal.tenant"
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="InboxObject",
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
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting"),
                            ("done", "done"),
                            ("set-aside", "set aside"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("faults", models.PositiveSmallIntegerField(default=0)),
                ("due_at", models.DateTimeField()),
                ("lease", models.UUIDField(null=True)),
                ("leased_until", models.DateTimeField(null=True)),
                ("problem", models.CharField(blank=True, default="", max_length=60)),
                ("ended_at", models.DateTimeField(null=True)),
                ("key", models.CharField(max_length=1024)),
                ("etag", models.CharField(max_length=100)),
                ("size", models.BigIntegerField()),
                ("modified_at", models.DateTimeField()),
                ("first_seen_at", models.DateTimeField()),
                ("intended", models.UUIDField(null=True)),
                ("is_new", models.BooleanField(default=False)),
                (
                    "verdict",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("accepted", "accepted"),
                            ("held", "held"),
                            ("rejected", "rejected"),
                            ("refused", "refused by decision"),
                            ("too-large", "too large"),
                            ("gone", "gone before it was taken"),
                        ],
                        db_default="",
                        default="",
                        max_length=10,
                    ),
                ),
                ("lies_at", models.CharField(blank=True, default="", max_length=1024)),
                (
                    "file",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to="usage.usagefile",
                    ),
                ),
                (
                    "notice",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="usage.inboxnotice",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="portal.tenant"
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="InboxListing",
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
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting"),
                            ("done", "done"),
                            ("set-aside", "set aside"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("faults", models.PositiveSmallIntegerField(default=0)),
                ("due_at", models.DateTimeField()),
                ("lease", models.UUIDField(null=True)),
                ("leased_until", models.DateTimeField(null=True)),
                ("problem", models.CharField(blank=True, default="", max_length=60)),
                ("ended_at", models.DateTimeField(null=True)),
                ("after", models.CharField(blank=True, default="", max_length=1024)),
                ("begun_at", models.DateTimeField(null=True)),
                ("listed_at", models.DateTimeField(null=True)),
                ("ignored", models.PositiveIntegerField(default=0)),
                ("ignoring", models.PositiveIntegerField(default=0)),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="portal.tenant"
                    ),
                ),
            ],
            options={
                "abstract": False,
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "waiting")),
                        fields=["due_at"],
                        name="inboxlisting_waiting",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant",), name="a_tenant_has_one_listing_of_its_inbox"
                    )
                ],
            },
        ),
        migrations.AddIndex(
            model_name="inboxnotice",
            index=models.Index(
                condition=models.Q(("state", "waiting")),
                fields=["due_at"],
                name="inboxnotice_waiting",
            ),
        ),
        migrations.AddConstraint(
            model_name="inboxnotice",
            constraint=models.UniqueConstraint(
                fields=("tenant", "day"),
                name="a_tenant_is_told_of_its_inbox_once_a_day",
            ),
        ),
        migrations.AddConstraint(
            model_name="inboxnotice",
            constraint=models.UniqueConstraint(
                fields=("id", "tenant"), name="a_notice_can_be_named_with_its_tenant"
            ),
        ),
        migrations.AddIndex(
            model_name="inboxobject",
            index=models.Index(
                condition=models.Q(("state", "waiting")),
                fields=["due_at"],
                name="inboxobject_waiting",
            ),
        ),
        migrations.AddIndex(
            model_name="inboxobject",
            index=models.Index(
                fields=["-first_seen_at", "-id"], name="objects_newest_first"
            ),
        ),
        migrations.AddConstraint(
            model_name="inboxobject",
            constraint=models.UniqueConstraint(
                fields=("tenant", "key", "etag", "modified_at"),
                name="an_object_of_an_inbox_is_noted_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="inboxobject",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "verdict__in",
                        [
                            "",
                            "accepted",
                            "held",
                            "rejected",
                            "refused",
                            "too-large",
                            "gone",
                        ],
                    )
                ),
                name="a_verdict_on_an_object_is_a_known_one",
            ),
        ),
        migrations.AddConstraint(
            model_name="inboxobject",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "done"), _negated=True),
                    models.Q(("verdict", ""), _negated=True),
                    _connector="OR",
                ),
                name="an_object_is_done_by_its_verdict",
            ),
        ),
        *(
            protect(
                table,
                tenant=(
                    f"select, insert, {ROW_RIGHTS}, {ROW_FAULT_RIGHTS},"
                    f" update ({columns})"
                ),
                # Staff see what waits; what they do about it, they do for one tenant.
                staff="select",
                sweep=f"{SWEEP_RIGHTS}, {SWEEP_FAULT_RIGHTS}",
            )
            for table, columns in _CHANGES.items()
        ),
        same_tenant("usage_inboxobject", "file_id", target="usage_usagefile"),
        same_tenant("usage_inboxobject", "notice_id", target="usage_inboxnotice"),
    ]
