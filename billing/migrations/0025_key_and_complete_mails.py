"""Mails about server keys to confirm, and about complete periods: two outboxes.

Nobody is mailed about a period that was complete before the update.
"""

import django.db.models.deletion
from django.db import migrations, models

from portal.db.row_security import protect
from portal.jobs.queue import SWEEP_FAULT_RIGHTS, SWEEP_RIGHTS

_COMPLETE_BEFORE = """
insert into billing_completemail (tenant_id, recipient, period, planned_at, due_at,
    ended_at, state, outcome, problem, attempts, faults)
select distinct r.tenant_id, r.recipient, s.period, now(), now(), now(),
    'done', 'unneeded', 'known-before', 0, 0
from billing_periodrollup s
join billing_reminder r on r.tenant_id = s.tenant_id
    and (r.period = s.period or s.period = any (r.late_periods))
where s.outcome = 1;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0024_receipts_in_parts"),
        ("portal", "0008_account_mails"),
    ]

    operations = [
        migrations.CreateModel(
            name="CompleteMail",
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
                        name="completemail_waiting",
                    ),
                    models.Index(
                        fields=["-planned_at", "-id"], name="completemails_newest"
                    ),
                    models.Index(
                        fields=["outcome", "-planned_at", "-id"],
                        name="completemails_of_an_outcome",
                    ),
                    models.Index(
                        condition=models.Q(("state", "set-aside")),
                        fields=["id"],
                        name="completemails_set_aside",
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
                        name="a_completemail_ends_with_an_outcome",
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
                        name="a_completemail_that_was_sent_was_begun_before",
                    ),
                    models.UniqueConstraint(
                        fields=("tenant", "recipient", "period"),
                        name="a_complete_period_is_mailed_once_to_each_recipient",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="KeyMail",
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
                ("server", models.CharField(max_length=128)),
                ("fingerprint", models.CharField(max_length=32)),
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
                        name="keymail_waiting",
                    ),
                    models.Index(fields=["-planned_at", "-id"], name="keymails_newest"),
                    models.Index(
                        fields=["outcome", "-planned_at", "-id"],
                        name="keymails_of_an_outcome",
                    ),
                    models.Index(
                        condition=models.Q(("state", "set-aside")),
                        fields=["id"],
                        name="keymails_set_aside",
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
                        name="a_keymail_ends_with_an_outcome",
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
                        name="a_keymail_that_was_sent_was_begun_before",
                    ),
                    models.UniqueConstraint(
                        fields=("tenant", "recipient", "server", "fingerprint"),
                        name="a_server_key_is_mailed_once_to_each_recipient",
                    ),
                ],
            },
        ),
        # Planned across tenants; each is sent in a unit of work of its tenant.
        *(
            protect(
                table,
                tenant="select, insert, update",
                staff="select, insert, update",
                sweep=f"{SWEEP_RIGHTS}, {SWEEP_FAULT_RIGHTS}",
            )
            for table in ("billing_completemail", "billing_keymail")
        ),
        migrations.RunSQL(_COMPLETE_BEFORE, reverse_sql=migrations.RunSQL.noop),
    ]
