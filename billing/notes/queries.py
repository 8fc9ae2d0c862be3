"""Queries for the notes about tenants, in a unit of work of the staff."""

from collections.abc import Collection

from django.db.models import QuerySet

from billing.models import StaffNote


def notes_of(tenant_id: int) -> QuerySet[StaffNote]:
    """Return all notes about a tenant, the newest first, withdrawn ones too."""
    return StaffNote.objects.filter(tenant=tenant_id).order_by("-written_at", "-pk")


def standing_notes() -> QuerySet[StaffNote]:
    """Return the notes about all tenants that are not withdrawn, newest first."""
    found = StaffNote.objects.filter(withdrawn_at=None)
    return found.order_by("-written_at", "-pk")


def last_notes(tenants: Collection[int]) -> dict[int, StaffNote]:
    """Return the newest note about each of some tenants that has one; one query."""
    found = standing_notes().filter(tenant__in=tenants)
    newest = found.order_by("tenant", "-written_at", "-pk").distinct("tenant")
    return {note.tenant_id: note for note in newest}
