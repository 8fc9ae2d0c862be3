"""How what customers ask for is answered once: withdrawn, approved or refused."""

from datetime import datetime
from typing import TypeVar

from billing.asked import Excuse, LicenceRequest
from portal.db import unit_of_work
from portal.errors import Refused
from usage.models import Decision

Asked = TypeVar("Asked", Excuse, LicenceRequest)


def still_open(model: type[Asked], *, tenant_id: int, asked_id: int) -> Asked:
    """Return what waits for an answer, under the tenant's lock.

    Raises:
        Refused: the tenant has asked for no such thing, or it is answered.

    """
    unit_of_work.hold_tenant(tenant_id)
    found = model._default_manager.select_related("tenant").filter(pk=asked_id).first()
    if found is None:
        raise Refused("not-found")
    if found.decision:
        raise Refused("decided-already")
    return found


def decide(
    asked: Asked, decision: Decision, *, by: str, at: datetime, reason: str
) -> None:
    asked.decision, asked.decision_reason = decision, reason
    asked.decided_by, asked.decided_at = by[:200], at
    asked.save(
        update_fields=("decision", "decision_reason", "decided_by", "decided_at")
    )
