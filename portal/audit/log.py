"""Appends to and checks the audit trail, a chain of hashed entries for each tenant.

An entry records who did what, and when. Its digest covers its content and the digest
before it, so that an entry that was changed, removed or slipped in later breaks every
digest that follows.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime

from django.db.models import QuerySet

from portal.db import unit_of_work
from portal.models import AuditEntry

# The predecessor's digest in the first entry of a trail.
BEGINNING = bytes(32)

# The staff's own trail is locked like a tenant's; no tenant has this id.
_STAFF_TRAIL = 0

# After the name of one of the staff who sends a file for a customer.
FOR_CUSTOMER = " for the customer"

Detail = str | int | bool | None


def append(
    *,
    tenant_id: int | None,
    actor: str,
    act: str,
    subject: str,
    at: datetime,
    details: Mapping[str, Detail] | None = None,
) -> AuditEntry:
    """Add an entry in the running unit of work, together with the change itself."""
    unit_of_work.hold_tenant(_STAFF_TRAIL if tenant_id is None else tenant_id)
    last = trail(tenant_id).order_by("-number").first()
    entry = AuditEntry(
        tenant_id=tenant_id,
        number=last.number + 1 if last else 1,
        at=at,
        actor=actor[:200],
        act=act,
        subject=subject[:200],
        details=dict(details or {}),
        previous=bytes(last.digest) if last else BEGINNING,
    )
    entry.digest = digest_of(entry)
    entry.save(force_insert=True)
    return entry


def digest_of(entry: AuditEntry) -> bytes:
    """SHA-256 over the predecessor's digest and the entry as canonical JSON."""
    content = [
        entry.tenant_id,
        entry.number,
        # As it is read back: the database stores the moment, not the zone.
        entry.at.astimezone(UTC).isoformat(),
        entry.actor,
        entry.act,
        entry.subject,
        entry.details,
    ]
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(bytes(entry.previous) + text.encode()).digest()


def first_break(*, tenant_id: int | None) -> int | None:
    """Return the number of the first broken entry, None if the chain is whole."""
    previous = BEGINNING
    entries = trail(tenant_id).order_by("number")
    for number, entry in enumerate(entries.iterator(), start=1):
        if not is_intact(entry, number=number, previous=previous):
            return number
        previous = bytes(entry.digest)
    return None


def is_intact(entry: AuditEntry, *, number: int, previous: bytes) -> bool:
    """Return whether an entry has its number, its predecessor and its content."""
    return (
        entry.number == number
        and bytes(entry.previous) == previous
        and bytes(entry.digest) == digest_of(entry)
    )


def trail(tenant_id: int | None) -> QuerySet[AuditEntry]:
    """Return the entries of a tenant's trail, or with None those of the staff's own."""
    if tenant_id is None:
        return AuditEntry.objects.filter(tenant__isnull=True)
    return AuditEntry.objects.filter(tenant=tenant_id)
