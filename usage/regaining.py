"""A file that S3 has lost, and the portal keeps no more, comes in once more.

It is *already here*, and would be let go again: these bytes are the only ones.
"""

from datetime import datetime
from uuid import UUID

from portal import access, audit, doorbell, work
from portal.work import State
from usage import store
from usage.models import FileState, Forwarding, UsageFile


def regain(
    spool: store.Spool, *, tenant_id: int, file_id: UUID, by: str, at: datetime
) -> bool:
    """Keep spooled bytes for a file that has none anywhere; False if it needs none.

    It goes to S3 again, and keeps its receipt with the time of the first one.

    Raises:
        Unavailable: the bytes could not be kept.

    """
    with access.acting_for(tenant_id, reading=True):
        if not _lost(file_id):
            return False
    # A crash right after they were removed can have left them under their old name.
    store.remove(store.name_of(tenant_id, file_id))
    stored_as = spool.keep(tenant_id=tenant_id, file_id=file_id)
    with access.acting_for(tenant_id, holding=True):
        row = _lost(file_id)
        if row is None:
            return False  # somebody else has brought them, under the same name
        files = UsageFile.objects.filter(pk=file_id)
        files.update(stored_as=stored_as, bytes_removed_at=None)
        work.retry(Forwarding, row.pk, at=at)
        audit.append(
            tenant_id=tenant_id,
            actor=by,
            act="bytes-regained",
            subject=str(file_id),
            details={"name": row.file.name, "was": row.problem},
            at=at,
        )
        doorbell.ring("usage.forward")
    return True


def _lost(file_id: UUID) -> Forwarding | None:
    rows = Forwarding.objects.select_related("file").filter(state=State.SET_ASIDE)
    return rows.filter(
        file=file_id,
        file__state=FileState.ACCEPTED,
        file__stored_as="",
        file__bytes_removed_at__isnull=False,
    ).first()
