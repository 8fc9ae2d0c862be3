"""Steps of reminders that hang on a deadline are told apart by an extension of it."""

from django.db import migrations, models

# Who had been told of a deadline that was extended: the last day is told from the
# morning before it ends on (25 hours where clocks are set back), what is late after it.
_FILL = """
update billing_reminder r set extended_to = tp.extended_to
from billing_tenantperiod tp
where tp.tenant_id = r.tenant_id and tp.period = r.period
    and tp.extended_to is not null
    and (r.step = 'last' and r.planned_at >= tp.extended_to - interval '25 hours'
        or (r.step = 'late' or r.step like 'weekly-%')
            and r.planned_at >= tp.extended_to);
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0009_desk")]

    operations = [
        migrations.AddField(
            model_name="reminder",
            name="extended_to",
            field=models.DateTimeField(null=True),
        ),
        migrations.RunSQL(_FILL, reverse_sql=migrations.RunSQL.noop),
        migrations.RemoveConstraint(
            model_name="reminder", name="a_step_is_mailed_once_to_each_recipient"
        ),
        migrations.AddConstraint(
            model_name="reminder",
            constraint=models.UniqueConstraint(
                fields=("tenant", "recipient", "period", "step", "extended_to"),
                name="a_step_is_mailed_once_to_each_recipient",
                nulls_distinct=False,
            ),
        ),
    ]
