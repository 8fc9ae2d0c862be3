"""Statements: usage of days, current and issued statements, the catalogue, month end."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

from portal.db.row_security import open_table, protect, same_tenant
from portal.jobs.queue import (
    ROW_FAULT_RIGHTS,
    ROW_RIGHTS,
    SWEEP_FAULT_RIGHTS,
    SWEEP_RIGHTS,
)

# An issued version is what somebody was billed by.
_NEVER_CHANGES = """
create function billing_statement_never_changes() returns trigger
language plpgsql as $$
begin
    raise exception 'an issued statement never changes';
end
$$;
create trigger an_issued_statement_never_changes
before update or delete on billing_statement
for each row execute function billing_statement_never_changes();

create function billing_position_is_the_next() returns trigger
language plpgsql as $$
begin
    if new.last <> old.last + 1 then
        raise exception 'positions have no gaps';
    end if;
    return new;
end
$$;
create trigger a_position_is_the_next
before update on billing_statementcounter
for each row execute function billing_position_is_the_next();
"""

# Statements of what was received before are computed one tenant after the other.
_MARK_ALL = """
insert into billing_statementmark
    (tenant_id, first_period, last_period, generation, marked_at, due_at)
select id, '0000-00', '9999-99', nextval('billing_mark_generation'),
    clock_timestamp(), clock_timestamp()
