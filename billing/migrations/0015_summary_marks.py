"""Summaries of single servers, and marks of stale summaries; all are marked."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

from portal.db.row_security import protect, same_tenant

_SEQUENCE = """
create sequence billing_mark_generation as bigint;
grant usage on sequence billing_mark_generation to portal_tenant, portal_staff;
"""

# What the earlier version has stored stays until it is computed anew, by server. Until
# then it counts as stale. One mark for each tenant, after files and decisions and before
# openings.
_MARK_ALL = """
insert into billing_summarymark (tenant_id, rank, first_period, last_period, generation,
    changed_at, marked_at, due_at)
select id, 1, '0000-00', '9999-99', nextval('billing_mark_generation'),
    clock_timestamp(), clock_timestamp(), clock_timestamp()
from portal_tenant order by id;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0014_period_summary"),
        ("portal", "0005_people"),
        ("usage", "0011_here_since"),
    ]

    operations = [
        migrations.AddField(
            model_name="periodsummary",
            name="generation",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.CreateModel(
            name="ServerPeriodSummary",
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
                ("period", models.CharField(max_length=7)),
                ("generation", models.BigIntegerField()),
                ("owed", models.PositiveIntegerField()),
                ("covered", models.PositiveIntegerField()),
                (
                    "missing_from",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.DateTimeField(), size=None
                    ),
                ),
                (
                    "fault_from",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.DateTimeField(), size=None
                    ),
                ),
                (
                    "with_us_from",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.DateTimeField(), size=None
                    ),
                ),
                (
                    "late",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=300), size=None
                    ),
                ),
                (
                    "graced",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=300), size=None
                    ),
                ),
                (
                    "graced_until",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.DateTimeField(), size=None
                    ),
                ),
                ("strip", models.CharField(max_length=31)),
                ("last_received_at", models.DateTimeField(null=True)),
                (
                    "server",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="usage.server"
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
                "verbose_name_plural": "server summaries",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "period", "server"),
                        name="a_server_and_period_is_summarised_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SummaryMark",
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
                    "rank",
                    models.SmallIntegerField(
                        choices=[(0, "Facts"), (1, "Wide"), (2, "Opening")]
                    ),
                ),
                ("first_period", models.CharField(max_length=7)),
                ("last_period", models.CharField(max_length=7)),
                ("generation", models.BigIntegerField()),
                ("changed_at", models.DateTimeField()),
                ("marked_at", models.DateTimeField()),
                ("due_at", models.DateTimeField()),
                ("attempts", models.PositiveSmallIntegerField(db_default=0, default=0)),
                ("leased_until", models.DateTimeField(null=True)),
                ("failed_at", models.DateTimeField(null=True)),
                (
                    "server",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
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
                    models.Index(fields=["rank", "due_at"], name="marks_by_rank"),
                    models.Index(
                        condition=models.Q(("failed_at__isnull", False)),
                        fields=["tenant"],
                        name="marks_that_failed",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "server", "rank"),
                        name="a_server_has_one_mark_of_a_rank",
                        nulls_distinct=False,
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("first_period__lte", models.F("last_period"))
                        ),
                        name="a_mark_covers_a_period",
                    ),
                ],
            },
        ),
        protect(
            "billing_serverperiodsummary",
            tenant="select, insert, update",
            staff="select",
        ),
        same_tenant("billing_serverperiodsummary", "server_id", target="usage_server"),
        migrations.RunSQL(
            _SEQUENCE, reverse_sql="drop sequence billing_mark_generation;"
        ),
        protect(
            "billing_summarymark",
            tenant="select, insert, update, delete",
            staff="select, insert, update",
            sweep="select (id, tenant_id, rank, generation, due_at, leased_until,"
            " attempts, failed_at), update (due_at, leased_until, attempts, failed_at)",
        ),
        same_tenant("billing_summarymark", "server_id", target="usage_server"),
        migrations.RunSQL(_MARK_ALL, reverse_sql=migrations.RunSQL.noop),
    ]
