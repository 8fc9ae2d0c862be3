"""Who did what: entries by staff, indexes of the filters, checks, visits of staff."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from portal.db.row_security import protect

# As the owner: the role of a tenant does not see who belongs to the billing staff.
_BY_STAFF = """
create function portal_entry_is_by_staff() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
    new.by_staff := exists (
        select from portal_user where email = new.actor and staff_role <> ''
    );
    return new;
end $$;
create trigger by_staff before insert on portal_auditentry
    for each row execute function portal_entry_is_by_staff();
update portal_auditentry set by_staff = true
    from portal_user where staff_role <> ''
        and email = regexp_replace(actor, ' for the customer$', '');
"""
_BACK = """
drop trigger by_staff on portal_auditentry;
drop function portal_entry_is_by_staff();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0014_second_factors"),
    ]

    operations = [
        migrations.CreateModel(
            name="StaffVisit",
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
                ("day", models.DateField()),
                ("seen_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="TrailCheck",
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
                ("number", models.BigIntegerField(default=0)),
                ("digest", models.BinaryField(max_length=32)),
                ("checked_at", models.DateTimeField()),
                ("again_number", models.BigIntegerField(default=0)),
                ("again_digest", models.BinaryField(max_length=32)),
                ("full_at", models.DateTimeField(null=True)),
                ("broken", models.BigIntegerField(null=True)),
                ("broken_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.AddField(
            model_name="auditentry",
            name="by_staff",
            field=models.BooleanField(db_default=False, editable=False),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["at", "id"], name="audit_by_time"),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["tenant", "at", "id"], name="audit_of_a_tenant"),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["actor", "at", "id"], name="audit_by_actor"),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["act", "at", "id"], name="audit_by_act"),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(
                fields=["subject", "tenant", "at", "id"], name="audit_by_subject"
            ),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(
                condition=models.Q(("by_staff", True)),
                fields=["tenant", "at", "id"],
                name="audit_by_staff",
            ),
        ),
        migrations.AddField(
            model_name="staffvisit",
            name="tenant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, to="portal.tenant"
            ),
        ),
        migrations.AddField(
            model_name="staffvisit",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="trailcheck",
            name="tenant",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                to="portal.tenant",
            ),
        ),
        migrations.AddIndex(
            model_name="staffvisit",
            index=models.Index(
                condition=models.Q(("recorded_at", None)),
                fields=["tenant", "id"],
                name="visits_to_record",
            ),
        ),
        migrations.AddConstraint(
            model_name="staffvisit",
            constraint=models.UniqueConstraint(
                fields=("tenant", "user", "day"), name="a_visit_counts_once_a_day"
            ),
        ),
        migrations.AddConstraint(
            model_name="trailcheck",
            constraint=models.UniqueConstraint(
                fields=("tenant",), name="a_trail_has_one_check", nulls_distinct=False
            ),
        ),
        migrations.AddConstraint(
            model_name="trailcheck",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("broken", None), ("broken_at", None)),
                    models.Q(("broken__isnull", False), ("broken_at__isnull", False)),
                    _connector="OR",
                ),
                name="a_broken_trail_has_an_instant",
            ),
        ),
        migrations.RunSQL(_BY_STAFF, reverse_sql=_BACK),
        # Tenants read how far their trail is checked. Whoever could change that could
        # hide a change of the trail.
        protect("portal_trailcheck", tenant="select", staff="select, insert, update"),
        # Tenants see the entries that are made of visits.
        protect("portal_staffvisit", staff="select, insert, update (recorded_at)"),
    ]
