"""The outbox of reminders: each row is a mail to send."""

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from billing.coverage.reminder_dates import REFUSED
from portal.mail.outbox import MailJob, MailOutcome

# Outcomes that use up the one mail that a recipient may get in a day.
TAKES_THE_DAY = ("", MailOutcome.SENT, MailOutcome.UNSURE)

# Why a late mail waits: the safety stop of its period.
SAFETY_STOP = "safety-stop"

# The name of a step that staff requested, before its number.
NOW = "now-"


class Reminder(MailJob):
    """One mail to one address about one step of a period.

    `step` is of `billing.coverage.reminder_dates`, or "now-1", "now-2" …, requested by
    staff. `day`, of the tenant's zone, is the one it is for, or was begun on. Steps
    that depend on the deadline have `extended_to`, None where the period's own deadline
    counts: a tenant that is given another deadline gets a mail about that one too. For
    the step `refused` it is the end of the days that a refusal gives, of several the
    first that no mail was about.

    A mail of a late step names all late periods of the tenant: `late_periods`, newest
    first, stored when it is begun; empty for other steps.
    """

    period = models.CharField(max_length=7)
    step = models.CharField(max_length=10)
    day = models.DateField()
    extended_to = models.DateTimeField(null=True)
    late_periods = ArrayField(
        models.CharField(max_length=7), default=list, db_default=[]
    )

    class Meta(MailJob.Meta):
        constraints = [
            *MailJob.Meta.constraints,
            models.UniqueConstraint(
                fields=["tenant", "recipient", "period", "step", "extended_to"],
                name="a_step_is_mailed_once_to_each_recipient",
                nulls_distinct=False,
            ),
            models.UniqueConstraint(
                fields=["tenant", "recipient", "day"],
                condition=Q(outcome__in=TAKES_THE_DAY),
                name="a_recipient_gets_one_reminder_a_day",
            ),
        ]
        indexes = [
            *MailJob.Meta.indexes,
            models.Index(fields=["tenant", "period"], name="reminders_of_a_period"),
        ]

    def __str__(self) -> str:
        return f"{self.period} {self.step} to {self.recipient} ({self.shown_state})"

    @property
    def refused_until(self) -> datetime | None:
        """Until when what was refused may still come; None for other mails."""
        return self.extended_to if self.step == REFUSED else None
