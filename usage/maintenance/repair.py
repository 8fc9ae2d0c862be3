"""Repairs rows that do not agree with the stored bytes or with S3.

Each repair is a unit of work of the tenant, on condition that the row is still as it
was read, and is recorded in the tenant's audit trail.
"""

import logging
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.jobs import wakeup
from portal.jobs.queue import JobState
from usage.forwarding import queue as forward_queue
from usage.models import FileState, Forwarding, ReportFindings, UsageFile
from usage.storage import archive, content, store
from usage.storage.archive import Stored
from usage.storage.s3_client import BucketError

logger = logging.getLogger(__name__)

# An accepted file that nothing would have sent to S3.
ROW_MISSING = "row-missing"

# S3 confirmed it, and has it no more, or has another; sent again from here.
OBJECT_MISSING = "object-missing"
OBJECT_DIFFERS = "object-differs"


# Successive objects for which S3 fails; it would be the same for all others.
MOST_REFUSED = 20


class ArchiveInspector:
    """Compares one object of S3 after the other, past those for which S3 fails.

    Each of those is a finding, with the code of the store.
    """

    def __init__(self, found: ReportFindings) -> None:
        self._found = found
        self._refused = 0

    def inspect(self, row: Forwarding) -> Stored | None:
        """Return whose bytes are under a row's key; None if S3 refused or failed.

        Raises:
            BucketError: it could not be reached, or has refused one after the other.

        """
        try:
            stored = archive.compare(row.key, content.content_of(row.file))
        except BucketError as error:
            self._refused += 1
            if not error.has_answered or self._refused >= MOST_REFUSED:
                raise
            about, tenant = row.key, row.tenant.number
            self._found.note(
                error.code, about=about, tenant=tenant, file=str(row.file_id)
            )
            return None
        self._refused = 0
        return stored


def add_forwarding(tenant_id: int, file_id: UUID, *, by: str, at: datetime) -> bool:
    """Queue an accepted file without a forward row; False if it has one."""
    with unit_of_work.acting_for(tenant_id, holding=True):
        files = UsageFile.objects.select_related("tenant", "server")
        file = files.filter(pk=file_id, state=FileState.ACCEPTED, forwarding=None)
        found = file.first()
        if found is None:
            return False
        forward_queue.queue(found, found.tenant, at=at)
        _audit(found, ROW_MISSING, by=by, at=at)
    return True


def note_checked(row: Forwarding, *, at: datetime) -> None:
    """Record that S3 was read again and has what it should."""
    with unit_of_work.acting_for(row.tenant_id):
        _as_seen(row).update(checked_at=at)


def send_again(row: Forwarding, stored: Stored, *, by: str, at: datetime) -> str:
    """Revoke a file's confirmation, as S3 has something else or nothing.

    If its bytes are stored it waits to be sent once more; without them it is set aside
    for a person. Returns the code of what was found, empty if the row has changed
    since it was read.
    """
    is_foreign = stored == Stored.FOREIGN
    changes: dict[str, Any]
    if _has_bytes(row.file):
        code = OBJECT_DIFFERS if is_foreign else OBJECT_MISSING
        changes = {"state": JobState.WAITING, "due_at": at, "ended_at": None}
    else:
        code = forward_queue.FOREIGN_BYTES if is_foreign else forward_queue.OBJECT_LOST
        changes = {"state": JobState.FAILED, "ended_at": at}
    with unit_of_work.acting_for(row.tenant_id, holding=True):
        changes |= {"attempts": 0, "faults": 0, "checked_at": None}
        if not _as_seen(row).update(problem=code, **changes):
            return ""
        _audit(row.file, code, by=by, at=at)
        wakeup.wake_up("usage.forward")
    logger.critical("S3 under %s: %s", row.key, code)
    return code


def _has_bytes(file: UsageFile) -> bool:
    return bool(file.stored_as) and store.size_of(file.stored_as) == file.size


def _as_seen(row: Forwarding) -> QuerySet[Forwarding]:
    return Forwarding.objects.filter(
        pk=row.pk, state=JobState.DONE, ended_at=row.ended_at
    )


def _audit(file: UsageFile, code: str, *, by: str, at: datetime) -> None:
    audit_log.append(
        tenant_id=file.tenant_id,
        actor=by,
        act="forwarding-mended",
        subject=str(file.pk),
        details={"name": file.name, "found": code},
        at=at,
    )
