"""Queue the mails about accounts, which belong to no tenant, as rows.

No role of a tenant has any right on them, and no policy lets it see one. Before a
caller is known the application adds rows; it reads none but the number of a new one.
"""

import django.db.models.functions.datetime
from django.db import migrations, models

from portal.db.row_security import open_table

_POLICIES = """
alter table portal_accountmail enable row level security;
create policy requested_by_anybody on portal_accountmail to portal_app
    using (true) with check (true);
create policy all_rows on portal_accountmail to portal_staff
    using (true) with check (true);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0007_statement_mails"),
    ]

    operations = [
        migrations.CreateModel(
            name="AccountMail",
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
                    "kind",
                    models.CharField(
                        choices=[
                            ("new-password", "Link for a new password"),
                            ("first-password", "Link for the first password"),
                            ("password-changed", "Password changed"),
                        ],
                        max_length=20,
                    ),
                ),
                ("recipient", models.EmailField(max_length=254)),
                (
                    "invited_by",
                    models.CharField(blank=True, default="", max_length=200),
                ),
                ("ip", models.CharField(blank=True, default="", max_length=45)),
                (
                    "planned_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now()
                    ),
                ),
                (
                    "due_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now()
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("lease", models.UUIDField(null=True)),
                ("leased_until", models.DateTimeField(null=True)),
                ("begun_at", models.DateTimeField(null=True)),
                ("outcome", models.CharField(blank=True, default="", max_length=10)),
                ("problem", models.CharField(blank=True, default="", max_length=60)),
                (
                    "message_id",
                    models.CharField(blank=True, default="", max_length=400),
                ),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("outcome", "")),
                        fields=["due_at"],
                        name="account_mails_waiting",
                    ),
                    models.Index(
                        fields=["-planned_at", "-id"], name="account_mails_newest"
                    ),
                    models.Index(
                        fields=["recipient", "kind", "planned_at"],
                        name="account_mails_to_one",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "kind__in",
                                ["new-password", "first-password", "password-changed"],
                            )
                        ),
                        name="an_account_mail_is_of_a_known_kind",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ended_at", None), ("outcome", "")),
                            models.Q(
                                ("ended_at__isnull", False),
                                (
                                    "outcome__in",
                                    ["sent", "failed", "unsure", "unneeded"],
                                ),
                            ),
                            _connector="OR",
                        ),
                        name="an_account_mail_ends_with_an_outcome",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("outcome__in", ["sent", "unsure"]), _negated=True
                            ),
                            ("begun_at__isnull", False),
                            _connector="OR",
                        ),
                        name="an_account_mail_that_was_sent_was_begun_before",
                    ),
                ],
            },
        ),
        migrations.RunSQL(_POLICIES, reverse_sql=migrations.RunSQL.noop),
        open_table(
            "portal_accountmail",
            app="insert, select (id, planned_at, due_at)",
            staff="select, update, delete",
        ),
    ]
