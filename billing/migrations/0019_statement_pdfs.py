"""Keep the PDF of each issued version of a statement."""

import django.db.models.deletion
from django.db import migrations, models

from portal.db.row_security import protect, same_tenant

_NEVER_CHANGES = """
create trigger a_pdf_of_a_statement_never_changes
before update or delete on billing_statementpdf
for each row execute function billing_statement_never_changes();
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0018_statement_overviews")]

    operations = [
        migrations.CreateModel(
            name="StatementPdf",
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
                ("content", models.BinaryField()),
                ("sha256", models.CharField(max_length=64)),
                (
                    "statement",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="pdf",
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
                "verbose_name": "statement as PDF",
                "verbose_name_plural": "statements as PDF",
            },
        ),
        protect("billing_statementpdf", tenant="select, insert", staff="select"),
        same_tenant("billing_statementpdf", "statement_id", target="billing_statement"),
        migrations.RunSQL(_NEVER_CHANGES, reverse_sql=migrations.RunSQL.noop),
    ]
