"""Contacts for late mails that wait for their confirmation.

Contacts that tenants have already chosen stay as they are: with the tenant, confirmed.
"""

import django.db.models.deletion
from django.db import migrations, models

from portal.db.row_security import open_table, protect


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0027_answered_excuses"),
        ("portal", "0013_people"),
    ]

    operations = [
        migrations.CreateModel(
            name="LateContact",
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
                ("chosen_by", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("digest", models.BinaryField(max_length=32, null=True, unique=True)),
                ("confirmed_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
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
                        condition=models.Q(("ended_at", None)),
                        fields=("tenant",),
                        name="a_tenant_has_one_unconfirmed_contact",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("confirmed_at", None),
                            models.Q(
                                ("digest__isnull", False),
                                ("ended_at", models.F("confirmed_at")),
                            ),
                            _connector="OR",
                        ),
                        name="a_confirmed_contact_waits_no_more",
                    ),
                ],
            },
        ),
        protect(
            "billing_latecontact",
            tenant="select, insert, update (ended_at)",
            staff="select, insert, update",
        ),
        # Who closes an account ends its calendars too.
        open_table("billing_calendaraddress", staff="select, delete"),
    ]
