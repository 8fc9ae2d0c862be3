"""Loads the security events of a kind, in the order in which they were recorded."""

from typing import Any

from portal.db import unit_of_work
from portal.models import EventKind, SecurityEvent


def events(kind: EventKind) -> list[dict[str, Any]]:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        found = SecurityEvent.objects.filter(kind=kind).order_by("pk")
        return [dict(one) for one in found.values()]
