"""Licence changes, opened periods with their deadlines, and period summaries."""

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Case, F, Func, Q, Value, When
from django.db.models.functions import Coalesce, Greatest

from portal.models import Tenant

# The SQL function for the least of an array of instants, created by a migration.
_EARLIEST = "billing_earliest"


class PeriodOutcome(models.IntegerChoices):
    """The standing of a period once all its days are over, without lateness."""

    NOTHING_OWED = 0
    COVERED = 1
    LACKING = 2


class LicenceChange(models.Model):
    """From a day on, a tenant holds these licence keys; they decide what is owed."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    from_on = models.DateField()
    keys = ArrayField(models.CharField(max_length=128), blank=True)
    changed_by = models.CharField(max_length=200)
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "from_on"],
                name="a_tenants_licences_change_once_a_day",
            ),
        ]

    def __str__(self) -> str:
        return f"from {self.from_on}: {', '.join(self.keys) or 'none'}"


class TenantPeriod(models.Model):
    """A period of a tenant, with the instant from which it is late, kept for good.

    `deadline_at` is computed once, in the zone that the tenant has when the period
    opens, which is kept beside it: a later change of zone is for later periods, unless
    staff correct this one. `extended_to` is what staff have granted beyond it.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    period = models.CharField(max_length=7)
    zone = models.CharField(max_length=64)
    deadline_at = models.DateTimeField()
    opened_at = models.DateTimeField()
    extended_to = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=200, blank=True, default="", db_default="")
    decision_reason = models.CharField(
        max_length=1_000, blank=True, default="", db_default=""
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "period"], name="a_tenants_period_opens_once"
            ),
            models.CheckConstraint(
                condition=Q(period__regex=r"^[0-9]{4}-(0[1-9]|1[0-2])$"),
                name="a_period_is_a_year_and_a_month",
            ),
            models.CheckConstraint(
                condition=Q(extended_to=None)
                | Q(extended_to__gt=models.F("deadline_at")),
                name="an_extension_is_later_than_the_deadline",
            ),
        ]
        indexes = [
            # For reminders, which look for deadlines ahead.
            models.Index(
                Coalesce("extended_to", "deadline_at"),
                F("period"),
                name="periods_by_deadline",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.period}, late from {self.effective_at}"

    @property
    def effective_at(self) -> datetime:
        """The deadline that counts."""
        return self.extended_to or self.deadline_at


class PeriodSummary(models.Model):
    """The stored `billing.coverage.summary.Summary` of an opened period.

    Also the effective deadline it was computed for, and when the last of the period's
    files was received: all that a list of all tenants shows. The database itself keeps
    what such a list counts and sorts by: the standing once all days are over
    (`outcome`), since when that is late (`late_from`, None for never), and how many
    server-days are missing then (`lacking`) and from when on (`lacking_from`).

    The row is stale where a `SummaryMark` of a later generation covers the period; a
    period without a row has not been computed yet.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    period = models.CharField(max_length=7)
    generation = models.BigIntegerField(default=0, db_default=0)
    deadline_at = models.DateTimeField()
    owed = models.PositiveIntegerField()
    covered = models.PositiveIntegerField()
    missing_from = ArrayField(models.DateTimeField())
    fault_from = ArrayField(models.DateTimeField())
    with_us_from = ArrayField(models.DateTimeField())
    lacks_servers = models.BooleanField()
    open_until = models.DateTimeField()
    late = ArrayField(models.CharField(max_length=300))
    graced = ArrayField(models.CharField(max_length=300), default=list, db_default=[])
    graced_until = ArrayField(models.DateTimeField(), default=list, db_default=[])
    strip = models.CharField(max_length=31)
    last_received_at = models.DateTimeField(null=True)
    outcome = models.GeneratedField(
        expression=Case(
            When(owed=0, lacks_servers=False, then=Value(PeriodOutcome.NOTHING_OWED)),
            When(
                covered=F("owed"),
                lacks_servers=False,
                then=Value(PeriodOutcome.COVERED),
            ),
            default=Value(PeriodOutcome.LACKING),
            output_field=models.SmallIntegerField(),
        ),
        output_field=models.SmallIntegerField(choices=PeriodOutcome),
        db_persist=True,
    )
    late_from = models.GeneratedField(
        expression=Case(
            When(~Q(late=[]), then=F("deadline_at")),
            When(
                ~Q(graced=[]),
                then=Greatest("deadline_at", Func("graced_until", function=_EARLIEST)),
            ),
            output_field=models.DateTimeField(),
        ),
        output_field=models.DateTimeField(null=True),
        db_persist=True,
    )

    lacking = models.GeneratedField(
        expression=Func(
            "missing_from",
            function="cardinality",
            output_field=models.IntegerField(),
        ),
        output_field=models.IntegerField(),
        db_persist=True,
    )
    lacking_from = models.GeneratedField(
        expression=Func("missing_from", function=_EARLIEST),
        output_field=models.DateTimeField(null=True),
        db_persist=True,
    )

    class Meta:
        # The name that the table was created with, which SQL statements use.
        db_table = "billing_periodrollup"
        verbose_name_plural = "period summaries"
        constraints = [
            models.UniqueConstraint(
                fields=["period", "tenant"], name="a_period_is_rolled_up_once"
            ),
        ]
        indexes = [
            models.Index(
                fields=["period", "deadline_at"],
                condition=~Q(late=[]),
                name="late_periods",
            ),
            # For the late check, which looks for both and for the second.
            models.Index(
                fields=["deadline_at"],
                condition=~Q(late=[]) | ~Q(graced=[]),
                name="periods_that_may_be_flagged",
            ),
            models.Index(
                fields=["tenant", "period"],
                condition=~Q(graced=[]),
                name="periods_with_graced_days",
            ),
            # For reminders; who lacks days is found by `desk_longest_missing`.
            models.Index(
                fields=["period", "tenant"],
                condition=Q(lacks_servers=True),
                name="periods_without_servers",
            ),
            # The desk reads a page by one of these, and counts the matches of a search.
            models.Index(
                fields=["period", "outcome", "open_until", "late_from"],
                name="desk_counts",
            ),
            models.Index(
                F("period"),
                F("deadline_at"),
                F("lacking").desc(),
                F("tenant"),
                condition=Q(outcome=PeriodOutcome.LACKING),
                name="desk_most_urgent",
            ),
            models.Index(
                fields=["period", "lacking_from", "tenant"], name="desk_longest_missing"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.period}: {self.covered} of {self.owed}"
