"""The kept numbers of summaries by the columns that decide about the standing."""

from django.db import models

from billing.models.periods import PeriodOutcome


class SummaryCount(models.Model):
    """A part of the number of summaries with these columns; the parts add up to it.

    A trigger on the summaries adds rows of 1 and -1 and changes none, so transactions
    of different tenants do not wait for each other. `billing.standings.merge` replaces
    the rows by their sums.
    """

    period = models.CharField(max_length=7)
    outcome = models.SmallIntegerField(choices=PeriodOutcome)
    open_until = models.DateTimeField()
    late_from = models.DateTimeField(null=True)
    tenants = models.IntegerField()

    class Meta:
        indexes = [models.Index(fields=["period"], name="summary_counts_of_a_period")]

    def __str__(self) -> str:
        return f"{self.period}: {self.tenants:+}"
