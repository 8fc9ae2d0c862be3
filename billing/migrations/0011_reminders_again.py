"""Planning lets a mail wait again that was not needed before and is now."""

from django.db import migrations

_COLUMNS = (
    "state, outcome, problem, day, due_at, planned_at, ended_at, attempts, faults,"
    " lease, leased_until"
)


class Migration(migrations.Migration):
    dependencies = [("billing", "0010_reminders_of_a_deadline")]

    operations = [
        migrations.RunSQL(
            f"grant update ({_COLUMNS}) on billing_reminder to portal_staff;",
            reverse_sql=f"revoke update ({_COLUMNS}) on billing_reminder"
            " from portal_staff;",
        ),
    ]
