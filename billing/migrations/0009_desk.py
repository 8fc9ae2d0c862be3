"""What a list of all tenants counts and sorts by, kept by the database itself."""

from django.db import migrations, models
from django.db.models.expressions import OrderBy
from django.db.models.functions import Greatest

# Of an empty array there is none.
_EARLIEST = """
create function billing_earliest(instants timestamptz[]) returns timestamptz
    language sql immutable strict parallel safe
    return (select min(one) from unnest(instants) as one);
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0008_mail")]

    operations = [
        migrations.RunSQL(
            _EARLIEST,
            reverse_sql="drop function billing_earliest(timestamptz[]);",
        ),
        migrations.AddField(
            model_name="periodrollup",
            name="outcome",
            field=models.GeneratedField(
                db_persist=True,
                expression=models.Case(
                    models.When(lacks_servers=False, owed=0, then=models.Value(0)),
                    models.When(
                        covered=models.F("owed"),
                        lacks_servers=False,
                        then=models.Value(1),
                    ),
                    default=models.Value(2),
                    output_field=models.SmallIntegerField(),
                ),
                output_field=models.SmallIntegerField(
                    choices=[(0, "Nothing Owed"), (1, "Covered"), (2, "Lacking")]
                ),
            ),
        ),
        migrations.AddField(
            model_name="periodrollup",
            name="late_from",
            field=models.GeneratedField(
                db_persist=True,
                expression=models.Case(
                    models.When(
                        models.Q(("late", []), _negated=True),
                        then=models.F("deadline_at"),
                    ),
                    models.When(
                        models.Q(("graced", []), _negated=True),
                        then=Greatest(
                            "deadline_at",
                            models.Func("graced_until", function="billing_earliest"),
                        ),
                    ),
                    output_field=models.DateTimeField(),
                ),
                output_field=models.DateTimeField(null=True),
            ),
        ),
        migrations.AddField(
            model_name="periodrollup",
            name="lacking",
            field=models.GeneratedField(
                db_persist=True,
                expression=models.Func(
                    "missing_from",
                    function="cardinality",
                    output_field=models.IntegerField(),
                ),
                output_field=models.IntegerField(),
            ),
        ),
        migrations.AddField(
            model_name="periodrollup",
            name="lacking_from",
            field=models.GeneratedField(
                db_persist=True,
                expression=models.Func("missing_from", function="billing_earliest"),
                output_field=models.DateTimeField(null=True),
            ),
        ),
        migrations.AddIndex(
            model_name="periodrollup",
            index=models.Index(
                fields=["period", "outcome", "open_until", "late_from"],
                name="desk_counts",
            ),
        ),
        migrations.AddIndex(
            model_name="periodrollup",
            index=models.Index(
                models.F("period"),
                models.F("deadline_at"),
                OrderBy(models.F("lacking"), descending=True),
                models.F("tenant"),
                condition=models.Q(("outcome", 2)),
                name="desk_most_urgent",
            ),
        ),
        migrations.AddIndex(
            model_name="periodrollup",
            index=models.Index(
                fields=["period", "lacking_from", "tenant"],
                name="desk_longest_missing",
            ),
        ),
    ]
