"""Removes local bytes a long time after the archive confirmed them."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import OperationalError

from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.health import failpoints
from portal.jobs.queue import JobState
from usage.maintenance import repair
from usage.models import FileState, Forwarding, ReportFindings, UsageFile
from usage.storage import store
from usage.storage.archive import Stored

logger = logging.getLogger(__name__)

# Files whose bytes one run removes; the next run goes on. Each costs a request to S3.
MOST = 10_000

# Rows that are read at a time.
_ROWS = 500

_ACTOR = "retention"


def remove_old_bytes(found: ReportFindings, *, now: Callable[[], datetime]) -> None:
    """Remove the bytes of files that were confirmed long enough ago.

    Right before, the object in S3 is compared once more, by size and SHA-256. A file
    that S3 does not have is sent again instead.

    Raises:
        BucketError: S3 could not be reached, or answers for none; nothing more goes.
        OSError: the store is away; nothing more goes.

    """
    days: int = settings.KEEP_BYTES_DAYS
    if not days or not settings.FORWARDING:
        return
    inspector = repair.ArchiveInspector(found)
    due = _due(before=now() - timedelta(days=days))
    for start in range(0, len(due), _ROWS):
        with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
            rows = Forwarding.objects.select_related("file", "tenant")
            page = list(rows.filter(pk__in=due[start : start + _ROWS]))
        for row in page:
            stored = inspector.inspect(row)
            if stored is not None:
                _remove(row, stored, found, now=now)


def _due(*, before: datetime) -> list[int]:
    """Return the rows of files that were confirmed before an instant."""
    rows = Forwarding.objects.filter(
        state=JobState.DONE,
        ended_at__lt=before,
        file__state=FileState.ACCEPTED,
        # No file is confirmed before it is accepted: so an index answers.
        file__settled_at__lt=before,
    ).exclude(file__stored_as="")
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        return list(
            rows.order_by("file__settled_at").values_list("pk", flat=True)[:MOST]
        )


def _remove(
    row: Forwarding,
    stored: Stored,
    found: ReportFindings,
    *,
    now: Callable[[], datetime],
) -> None:
    file, number = row.file, row.tenant.number
    try:
        if stored != Stored.OURS:
            code = repair.send_again(row, stored, by=_ACTOR, at=now())
            if code:
                found.note(code, about=row.key, tenant=number, file=str(file.pk))
        elif _release_bytes(row, at=now()):
            failpoints.reach("retain:committed")
            # The row came first: bytes that a crash leaves, `orphans` removes.
            store.remove(file.stored_as)
            found.count("bytes-removed")
    except OperationalError:
        found.count("left for the next run")  # the tenant's lock is not to be had


def _release_bytes(row: Forwarding, *, at: datetime) -> bool:
    """Record that the archive alone has the bytes from now on."""
    file = row.file
    with unit_of_work.acting_for(file.tenant_id, holding=True):
        confirmed = Forwarding.objects.filter(
            pk=row.pk, state=JobState.DONE, ended_at=row.ended_at
        )
        files = UsageFile.objects.filter(
            pk=file.pk, state=FileState.ACCEPTED, stored_as=file.stored_as
        )
        if not confirmed.update(checked_at=at):
            return False
        if not files.update(stored_as="", bytes_removed_at=at):
            return False
        audit_log.append(
            tenant_id=file.tenant_id,
            actor=_ACTOR,
            act="bytes-removed",
            subject=str(file.pk),
            details={"name": file.name, "sha256": bytes(file.sha256).hex()},
            at=at,
        )
    return True
