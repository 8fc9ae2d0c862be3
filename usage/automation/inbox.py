"""Presents the S3 inbox of a tenant: its settings, its state and the last files.

Customers see their own prefix, and never error codes or the address of the store.
"""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from portal.models import Tenant
from usage.automation.queries import InboxFacts
from usage.inbox import listing as inbox_listing
from usage.inbox.staff_presenters import ObjectRow, object_row, reason
from usage.inbox.verdict_files import MOVE, NOTE


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxSection:
    """The inbox as a page shows it; only staff see `problem`, why a list failed."""

    bucket: str
    prefix: str
    region: str
    ending: str
    most: int
    folders: list[str]
    writes_verdicts: bool
    moves: bool
    listed_at: datetime | None
    ignored: int
    is_failing: bool
    problem: str
    waiting: int
    objects: list[ObjectRow]


def inbox_section(tenant: Tenant, facts: InboxFacts) -> InboxSection:
    """Return the settings and the state of a tenant's inbox; inboxes must be on."""
    listing = facts.listing
    code = listing.problem if listing else ""
    return InboxSection(
        bucket=settings.INBOX_BUCKET,
        prefix=inbox_listing.prefix_of(tenant),
        region=settings.S3["region"],
        ending=inbox_listing.ENDING,
        most=settings.MAX_FILE_BYTES,
        folders=list(dict.fromkeys(inbox_listing.FOLDERS.values())),
        writes_verdicts=settings.INBOX_AFTER == NOTE,
        moves=settings.INBOX_AFTER == MOVE,
        listed_at=listing.listed_at if listing else None,
        ignored=listing.ignored if listing else 0,
        is_failing=bool(code),
        problem=str(reason(code)) if code else "",
        waiting=facts.waiting,
        objects=[object_row(one) for one in facts.last],
    )
