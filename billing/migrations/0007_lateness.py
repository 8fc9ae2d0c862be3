"""What the late check needs: whom to tell of, and where to look."""

from django.db import migrations, models

_IS_LATE = models.Q(("late", []), _negated=True)
_IS_GRACED = models.Q(("graced", []), _negated=True)


class Migration(migrations.Migration):
    dependencies = [("billing", "0006_graced")]

    operations = [
        migrations.AddField(
            model_name="lateflag",
            name="told_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddIndex(
            model_name="lateflag",
            index=models.Index(
                condition=models.Q(("told_at", None)),
                fields=["tenant"],
                name="late_flags_to_be_told",
            ),
        ),
        migrations.AddIndex(
            model_name="periodrollup",
            index=models.Index(
                condition=_IS_LATE | _IS_GRACED,
                fields=["deadline_at"],
                name="periods_that_may_be_flagged",
            ),
        ),
        migrations.AddIndex(
            model_name="periodrollup",
            index=models.Index(
                condition=_IS_GRACED,
                fields=["tenant", "period"],
                name="periods_with_graced_days",
            ),
        ),
    ]
