"""Keep an overview beside each statement, made from its own bytes."""

from django.db import migrations, models

# As `billing.statements.overview` makes it, from a document or figures `d` and a list of
# files `f`.
OVERVIEW = """
    jsonb_build_object(
        'totals', d -> 'totals',
        'lines', d -> 'lines',
        'completeness', (d -> 'completeness') - 'days',
        'catalogue', d -> 'catalogue' -> 'version',
        'files', d -> 'files' -> 'count',
        'servers', coalesce(
            (
                select jsonb_agg(name order by name collate "C") from (
                    select distinct one ->> 'server' as name
                    from jsonb_array_elements(f -> 'files') as one
                ) as names
            ),
            '[]'
        )
    )
"""

# `offset 0` parses each document once, not for every part of it. The trigger is disabled
# because the overview is not part of the issued statement.
_FILL = f"""
update billing_currentstatement set overview = {OVERVIEW}
from (
    select id as made_from, convert_from(figures, 'UTF8')::jsonb as d,
        convert_from(files, 'UTF8')::jsonb as f
    from billing_currentstatement offset 0
) as source
where id = made_from;
alter table billing_statement disable trigger an_issued_statement_never_changes;
update billing_statement set overview = {OVERVIEW}
from (
    select id as made_from, convert_from(document, 'UTF8')::jsonb as d,
        convert_from(files, 'UTF8')::jsonb as f
    from billing_statement offset 0
) as source
where id = made_from;
alter table billing_statement enable trigger an_issued_statement_never_changes;
"""  # noqa: S608 - made of constants alone


class Migration(migrations.Migration):
    dependencies = [("billing", "0017_statements")]

    operations = [
        *(
            migrations.AddField(
                model_name=name,
                name="overview",
                field=models.JSONField(default=dict),
                preserve_default=False,
            )
            for name in ("currentstatement", "statement")
        ),
        migrations.RunSQL(_FILL, reverse_sql=migrations.RunSQL.noop),
    ]
