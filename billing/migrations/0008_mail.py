import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from portal.db.row_security import open_table, protect
from portal.jobs.queue import SWEEP_FAULT_RIGHTS, SWEEP_RIGHTS


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0007_lateness"),
        ("portal", "0005_people"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Digest",
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
                ("recipient", models.EmailField(max_length=254)),
                ("planned_at", models.DateTimeField()),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("sent", "sent"),
                            ("failed", "failed"),
                            ("unsure", "unsure"),
                            ("unneeded", "not needed any more"),
                        ],
                        db_default="",
                        default="",
                        max_length=10,
                    ),
                ),
                ("begun_at", models.DateTimeField(null=True)),
                (
                    "message_id",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=400
                    ),
                ),
                (
                    "subject",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=500
                    ),
                ),
                ("text", models.TextField(blank=True, db_default="", default="")),
                ("html", models.TextField(blank=True, db_default="", default="")),
                ("problem", models.CharField(blank=True, default="", max_length=60)),
                ("ended_at", models.DateTimeField(null=True)),
                ("day", models.DateField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["-planned_at", "-id"], name="digests_newest")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("recipient", "day"),
                        name="a_digest_is_mailed_once_a_day",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "outcome__in",
                                ["", "sent", "failed", "unsure", "unneeded"],
                            )
                        ),
                        name="a_digest_ends_with_a_known_outcome",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CalendarAddress",
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
                ("digest", models.BinaryField(max_length=32, unique=True)),
                ("made_at", models.DateTimeField()),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="portal.tenant"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "user"),
                        name="a_member_has_one_calendar_address",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ReceiptMail",
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
                ("recipient", models.EmailField(max_length=254)),
                ("planned_at", models.DateTimeField()),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("sent", "sent"),
                            ("failed", "failed"),
                            ("unsure", "unsure"),
                            ("unneeded", "not needed any more"),
                        ],
                        db_default="",
                        default="",
                        max_length=10,
                    ),
                ),
                ("begun_at", models.DateTimeField(null=True)),
                (
                    "message_id",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=400
                    ),
                ),
                (
                    "subject",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=500
                    ),
                ),
                ("text", models.TextField(blank=True, db_default="", default="")),
                ("html", models.TextField(blank=True, db_default="", default="")),
                (
                    "asked_by",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=200
                    ),
                ),
                (
                    "files",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.UUIDField(), size=None
                    ),
                ),
                ("digest", models.BinaryField()),
                ("day", models.DateField()),
                ("missing", models.PositiveIntegerField(default=0)),
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
                        name="receiptmail_waiting",
                    ),
                    models.Index(
                        fields=["-planned_at", "-id"], name="receiptmails_newest"
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("outcome", ""), ("state", "waiting")),
                            models.Q(("outcome", ""), ("state", "set-aside")),
                            models.Q(
                                ("outcome__in", ["sent", "unneeded"]), ("state", "done")
                            ),
                            models.Q(
                                ("outcome__in", ["failed", "unsure"]),
                                ("state", "set-aside"),
                            ),
                            _connector="OR",
                        ),
                        name="a_receiptmail_ends_with_an_outcome",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("outcome__in", ["sent", "unsure"]), _negated=True
                            ),
                            models.Q(
                                ("begun_at__isnull", False),
                                models.Q(("message_id", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="a_receiptmail_that_was_sent_was_begun_before",
                    ),
                    models.UniqueConstraint(
                        fields=("tenant", "recipient", "digest", "day"),
                        name="a_receipt_is_mailed_once_a_day",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Reminder",
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
                ("recipient", models.EmailField(max_length=254)),
                ("planned_at", models.DateTimeField()),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("sent", "sent"),
                            ("failed", "failed"),
                            ("unsure", "unsure"),
                            ("unneeded", "not needed any more"),
                        ],
                        db_default="",
                        default="",
                        max_length=10,
                    ),
                ),
                ("begun_at", models.DateTimeField(null=True)),
                (
                    "message_id",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=400
                    ),
                ),
                (
                    "subject",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=500
                    ),
                ),
                ("text", models.TextField(blank=True, db_default="", default="")),
                ("html", models.TextField(blank=True, db_default="", default="")),
                (
                    "asked_by",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=200
                    ),
                ),
                ("period", models.CharField(max_length=7)),
                ("step", models.CharField(max_length=10)),
                ("day", models.DateField()),
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
                        name="reminder_waiting",
                    ),
                    models.Index(
                        fields=["-planned_at", "-id"], name="reminders_newest"
                    ),
                    models.Index(
                        fields=["tenant", "period"], name="reminders_of_a_period"
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("outcome", ""), ("state", "waiting")),
                            models.Q(("outcome", ""), ("state", "set-aside")),
                            models.Q(
                                ("outcome__in", ["sent", "unneeded"]), ("state", "done")
                            ),
                            models.Q(
                                ("outcome__in", ["failed", "unsure"]),
                                ("state", "set-aside"),
                            ),
                            _connector="OR",
                        ),
                        name="a_reminder_ends_with_an_outcome",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("outcome__in", ["sent", "unsure"]), _negated=True
                            ),
                            models.Q(
                                ("begun_at__isnull", False),
                                models.Q(("message_id", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="a_reminder_that_was_sent_was_begun_before",
                    ),
                    models.UniqueConstraint(
                        fields=("tenant", "recipient", "period", "step"),
                        name="a_step_is_mailed_once_to_each_recipient",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("outcome__in", ("", "sent", "unsure"))),
                        fields=("tenant", "recipient", "day"),
                        name="a_recipient_gets_one_reminder_a_day",
                    ),
                ],
            },
        ),
        open_table("billing_digest", staff="select, insert, update, delete"),
        # Who reads a calendar is known by its address alone.
        protect(
            "billing_calendaraddress",
            tenant="select, insert, update, delete",
            staff="select",
            app="select (id, tenant_id, user_id, digest)",
        ),
        protect(
            "billing_receiptmail",
            tenant="select, insert, update",
            staff="select",
            sweep=f"{SWEEP_RIGHTS}, {SWEEP_FAULT_RIGHTS}",
        ),
        # Planned across tenants; each is sent in a unit of work of its tenant.
        protect(
            "billing_reminder",
            tenant="select, insert, update",
            staff="select, insert",
            sweep=f"{SWEEP_RIGHTS}, {SWEEP_FAULT_RIGHTS}",
        ),
    ]
