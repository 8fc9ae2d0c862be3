"""Invitations, changes of address, and mails about the people of a tenant.

A tenant sees its own invitations, and how its own mails fare; links are found, and
accepted, in units of work of the staff.
"""

import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

import portal.models.clean_text
from portal.db.row_security import open_table, protect

_MAILS = """
alter table portal_accountmail force row level security;
create policy owner_works on portal_accountmail to current_user
    using (true) with check (true);
create policy own_rows on portal_accountmail to portal_tenant
    using (tenant_id = nullif(current_setting('app.tenant', true), '')::bigint)
    with check (tenant_id = nullif(current_setting('app.tenant', true), '')::bigint);
"""

# Of a person, of no tenant: pages about oneself use a unit of work of the staff.
_CHANGES = """
alter table portal_addresschange enable row level security;
create policy all_rows on portal_addresschange to portal_staff
    using (true) with check (true);
"""

_MAILS_BACK = """
drop policy own_rows on portal_accountmail;
drop policy owner_works on portal_accountmail;
alter table portal_accountmail no force row level security;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0012_tokens"),
    ]

    operations = [
        migrations.CreateModel(
            name="AddressChange",
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
                ("address", models.EmailField(max_length=254)),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("digest", models.BinaryField(max_length=32, null=True, unique=True)),
                ("confirmed_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Invitation",
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
                ("address", models.EmailField(max_length=254)),
                ("name", models.CharField(blank=True, default="", max_length=200)),
                (
                    "role",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("admin", "tenant admin"),
                            ("uploader", "uploader"),
                            ("viewer", "viewer"),
                        ],
                        default="",
                        max_length=10,
                    ),
                ),
                (
                    "staff_role",
                    models.CharField(
                        blank=True,
                        choices=[("clerk", "billing clerk"), ("auditor", "auditor")],
                        default="",
                        max_length=10,
                    ),
                ),
                ("invited_by_text", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("digest", models.BinaryField(max_length=32, null=True, unique=True)),
                ("accepted_at", models.DateTimeField(null=True)),
                ("withdrawn_at", models.DateTimeField(null=True)),
                (
                    "withdrawn_by_text",
                    models.CharField(blank=True, default="", max_length=200),
                ),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="accountmail",
            name="an_account_mail_is_of_a_known_kind",
        ),
        migrations.AddField(
            model_name="accountmail",
            name="about",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="accountmail",
            name="details",
            field=models.JSONField(default=dict, null=True),
        ),
        migrations.AddField(
            model_name="accountmail",
            name="tenant",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                to="portal.tenant",
            ),
        ),
        migrations.AddField(
            model_name="user",
            name="zone",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=64
            ),
        ),
        migrations.AlterField(
            model_name="accountmail",
            name="kind",
            field=models.CharField(
                choices=[
                    ("new-password", "Link for a new password"),
                    ("first-password", "Link for the first password"),
                    ("password-changed", "Password changed"),
                    ("invitation", "Invitation"),
                    ("new-member", "New member"),
                    ("address-link", "Link for a new mail address"),
                    ("address-changed", "Mail address changed"),
                    ("contact-link", "Link for the contact for late mails"),
                    ("setup-file", "Server set-up handed over"),
                ],
                max_length=20,
            ),
        ),
        migrations.AddIndex(
            model_name="accountmail",
            index=models.Index(
                fields=["kind", "about", "-planned_at"], name="account_mails_about"
            ),
        ),
        migrations.AddConstraint(
            model_name="accountmail",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "kind__in",
                        [
                            "new-password",
                            "first-password",
                            "password-changed",
                            "invitation",
                            "new-member",
                            "address-link",
                            "address-changed",
                            "contact-link",
                            "setup-file",
                        ],
                    )
                ),
                name="an_account_mail_is_of_a_known_kind",
            ),
        ),
        migrations.AddField(
            model_name="addresschange",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="invitation",
            name="accepted_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="invitation",
            name="invited_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="invitation",
            name="tenant",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                to="portal.tenant",
            ),
        ),
        migrations.AddConstraint(
            model_name="addresschange",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at", None)),
                fields=("user",),
                name="a_person_has_one_open_change_of_address",
            ),
        ),
        migrations.AddConstraint(
            model_name="addresschange",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("address", django.db.models.functions.text.Lower("address"))
                ),
                name="a_new_address_is_in_lower_case",
            ),
        ),
        migrations.AddConstraint(
            model_name="addresschange",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("confirmed_at", None),
                    models.Q(
                        ("digest__isnull", False),
                        ("ended_at", models.F("confirmed_at")),
                    ),
                    _connector="OR",
                ),
                name="a_confirmed_change_of_address_has_ended",
            ),
        ),
        migrations.AddIndex(
            model_name="invitation",
            index=models.Index(
                fields=["tenant", "-created_at"], name="invitations_of_tenant"
            ),
        ),
        migrations.AddConstraint(
            model_name="invitation",
            constraint=models.UniqueConstraint(
                condition=models.Q(("accepted_at", None), ("withdrawn_at", None)),
                fields=("tenant", "address"),
                name="an_address_has_one_open_invitation",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="invitation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("role__in", ["admin", "uploader", "viewer"]),
                        ("staff_role", ""),
                        ("tenant__isnull", False),
                    ),
                    models.Q(
                        ("role", ""),
                        ("staff_role__in", ["clerk", "auditor"]),
                        ("tenant", None),
                    ),
                    _connector="OR",
                ),
                name="an_invitation_is_to_a_tenant_or_to_the_staff",
            ),
        ),
        migrations.AddConstraint(
            model_name="invitation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("address", django.db.models.functions.text.Lower("address"))
                ),
                name="an_invited_address_is_in_lower_case",
            ),
        ),
        migrations.AddConstraint(
            model_name="invitation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("accepted_at", None), ("withdrawn_at", None), _connector="OR"
                ),
                name="an_invitation_ends_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="invitation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("accepted_at", None), ("accepted_by", None)),
                    models.Q(
                        ("accepted_at__isnull", False),
                        ("accepted_by__isnull", False),
                        ("digest__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="an_invitation_is_accepted_by_a_link_and_a_person",
            ),
        ),
        migrations.AddConstraint(
            model_name="invitation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("withdrawn_at", None), ("withdrawn_by_text", "")),
                    models.Q(
                        ("withdrawn_at__isnull", False),
                        models.Q(("withdrawn_by_text", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="an_invitation_is_withdrawn_by_somebody",
            ),
        ),
        migrations.AddConstraint(
            model_name="invitation",
            constraint=models.CheckConstraint(
                condition=models.Q(("expires_at__gt", models.F("created_at"))),
                name="an_invitation_expires_after_it_is_made",
            ),
        ),
        migrations.AddConstraint(
            model_name="invitation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("name", ""),
                    models.Q(
                        (
                            "name__regex",
                            "^[^\\u0001-\\u0020\\u007F-\\u00A0\\u00AD\\u034F\\u061C\\u115F\\u1160\\u1680\\u17B4\\u17B5\\u180E\\u2000-\\u200B\\u200E\\u200F\\u2028-\\u202F\\u205F-\\u206F\\u2800\\u3000\\u3164\\uE000-\\uF8FF\\uFEFF\\uFFA0\\uFFF0-\\uFFFB\\U000E0000-\\U000E007F\\U000F0000-\\U0010FFFF]+( [^\\u0001-\\u0020\\u007F-\\u00A0\\u00AD\\u034F\\u061C\\u115F\\u1160\\u1680\\u17B4\\u17B5\\u180E\\u2000-\\u200B\\u200E\\u200F\\u2028-\\u202F\\u205F-\\u206F\\u2800\\u3000\\u3164\\uE000-\\uF8FF\\uFEFF\\uFFA0\\uFFF0-\\uFFFB\\U000E0000-\\U000E007F\\U000F0000-\\U0010FFFF]+)*$",
                        ),
                        ("name", portal.models.clean_text.Composed("name")),
                    ),
                    _connector="OR",
                ),
                name="an_invited_name_is_one_clean_line",
            ),
        ),
        migrations.RunSQL(_MAILS, reverse_sql=_MAILS_BACK),
        open_table(
            "portal_accountmail",
            staff="insert",
            tenant=(
                "insert, select (id, kind, recipient, tenant_id, about, planned_at,"
                " due_at, begun_at, outcome, problem, ended_at)"
            ),
        ),
        protect(
            "portal_invitation",
            tenant="select, insert, update (withdrawn_at, withdrawn_by_text)",
            staff="select, insert, update",
        ),
        migrations.RunSQL(_CHANGES, reverse_sql=migrations.RunSQL.noop),
        open_table("portal_addresschange", staff="select, insert, update"),
        # Admins see when their people have signed in last.
        open_table("portal_user", tenant="select (last_login)"),
    ]
