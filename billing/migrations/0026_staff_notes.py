"""Notes of the staff about tenants; the tenants that a released stop was seen to hold."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from portal.db.row_security import protect


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0025_key_and_complete_mails"),
        ("portal", "0007_statement_mails"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="StaffNote",
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
                ("written_by", models.CharField(max_length=200)),
                ("written_at", models.DateTimeField()),
                ("text", models.CharField(blank=True, max_length=4000)),
                ("corrected_at", models.DateTimeField(null=True)),
                ("withdrawn_at", models.DateTimeField(null=True)),
                (
                    "author",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        to=settings.AUTH_USER_MODEL,
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
                        fields=["tenant", "-written_at", "-id"],
                        name="notes_newest_first",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("withdrawn_at", None), ("text", ""), _connector="XOR"
                        ),
                        name="a_note_has_a_text_until_it_is_withdrawn",
                    )
                ],
            },
        ),
        # No right for units of work of a tenant: a note is never the tenant's to see.
        protect(
            "billing_staffnote",
            staff="select, insert, update (text, corrected_at, withdrawn_at)",
        ),
        migrations.AddField(
            model_name="safetystop",
            name="released_for",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.BigIntegerField(), null=True, size=None
            ),
        ),
    ]
