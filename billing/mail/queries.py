"""Queries for mails of all kinds and states, in a unit of work of staff or a tenant.

Mails with a link to set a password are not included: nobody else may see the link.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import partial

from django.db.models import Count, Q, QuerySet

from billing.models import Digest, ReceiptMail, Reminder
from portal.jobs.queue import JobState
from portal.mail.outbox import MailJob, MailOutcome, StoredMail

REMINDER, RECEIPT, DIGEST = "reminder", "receipt", "digest"
MODELS: Mapping[str, type[StoredMail]] = {
    REMINDER: Reminder,
    RECEIPT: ReceiptMail,
    DIGEST: Digest,
}


class MailFilter(StrEnum):
    """Mail states that a list can be filtered by."""

    WAITING = "waiting"
    SENT = "sent"
    UNSURE = "unsure"
    FAILED = "failed"
    UNNEEDED = "unneeded"


def _has_state(state: str, kind: str) -> Q:
    is_job = kind != DIGEST
    if state == MailFilter.WAITING:
        return Q(outcome="", **({"state": JobState.WAITING} if is_job else {}))
    found = Q(outcome=MailOutcome(state))
    if state == MailFilter.FAILED and is_job:
        found |= Q(outcome="", state=JobState.FAILED)
    return found


def list_mails(kind: str, state: str = "") -> QuerySet[StoredMail]:
    """Return mails of a kind without their texts, newest first; of one state or all."""
    rows = MODELS[kind]._default_manager.filter(
        _has_state(state, kind) if state else Q()
    )
    return rows.defer("text", "html").order_by("-planned_at", "-pk")


def counts(kind: str) -> dict[str, int]:
    """Count the mails of a kind by state; all of them under an empty name."""
    wanted = {
        str(state): Count("pk", filter=_has_state(state, kind)) for state in MailFilter
    }
    found = MODELS[kind]._default_manager.aggregate(all=Count("pk"), **wanted)
    return {"": found.pop("all"), **found}


def find(kind: str, pk: int) -> StoredMail | None:
    """Return a mail with its texts, None if there is none."""
    model = MODELS.get(kind)
    return model._default_manager.filter(pk=pk).first() if model else None


def waiting_for_staff(model: type[MailJob]) -> QuerySet[MailJob]:
    """Return the mails that wait for a person: the failed and the unsure.

    These and no others have the state "set aside". A digest never has it: the next one
    has the same content.
    """
    return model._default_manager.filter(state=JobState.FAILED)


WAITING_FOR_STAFF = (
    partial(waiting_for_staff, Reminder),
    partial(waiting_for_staff, ReceiptMail),
)


def unsure_or_failed() -> int:
    """Count the mails that wait for a person, of all tenants."""
    return sum(find().count() for find in WAITING_FOR_STAFF)
