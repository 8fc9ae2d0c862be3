"""Adds, corrects and withdraws notes of the staff about a tenant.

All texts of a note are recorded in the staff's audit trail, not in the tenant's, which
may be shown to the tenant.
"""

from dataclasses import dataclass
from datetime import datetime

from billing.models import StaffNote
from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.errors import Refused
from portal.models import Tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteAuthor:
    """The author of a note: the id of a staff member, and the name to store."""

    user_id: int
    name: str


def write_note(
    tenant: Tenant, *, text: str, author: NoteAuthor, at: datetime
) -> StaffNote:
    """Add a note about a tenant."""
    with unit_of_work.acting_for(unit_of_work.STAFF):
        note = StaffNote.objects.create(
            tenant=tenant,
            author_id=author.user_id,
            written_by=author.name[:200],
            written_at=at,
            text=text,
        )
        _audit(note, "note-written", tenant=tenant, author=author, at=at)
    return note


def correct_note(
    tenant: Tenant, note_id: int, *, text: str, author: NoteAuthor, at: datetime
) -> None:
    """Replace the text of one's own note.

    Raises:
        Refused: there is no such note of this author, or it is withdrawn.

    """
    with unit_of_work.acting_for(unit_of_work.STAFF):
        note = own_note(tenant, note_id, author=author)
        if note.text == text:
            return
        note.text, note.corrected_at = text, at
        note.save(update_fields=["text", "corrected_at"])
        _audit(note, "note-corrected", tenant=tenant, author=author, at=at)


def withdraw_note(
    tenant: Tenant, note_id: int, *, author: NoteAuthor, at: datetime
) -> None:
    """Withdraw one's own note: its text is no longer shown.

    Raises:
        Refused: there is no such note of this author, or it is withdrawn already.

    """
    with unit_of_work.acting_for(unit_of_work.STAFF):
        note = own_note(tenant, note_id, author=author)
        note.text, note.withdrawn_at = "", at
        note.save(update_fields=["text", "withdrawn_at"])
        _audit(note, "note-withdrawn", tenant=tenant, author=author, at=at)


def own_note(tenant: Tenant, note_id: int, *, author: NoteAuthor) -> StaffNote:
    """Return a note that its author may change, locked, in a unit of work of the staff.

    Raises:
        Refused: there is no such note of this author.

    """
    note = (
        StaffNote.objects.select_for_update()
        .filter(pk=note_id, tenant=tenant, author=author.user_id, withdrawn_at=None)
        .first()
    )
    if note is None:
        raise Refused("not-found")
    return note


def _audit(
    note: StaffNote, act: str, *, tenant: Tenant, author: NoteAuthor, at: datetime
) -> None:
    audit_log.append(
        tenant_id=None,
        actor=author.name,
        act=act,
        subject=tenant.number,
        details={"note": note.pk, "text": note.text},
        at=at,
    )
