"""Tries of codes and resets of factors, and mails about changed factors."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from portal.db.row_security import open_table

# They belong to people, and are read and written before a unit of work begins; admins
# and staff reset the factors of their people in one.
_POLICIES = """
alter table portal_factortries enable row level security;
create policy everybody on portal_factortries to portal_app
    using (true) with check (true);
alter table portal_factorreset enable row level security;
create policy everybody on portal_factorreset to portal_app, portal_staff
    using (true) with check (true);
create policy of_members on portal_factorreset to portal_tenant
    using (exists (
        select from portal_membership
        where portal_membership.user_id = portal_factorreset.user_id
    ));
"""


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0013_people"),
    ]

    operations = [
        migrations.CreateModel(
            name="FactorReset",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("at", models.DateTimeField()),
                ("by", models.CharField(max_length=254)),
                ("waits_until", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="FactorTries",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("began_at", models.DateTimeField()),
                ("tries", models.PositiveSmallIntegerField()),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="accountmail",
            name="an_account_mail_is_of_a_known_kind",
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
                    ("factor-added", "Second factor added"),
                    ("factor-removed", "Second factor removed"),
                    ("factors-reset", "Second factors reset"),
                    ("recovery-codes-made", "New recovery codes"),
                    ("recovery-code-used", "Recovery code used"),
                ],
                max_length=20,
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
                            "factor-added",
                            "factor-removed",
                            "factors-reset",
                            "recovery-codes-made",
                            "recovery-code-used",
                        ],
                    )
                ),
                name="an_account_mail_is_of_a_known_kind",
            ),
        ),
        migrations.RunSQL(_POLICIES, reverse_sql=migrations.RunSQL.noop),
        open_table("portal_factortries", app="select, insert, update, delete"),
        open_table(
            "portal_factorreset",
            app="select, insert, update",
            staff="select, insert, update",
            tenant="select, insert, update",
        ),
    ]
