"""Customers' requests that a server owe less; the staff decide them."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.approvals import CustomerRequest, is_decided_once
from usage.models.servers import Server


class ServerRequestKind(models.TextChoices):
    FIRST_DAY = "first-day", _("first owed day")
    LAST_DAY = "last-day", _("last owed day")


class ServerRequest(CustomerRequest):
    """A later first day or a last day, which counts only once staff approve it.

    `decision` is empty while it waits.
    """

    server = models.ForeignKey(
        Server, on_delete=models.PROTECT, related_name="requests"
    )
    kind = models.CharField(max_length=10, choices=ServerRequestKind)
    day = models.DateField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=ServerRequestKind.values),
                name="a_request_is_of_a_known_kind",
            ),
            models.CheckConstraint(
                condition=~Q(reason=""), name="a_request_gives_its_reason"
            ),
            is_decided_once("a_request_is_decided_once_and_says_when"),
            models.UniqueConstraint(
                fields=["server", "kind"],
                condition=Q(decision=""),
                name="a_server_waits_for_one_answer_of_a_kind",
            ),
        ]
        indexes = [
            models.Index(
                fields=["asked_at", "id"],
                condition=Q(decision=""),
                name="requests_to_decide",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.day} ({self.decision or 'open'})"
