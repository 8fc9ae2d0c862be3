import django.db.models.deletion
from django.db import migrations, models

from portal.db.row_security import protect, same_tenant

# What was asked for never changes; only the answer is filled in.
ANSWER = "update (decision, decision_reason, decided_by, decided_at)"


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0003_sign_in"),
        ("usage", "0003_decisions"),
    ]

    operations = [
        migrations.CreateModel(
            name="ServerRequest",
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
                            ("first-day", "first owed day"),
                            ("last-day", "last owed day"),
                        ],
                        max_length=10,
                    ),
                ),
                ("day", models.DateField()),
                ("reason", models.CharField(max_length=1000)),
                ("asked_by", models.CharField(max_length=200)),
                ("asked_at", models.DateTimeField()),
                (
                    "decision",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("approved", "approved"),
                            ("refused", "refused"),
                            ("withdrawn", "withdrawn"),
                        ],
                        default="",
                        max_length=10,
                    ),
                ),
                (
                    "decided_by",
                    models.CharField(blank=True, default="", max_length=200),
                ),
                ("decided_at", models.DateTimeField(null=True)),
                (
                    "decision_reason",
                    models.CharField(blank=True, default="", max_length=1000),
                ),
                (
                    "server",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="requests",
                        to="usage.server",
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
                "indexes": [
                    models.Index(
                        condition=models.Q(("decision", "")),
                        fields=["asked_at", "id"],
                        name="requests_to_decide",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["first-day", "last-day"])),
                        name="a_request_is_of_a_known_kind",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True),
                        name="a_request_gives_its_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("decided_at", None), ("decision", "")),
                            models.Q(
                                ("decided_at__isnull", False),
                                ("decision__in", ["approved", "refused", "withdrawn"]),
                            ),
                            _connector="OR",
                        ),
                        name="a_request_is_decided_once_and_says_when",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("decision", "")),
                        fields=("server", "kind"),
                        name="a_server_waits_for_one_answer_of_a_kind",
                    ),
                ],
            },
        ),
        protect(
            "usage_serverrequest",
            tenant=f"select, insert, {ANSWER}",
            staff="select",
        ),
        same_tenant("usage_serverrequest", "server_id", target="usage_server"),
    ]
