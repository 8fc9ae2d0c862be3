"""Restores the lost bytes of a known file from a repeated upload.

The hash is known, so the upload would be discarded as a duplicate; but these are the
only surviving bytes.
"""

import logging
from datetime import datetime
from uuid import UUID

from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.errors import Unavailable
from portal.health import failpoints
from portal.jobs import queue as job_queue
from portal.jobs import wakeup
from usage.files import queries as file_queries
from usage.models import FileState, Forwarding, UsageFile
from usage.storage import store
from usage.storage.spool import Spool, stored_name

logger = logging.getLogger(__name__)


def restore(
    spool: Spool, *, tenant_id: int, file_id: UUID, by: str, at: datetime
) -> bool:
    """Keep spooled bytes for a file that has none anywhere; False if it needs none.

    The file keeps its receipt with the time of the first upload. If it is accepted and
    its forwarding failed, it is sent to S3 again; a job that still waits needs nothing.

    Raises:
        Unavailable: the bytes could not be kept.

    """
    with unit_of_work.acting_for(tenant_id, reading=True):
        if _lost(file_id) is None:
            return False
    # The lock comes before the bytes: another request may be keeping the same bytes
    # under the same name.
    with unit_of_work.acting_for(tenant_id, holding=True):
        file = _lost(file_id)
        if file is None:
            return False  # somebody else has brought them
        # Damaged ones; or a crash right after they were removed has left them.
        _remove(stored_name(tenant_id, file_id))
        failpoints.reach("regain:removed")
        stored_as = spool.keep(tenant_id=tenant_id, file_id=file_id)
        failpoints.reach("regain:kept")
        files = UsageFile.objects.filter(pk=file_id)
        files.update(stored_as=stored_as, bytes_removed_at=None)
        row: Forwarding | None = getattr(file, "forwarding", None)
        if row is not None and file.state == FileState.ACCEPTED:
            job_queue.retry(Forwarding, row.pk, at=at)
            wakeup.wake_up("usage.forward")
        audit_log.append(
            tenant_id=tenant_id,
            actor=by,
            act="bytes-regained",
            subject=str(file_id),
            details={"name": file.name, "was": row.problem if row else ""},
            at=at,
        )
    return True


def _remove(name: str) -> None:
    try:
        store.remove(name)
    except OSError as error:
        logger.exception("Bytes in the place of lost ones could not be removed")
        raise Unavailable("storage-broken") from error


def _lost(file_id: UUID) -> UsageFile | None:
    file = file_queries.with_timeline().filter(pk=file_id).first()
    return file if file is not None and file_queries.has_no_bytes(file) else None
