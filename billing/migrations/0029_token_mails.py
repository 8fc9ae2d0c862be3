"""Mails about API tokens that expire soon: an outbox."""

import django.db.models.deletion
from django.db import migrations, models

from portal.db.row_security import protect, same_tenant
from portal.jobs.queue import SWEEP_FAULT_RIGHTS, SWEEP_RIGHTS


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0028_late_contacts"),
        ("portal", "0012_tokens"),
    ]

    operations = [
        migrations.CreateModel(
            name="TokenMail",
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
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="portal.tenant"
                    ),
                ),
                (
                    "token",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        to="portal.apitoken",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "waiting")),
                        fields=["due_at"],
                        name="tokenmail_waiting",
                    ),
                    models.Index(
                        fields=["-planned_at", "-id"], name="tokenmails_newest"
                    ),
                    models.Index(
                        fields=["outcome", "-planned_at", "-id"],
                        name="tokenmails_of_an_outcome",
                    ),
                    models.Index(
                        condition=models.Q(("state", "set-aside")),
                        fields=["id"],
                        name="tokenmails_set_aside",
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
                        name="a_tokenmail_ends_with_an_outcome",
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
                        name="a_tokenmail_that_was_sent_was_begun_before",
                    ),
                    models.UniqueConstraint(
                        fields=("tenant", "recipient", "token"),
                        name="an_expiring_token_is_mailed_once_to_each_recipient",
                    ),
                ],
            },
        ),
        # Planned across tenants; each is sent in a unit of work of its tenant.
        protect(
            "billing_tokenmail",
            tenant="select, insert, update",
            staff="select, insert, update",
            sweep=f"{SWEEP_RIGHTS}, {SWEEP_FAULT_RIGHTS}",
        ),
        same_tenant("billing_tokenmail", "token_id", target="portal_apitoken"),
    ]
