"""Requests of customers that are decided once: approved, refused or withdrawn."""

from datetime import datetime
from typing import TypeVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.db import unit_of_work
from portal.errors import Refused
from portal.models import Tenant
from portal.typed_text.clean import one_line

# Long enough for a paragraph; the audit trail repeats the reason of a decision.
REASON_CHARACTERS = 1_000


class Decision(models.TextChoices):
    APPROVED = "approved", _("approved")
    REFUSED = "refused", _("refused")
    WITHDRAWN = "withdrawn", _("withdrawn")


class CustomerRequest(models.Model):
    """The columns of a request; `decision` is empty until it is decided."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    reason = models.CharField(max_length=REASON_CHARACTERS)
    asked_by = models.CharField(max_length=200)
    asked_at = models.DateTimeField()
    decision = models.CharField(max_length=10, choices=Decision, blank=True, default="")
    decided_by = models.CharField(max_length=200, blank=True, default="")
    decided_at = models.DateTimeField(null=True)
    decision_reason = models.CharField(
        max_length=REASON_CHARACTERS, blank=True, default=""
    )

    class Meta:
        abstract = True


AnyRequest = TypeVar("AnyRequest", bound=CustomerRequest)


def is_decided_once(name: str) -> models.CheckConstraint:
    """Return the constraint: a request has a decision and its instant, or neither."""
    return models.CheckConstraint(
        condition=Q(decision="", decided_at=None)
        | Q(decision__in=Decision.values, decided_at__isnull=False),
        name=name,
    )


def optional(reason: str) -> str:
    """Return a reason as it is stored: as one clean line, and bounded."""
    return one_line(reason)[:REASON_CHARACTERS].rstrip()


def required(reason: str) -> str:
    """Return a reason as it is stored.

    Raises:
        Refused: the reason is empty.

    """
    reason = optional(reason)
    if not reason:
        raise Refused("reason-needed")
    return reason


def open_request(
    model: type[AnyRequest], *, tenant_id: int, request_id: int
) -> AnyRequest:
    """Return a request that has no decision yet, and lock its tenant.

    Raises:
        Refused: the tenant has no such request, or it is decided.

    """
    unit_of_work.hold_tenant(tenant_id)
    # With the tenant and, where there is one, the server.
    rows = model._default_manager.select_related()
    found = rows.filter(pk=request_id).first()
    if found is None:
        raise Refused("not-found")
    if found.decision:
        raise Refused("decided-already")
    return found


def record_decision(
    request: CustomerRequest, decision: Decision, *, by: str, at: datetime, reason: str
) -> None:
    """Save a decision in the running unit of work; `reason` may be empty."""
    request.decision, request.decision_reason = decision, reason
    request.decided_by, request.decided_at = by[:200], at
    request.save(
        update_fields=("decision", "decision_reason", "decided_by", "decided_at")
    )
