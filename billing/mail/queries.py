"""Queries for mails of all kinds and states, in a unit of work of staff or a tenant.

Mails about accounts are stored without text and link: nobody else may see the link.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache, partial
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from billing.models import (
    CompleteMail,
    Digest,
    KeyMail,
    ReceiptMail,
    Reminder,
    StatementMail,
    TokenMail,
)
from portal.jobs.queue import JobState
from portal.mail.outbox import MailJob, MailOutcome, StoredMail
from portal.models import AccountMail
from portal.pages.paging import MOST_COUNTED, CappedPage, list_page

REMINDER, STATEMENT, RECEIPT, DIGEST = "reminder", "statement", "receipt", "digest"
COMPLETE, KEY, TOKEN, ACCOUNT = "complete", "key", "token", "account"
MODELS: Mapping[str, type[StoredMail | AccountMail]] = {
    REMINDER: Reminder,
    COMPLETE: CompleteMail,
    STATEMENT: StatementMail,
    RECEIPT: ReceiptMail,
    KEY: KeyMail,
    TOKEN: TokenMail,
    DIGEST: Digest,
    ACCOUNT: AccountMail,
}

# Kinds of mails that are not jobs of a tenant.
OF_NO_TENANT = {DIGEST, ACCOUNT}

# The columns that a list of mails shows.
_STORED = ("recipient", "planned_at", "ended_at", "outcome", "begun_at", "problem")
_QUEUED = (*_STORED, "tenant_id", "state", "asked_by")
_LISTED: Mapping[str, tuple[str, ...]] = {
    REMINDER: (*_QUEUED, "period", "step", "late_periods"),
    STATEMENT: (*_QUEUED, "period", "version"),
    RECEIPT: (*_QUEUED, "part", "parts"),
    COMPLETE: (*_QUEUED, "period"),
    KEY: (*_QUEUED, "server"),
    TOKEN: (*_QUEUED, "token_id"),
    DIGEST: (*_STORED, "day"),
    ACCOUNT: (*_STORED, "kind"),
}

AnyMail = StoredMail | AccountMail

# The numbers of mails by state, and a page of mails.
MailPage = tuple[dict[str, int], CappedPage[AnyMail]]


class MailFilter(StrEnum):
    """Mail states that a list can be filtered by."""

    WAITING = "waiting"
    SENT = "sent"
    UNSURE = "unsure"
    FAILED = "failed"
    UNNEEDED = "unneeded"


def _has_state(state: str, kind: str) -> Q:
    is_job = kind not in OF_NO_TENANT
    if state == MailFilter.WAITING:
        return Q(outcome="", **({"state": JobState.WAITING} if is_job else {}))
    if is_job and state == MailFilter.FAILED:
        return Q(outcome__in=["", MailOutcome.FAILED], state=JobState.FAILED)
    return Q(outcome=MailOutcome(state))


def list_mails(kind: str, state: str = "") -> QuerySet[Any]:
    """Return mails of a kind as a list shows them, newest first; of one state or all.

    Their texts are not loaded.
    """
    rows = MODELS[kind]._default_manager.filter(
        _has_state(state, kind) if state else Q()
    )
    return rows.only(*_LISTED[kind]).order_by("-planned_at", "-pk")


def load_page(kind: str, state: str, page: str | None, *, size: int) -> MailPage:
    """Load a page of mails, and count those of each state up to a limit."""
    found = counts(kind)
    rows = list_mails(kind, state)
    return found, list_page(
        lambda first, most: list(rows[first : first + most]),
        page,
        size=size,
        count=lambda: found[state],
    )


def counts(kind: str) -> dict[str, int]:
    """Count the mails of a kind by state; all of them under an empty name.

    Each number is at most one more than `MOST_COUNTED`.
    """
    statement, values = _counting(kind)
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        (found,) = cursor.fetchall()
    return dict(zip(["", *map(str, MailFilter)], found, strict=True))


@cache
def _counting(kind: str) -> tuple[str, tuple[Any, ...]]:
    """Combine the queries that count, once: building them costs more than running."""
    parts: list[str] = []
    values: list[Any] = []
    for state in ("", *MailFilter):
        rows = list_mails(kind, state).order_by().values("pk")[: MOST_COUNTED + 1]
        text, given = rows.query.sql_with_params()
        parts.append(f"(select count(*) from ({text}) as found)")  # noqa: S608 - Django's own words
        values += given
    return f"select {', '.join(parts)}", tuple(values)


def find(kind: str, pk: int) -> AnyMail | None:
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
    partial(waiting_for_staff, StatementMail),
    partial(waiting_for_staff, ReceiptMail),
    partial(waiting_for_staff, CompleteMail),
    partial(waiting_for_staff, KeyMail),
    partial(waiting_for_staff, TokenMail),
)


def unsure_or_failed() -> int:
    """Count the mails that wait for a person, of all tenants."""
    return sum(find().count() for find in WAITING_FOR_STAFF)
