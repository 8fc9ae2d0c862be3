"""Month-end runs over all tenants, and the job of each tenant in a run."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.approvals import REASON_CHARACTERS
from portal.jobs.queue import Job


class MonthEndRun(models.Model):
    """A run that computes, and perhaps issues, the statements of a period.

    With `is_issuing` each tenant's statement is issued if nothing prevents it, and with
    `with_incomplete` incomplete periods are closed. `reason` is printed on the issued
    statements; later versions and closed periods need one.
    """

    period = models.CharField(max_length=7)
    is_issuing = models.BooleanField()
    with_incomplete = models.BooleanField(default=False)
    reason = models.CharField(max_length=REASON_CHARACTERS, blank=True)
    started_at = models.DateTimeField()
    started_by = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(with_incomplete=False) | ~Q(reason=""),
                name="an_incomplete_period_is_closed_for_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.period}, started {self.started_at}"


class MonthEndOutcome(models.TextChoices):
    """The outcome of a run for a tenant's statement."""

    COMPUTED = "computed", _("computed, can be issued")
    ISSUED = "issued", _("issued")
    UNCHANGED = "unchanged", _("issued before, nothing has changed")
    NOTHING = "nothing", _("nothing owed and nothing used")
    RUNNING = "running", _("the period is not over")
    INCOMPLETE = "incomplete", _("not complete")
    UNCLASSIFIED = "unclassified", _("unknown licence keys")
    UNREADABLE = "unreadable", _("files that do not open")
    CHANGED = "changed", _("a later version needs a reason")


class MonthEndWork(Job):
    """The job of one tenant in a run, for `portal.jobs.queue`."""

    run = models.ForeignKey(MonthEndRun, on_delete=models.PROTECT, related_name="work")
    outcome = models.CharField(
        max_length=20, choices=MonthEndOutcome, blank=True, default=""
    )

    WAITS_SINCE: ClassVar[str] = "due_at"

    class Meta(Job.Meta):
        abstract = False
        verbose_name_plural = "month-end work"
        constraints = [
            models.UniqueConstraint(
                fields=["run", "tenant"], name="a_tenant_is_in_a_run_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run_id}: {self.state} {self.outcome}".strip()
