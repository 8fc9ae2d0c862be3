"""Checks a part of an audit trail: what follows a position that is known to be good.

To check a whole trail takes seconds, so the check is done in parts, each from the
position that the one before has reached. A part begins with the entry of its position,
so that a trail whose end was cut off, or rewritten from an earlier entry on, is found.
"""

from dataclasses import dataclass

from portal.audit import log as audit_log
from portal.models import AuditEntry

# Entries that are checked by one statement, in about a tenth of a second.
BATCH = 2_000


@dataclass(frozen=True, slots=True)
class Position:
    """An entry of a trail by its number and digest; number 0 is the beginning."""

    number: int = 0
    digest: bytes = audit_log.BEGINNING


@dataclass(frozen=True, slots=True)
class CheckedPart:
    """The last entry that was found unbroken, and the first broken one, if any was.

    `is_end`: the trail has no entry after `reached`.
    """

    reached: Position
    broken: int | None
    is_end: bool


def check_part(
    tenant_id: int | None, after: Position, *, most: int = BATCH
) -> CheckedPart:
    """Check at most `most` entries that follow a position; one query.

    In the running unit of work, of the tenant or of the staff.
    """
    rows = audit_log.trail(tenant_id).filter(number__gte=after.number)
    # With the entry of the position, and one more, to see whether it is the end.
    entries = list(rows.order_by("number")[: most + 1 + (after.number > 0)])
    if after.number and not (entries and _is_position(entries.pop(0), after)):
        return CheckedPart(after, broken=after.number, is_end=False)
    reached = after
    for entry in entries[:most]:
        number = reached.number + 1
        if not audit_log.is_intact(entry, number=number, previous=reached.digest):
            return CheckedPart(reached, broken=number, is_end=False)
        reached = Position(number, bytes(entry.digest))
    return CheckedPart(reached, broken=None, is_end=len(entries) <= most)


def _is_position(entry: AuditEntry, position: Position) -> bool:
    """Return whether an entry is still the one that was checked."""
    return (
        entry.number == position.number
        and bytes(entry.digest) == position.digest
        and audit_log.digest_of(entry) == position.digest
    )
