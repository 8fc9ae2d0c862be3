"""Customers' requests that staff decide on: excuses and licence changes."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.approvals import CustomerRequest, is_decided_once
from usage.models import Server


class ExcuseKindChoices(models.TextChoices):
    DOWN = "down", _("the server was down: nothing was written")
    LOST = "lost", _("it was written, and is lost")


class Excuse(CustomerRequest):
    """Server-days (`days`) or file numbers of a series that need not come.

    What is lost may be named by numbers, `first_sequence` to `last_sequence` of
    `series`; what was never written has days only.
    """

    server = models.ForeignKey(Server, on_delete=models.PROTECT, related_name="excuses")
    kind = models.CharField(max_length=10, choices=ExcuseKindChoices)
    days = ArrayField(models.DateField(), default=list)
    series = models.UUIDField(null=True)
    first_sequence = models.BigIntegerField(null=True)
    last_sequence = models.BigIntegerField(null=True)
    # When files that were accepted after all answered it, if nobody has decided it.
    answered_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            is_decided_once("an_excuse_is_decided_once_and_says_when"),
            models.CheckConstraint(
                condition=~Q(reason=""), name="an_excuse_gives_its_reason"
            ),
            models.CheckConstraint(
                condition=(~Q(days=[]) & Q(series=None))
                | Q(
                    kind=ExcuseKindChoices.LOST,
                    series__isnull=False,
                    first_sequence__gte=1,
                    last_sequence__gte=models.F("first_sequence"),
                ),
                name="an_excuse_names_days_or_numbers",
            ),
        ]
        indexes = [
            models.Index(
                fields=["asked_at", "id"],
                condition=Q(decision=""),
                name="excuses_to_decide",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} ({self.decision or 'open'})"


class LicenceRequest(CustomerRequest):
    """A tenant's request to hold other licence keys from a day on."""

    from_on = models.DateField()
    keys = ArrayField(models.CharField(max_length=128), blank=True)

    class Meta:
        constraints = [
            is_decided_once("a_licence_request_is_decided_once_and_says_when"),
            models.UniqueConstraint(
                fields=["tenant"],
                condition=Q(decision=""),
                name="a_tenant_waits_for_one_answer_about_licences",
            ),
        ]
        indexes = [
            models.Index(
                fields=["asked_at", "id"],
                condition=Q(decision=""),
                name="licences_to_decide",
            ),
        ]

    def __str__(self) -> str:
        return f"licences from {self.from_on} ({self.decision or 'open'})"