from portal_tenant order by id;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0016_many_tenants"),
        ("portal", "0006_tenant_search"),
    ]

    operations = [
        migrations.CreateModel(
            name="CatalogueVersion",
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
                ("number", models.PositiveIntegerField(unique=True)),
                ("valid_from", models.CharField(max_length=7)),
                ("created_at", models.DateTimeField()),
                ("created_by", models.CharField(max_length=200)),
                ("reason", models.CharField(max_length=1000)),
            ],
        ),
        migrations.CreateModel(
            name="MonthEndRun",
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
                ("is_issuing", models.BooleanField()),
                ("with_incomplete", models.BooleanField(default=False)),
                ("reason", models.CharField(blank=True, max_length=1000)),
                ("started_at", models.DateTimeField()),
                ("started_by", models.CharField(max_length=200)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("with_incomplete", False),
                            models.Q(("reason", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="an_incomplete_period_is_closed_for_a_reason",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="CatalogueEntry",
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
                ("licence_key", models.CharField(max_length=128)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("agent", "Agent"),
                            ("business", "Business User"),
                            ("add_on", "add-on of an Agent"),
                            ("ignored", "not counted"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entries",
                        to="billing.catalogueversion",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "catalogue entries",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("version", "licence_key"),
                        name="a_key_is_classified_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("kind__in", ["agent", "business", "add_on", "ignored"])
                        ),
                        name="a_kind_is_a_known_one",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CurrentStatement",
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
                ("version", models.PositiveIntegerField()),
                ("built_at", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("provisional", "provisional"),
                            ("draft", "draft"),
                            ("issued", "issued"),
                        ],
                        max_length=12,
                    ),
                ),
                ("figures_sha256", models.CharField(max_length=64)),
                ("figures", models.BinaryField()),
                ("files", models.BinaryField()),
                ("rules", models.PositiveSmallIntegerField()),
                ("catalogue", models.PositiveIntegerField()),
                ("differences", models.JSONField(default=list)),
                (
                    "unclassified",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=128), size=None
                    ),
                ),
                (
                    "unreadable",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=64), size=None
                    ),
                ),
                ("owed", models.PositiveIntegerField()),
                ("file_count", models.PositiveIntegerField()),
                ("agent_peak", models.PositiveIntegerField()),
                ("business_peak", models.PositiveIntegerField()),
                ("lacking", models.PositiveIntegerField()),
                ("pending", models.PositiveIntegerField()),
                ("is_over", models.BooleanField()),
                ("computed_at", models.DateTimeField()),
                ("fresh_until", models.DateTimeField(null=True)),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="portal.tenant"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "period"),
                        name="a_period_has_one_current_statement",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="MonthEndWork",
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
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("computed", "computed, can be issued"),
                            ("issued", "issued"),
                            ("unchanged", "issued before, nothing has changed"),
                            ("nothing", "nothing owed and nothing used"),
                            ("running", "the period is not over"),
                            ("incomplete", "not complete"),
                            ("unclassified", "unknown licence keys"),
                            ("unreadable", "files that do not open"),
                            ("changed", "a later version needs a reason"),
                        ],
                        default="",
                        max_length=20,
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="work",
                        to="billing.monthendrun",
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
                "verbose_name_plural": "month-end work",
                "abstract": False,
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "waiting")),
                        fields=["due_at"],
                        name="monthendwork_waiting",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("run", "tenant"), name="a_tenant_is_in_a_run_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="NumberedUsers",
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
                ("first_number", models.PositiveIntegerField()),
                ("keys", models.BinaryField()),
                ("alike", models.BinaryField()),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="portal.tenant"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "numbered users",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "first_number"),
                        name="a_user_number_is_given_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Statement",
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
                ("version", models.PositiveIntegerField()),
                ("number", models.CharField(max_length=100, unique=True)),
                ("position", models.PositiveBigIntegerField(unique=True)),
                ("issued_at", models.DateTimeField()),
                ("issued_by", models.CharField(max_length=200)),
                ("reason", models.CharField(blank=True, max_length=1000)),
                ("figures_sha256", models.CharField(max_length=64)),
                ("sha256", models.CharField(max_length=64)),
                ("document", models.BinaryField()),
                ("csv", models.BinaryField()),
                ("csv_sha256", models.CharField(max_length=64)),
                ("focus_csv", models.BinaryField()),
                ("focus_csv_sha256", models.CharField(max_length=64)),
                ("files", models.BinaryField()),
                (
                    "replaces",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="replaced_by",
                        to="billing.statement",
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
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "period", "version"),
                        name="a_version_is_issued_once",
                    ),
                    models.UniqueConstraint(
                        fields=("id", "tenant"),
                        name="a_statement_can_be_named_with_its_tenant",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("replaces", None), ("version", 1)),
                            models.Q(("replaces__isnull", False), ("version__gt", 1)),
                            _connector="OR",
                        ),
                        name="a_later_version_replaces_one",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("version", 1),
                            models.Q(("reason", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="a_later_version_has_a_reason",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="StatementMark",
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
                ("first_period", models.CharField(max_length=7)),
                ("last_period", models.CharField(max_length=7)),
                ("generation", models.BigIntegerField()),
                ("marked_at", models.DateTimeField()),
                ("due_at", models.DateTimeField()),
                ("attempts", models.PositiveSmallIntegerField(db_default=0, default=0)),
                ("leased_until", models.DateTimeField(null=True)),
                (
                    "problem",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=60
                    ),
                ),
                (
                    "tenant",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, to="portal.tenant"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["due_at"], name="statement_marks_by_due")
                ],
            },
        ),
        migrations.CreateModel(
            name="UsageDay",
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
                ("day", models.DateField()),
                ("inputs_sha256", models.BinaryField(max_length=32)),
                (
                    "licence_keys",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=128), size=None
                    ),
                ),
                (
                    "unreadable",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.UUIDField(), size=None
                    ),
                ),
                ("usage", models.BinaryField()),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="portal.tenant"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "period", "day"), name="a_day_has_one_usage"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="StatementCounter",
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
                ("last", models.PositiveBigIntegerField()),
            ],
        ),
        open_table(
            "billing_statementcounter",
            tenant="select, insert, update",
            staff="select",
        ),
        protect("billing_numberedusers", tenant="select, insert", staff="select"),
        protect(
            "billing_usageday",
            tenant="select, insert, update, delete",
            staff="select",
        ),
        protect(
            "billing_currentstatement",
            tenant="select, insert, update",
            staff="select",
        ),
        protect(
            "billing_statementmark",
            tenant="select, insert, update, delete",
            staff="select, insert, update",
            sweep="select (id, tenant_id, generation, due_at, leased_until, attempts),"
            " update (due_at, leased_until, attempts, problem)",
        ),
        protect("billing_statement", tenant="select, insert", staff="select"),
        same_tenant("billing_statement", "replaces_id", target="billing_statement"),
        migrations.RunSQL(
            _NEVER_CHANGES,
            reverse_sql="drop function billing_statement_never_changes() cascade;"
            " drop function billing_position_is_the_next() cascade;",
        ),
        protect(
            "billing_monthendwork",
            tenant=f"select, {ROW_RIGHTS}, {ROW_FAULT_RIGHTS}, update (outcome)",
            staff="select, insert",
            sweep=f"{SWEEP_RIGHTS}, {SWEEP_FAULT_RIGHTS}",
        ),
        open_table("billing_monthendrun", tenant="select", staff="select, insert"),
        open_table("billing_catalogueversion", tenant="select", staff="select, insert"),
        open_table("billing_catalogueentry", tenant="select", staff="select, insert"),
        migrations.RunSQL(_MARK_ALL, reverse_sql=migrations.RunSQL.noop),
    ]
