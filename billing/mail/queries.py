"""Reads of all mails, by kind and state. In a unit of work of the staff or of a tenant.

Links that let somebody set a password are not among them: nobody else is to see those.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import partial

from django.db.models import Count, Q, QuerySet

from billing.models import Digest, ReceiptMail, Reminder
from portal.jobs.queue import JobState
from portal.mail.outbox import Letter, LetterWork, MailOutcome

REMINDER, RECEIPT, DIGEST = "reminder", "receipt", "digest"
MODELS: Mapping[str, type[Letter]] = {
    REMINDER: Reminder,
    RECEIPT: ReceiptMail,
    DIGEST: Digest,
}


class MailFilter(StrEnum):
    """States as people filter by them."""

    WAITING = "waiting"
    SENT = "sent"
    UNSURE = "unsure"
    FAILED = "failed"
    UNNEEDED = "unneeded"


def _has(told: str, kind: str) -> Q:
    is_work = kind != DIGEST
    if told == MailFilter.WAITING:
        return Q(outcome="", **({"state": JobState.WAITING} if is_work else {}))
    found = Q(outcome=MailOutcome(told))
    if told == MailFilter.FAILED and is_work:
        found |= Q(outcome="", state=JobState.SET_ASIDE)
    return found


def list_mails(kind: str, told: str = "") -> QuerySet[Letter]:
    """Return mails of a kind without their texts, newest first; of one state or all."""
    rows = MODELS[kind]._default_manager.filter(_has(told, kind) if told else Q())
    return rows.defer("text", "html").order_by("-planned_at", "-pk")


def counts(kind: str) -> dict[str, int]:
    """Count the mails of a kind, by what is told of them; all under an empty name."""
    wanted = {str(told): Count("pk", filter=_has(told, kind)) for told in MailFilter}
    found = MODELS[kind]._default_manager.aggregate(all=Count("pk"), **wanted)
    return {"": found.pop("all"), **found}


def find(kind: str, pk: int) -> Letter | None:
    """Return a mail with all there is of it, None if there is none."""
    model = MODELS.get(kind)
    return model._default_manager.filter(pk=pk).first() if model else None


def waiting_for_staff(model: type[LetterWork]) -> QuerySet[LetterWork]:
    """Return the mails that wait for a person: the failed and the unsure.

    Those are set aside, and nothing else is. A digest never is: the next one says the
    same.
    """
    return model._default_manager.filter(state=JobState.SET_ASIDE)


WAITING_FOR_STAFF = (
    partial(waiting_for_staff, Reminder),
    partial(waiting_for_staff, ReceiptMail),
)


def unsure_or_failed() -> int:
    """Count the mails that wait for a person, of all tenants."""
    return sum(find().count() for find in WAITING_FOR_STAFF)
