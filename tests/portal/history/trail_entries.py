"""Writes entries into audit trails, and changes them behind the portal's back."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connections

from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.models import AuditEntry
from tests.builders import NOW, Company


def add(
    company: Company | None,
    count: int = 1,
    *,
    act: str = "token-issued",
    actor: str = "ada@a.example",
    subject: str = "nightly",
    at: datetime = NOW,
    **details: Any,
) -> None:
    """Append entries to a company's trail, or to the staff's own, a second apart."""
    who = company.id if company else unit_of_work.STAFF
    with unit_of_work.acting_for(who):
        for number in range(count):
            audit_log.append(
                tenant_id=company.id if company else None,
                actor=actor,
                act=act,
                subject=subject,
                details=details,
                at=at + timedelta(seconds=number),
            )


def numbers(company: Company | None) -> list[int]:
    """Return the numbers of a trail's entries, the oldest first."""
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        found = AuditEntry.objects.filter(tenant=company.id if company else None)
        return list(found.order_by("number").values_list("number", flat=True))


def as_owner(statement: str, *parameters: Any) -> None:
    """Run a statement as nobody but the owner of the tables may."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(statement, parameters)


def rewrite(company: Company, first: int, actor: str) -> None:
    """Change an entry's actor, and make the chain from it on follow once more."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "update portal_auditentry set actor = %s"
            " where tenant_id = %s and number = %s",
            [actor, company.id, first],
        )
    with unit_of_work.acting_for(company.id, reading=True):
        entries = list(AuditEntry.objects.order_by("number"))
    previous = bytes(32)
    for entry in entries:
        entry.previous = previous
        entry.digest = audit_log.digest_of(entry)
        previous = entry.digest
        as_owner(
            "update portal_auditentry set previous = %s, digest = %s where id = %s",
            *(entry.previous, entry.digest, entry.pk),
        )
