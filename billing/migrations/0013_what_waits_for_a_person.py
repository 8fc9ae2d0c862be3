"""Indexes of what waits for a person: it is counted on every page of the staff."""

from django.db import migrations, models

# As `late_list.undecided` asks. What compares two arrays of one row is no condition that
# a model can write down.
_UNDECIDED = """
create index late_flags_undecided on billing_lateflag (id)
where voided_at is null
    and not still <@ array_cat(waived, decided)::varchar(300)[];
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0012_decided_days"), ("portal", "0005_people")]

    operations = [
        migrations.AddIndex(
            model_name=name,
            index=models.Index(
                fields=["id"],
                condition=models.Q(state="set-aside"),
                name=f"{name}s_set_aside",
            ),
        )
        for name in ("reminder", "receiptmail")
    ] + [
        migrations.RunSQL(_UNDECIDED, "drop index late_flags_undecided;"),
    ]
