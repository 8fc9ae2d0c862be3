"""Summaries of single servers, and marks of the summaries that are stale."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from portal.models import Tenant
from usage.models import Server


class MarkRank(models.IntegerChoices):
    """Why summaries are stale; the refresher takes the lowest rank first."""

    FACTS = 0
    """A file was received, or one server or period changed."""
    WIDE = 1
    """A change of a whole tenant."""
    OPENING = 2
    """Periods have opened for all tenants."""


class ServerPeriodSummary(models.Model):
    """The stored `billing.coverage.summary.ServerSummary` of a server and period.

    `generation` is that of the newest mark that it takes into account.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    server = models.ForeignKey(Server, on_delete=models.PROTECT)
    period = models.CharField(max_length=7)
    generation = models.BigIntegerField()
    owed = models.PositiveIntegerField()
    covered = models.PositiveIntegerField()
    missing_from = ArrayField(models.DateTimeField())
    fault_from = ArrayField(models.DateTimeField())
    with_us_from = ArrayField(models.DateTimeField())
    late = ArrayField(models.CharField(max_length=300))
    graced = ArrayField(models.CharField(max_length=300))
    graced_until = ArrayField(models.DateTimeField())
    strip = models.CharField(max_length=31)
    last_received_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "server summaries"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "period", "server"],
                name="a_server_and_period_is_summarised_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.period}: {self.covered} of {self.owed}"


class SummaryMark(models.Model):
    """A mark that stored summaries of a tenant are stale; see `billing.periods.marks`.

    `server` None means all servers, and what belongs to the tenant alone. The periods
    from `first_period` to `last_period` are stale where their summary has an earlier
    `generation`. `changed_at` is the instant of the newest change, all others are
    those of the database's clock. `failed_at` is when the last attempt first failed.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    server = models.ForeignKey(Server, on_delete=models.PROTECT, null=True)
    rank = models.SmallIntegerField(choices=MarkRank)
    first_period = models.CharField(max_length=7)
    last_period = models.CharField(max_length=7)
    generation = models.BigIntegerField()
    changed_at = models.DateTimeField()
    marked_at = models.DateTimeField()
    due_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    leased_until = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "server", "rank"],
                name="a_server_has_one_mark_of_a_rank",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(first_period__lte=F("last_period")),
                name="a_mark_covers_a_period",
            ),
        ]
        indexes = [
            models.Index(fields=["rank", "due_at"], name="marks_by_rank"),
            models.Index(
                fields=["tenant"],
                condition=Q(failed_at__isnull=False),
                name="marks_that_failed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.first_period} to {self.last_period} since {self.marked_at}"

    def covers(self, period: str) -> bool:
        return self.first_period <= period <= self.last_period
