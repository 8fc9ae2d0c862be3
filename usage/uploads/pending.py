"""The queue of files to be judged: adds, counts tries, reopens and completes rows.

A row is added with its file, ended in the transaction that judges the file, and
reopened when something changes that the verdict depends on. All of it happens under
the tenant's lock, so that a row and its file cannot disagree.
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F, QuerySet

from portal.jobs import queue as job_queue
from portal.jobs import wakeup
from portal.jobs.queue import JobState
from usage.models import Settling, UsageFile

# A request judges its own file within this time, or has died.
_OWN_TRY = timedelta(minutes=2)


def add(file: UsageFile) -> None:
    """Queue a new file to be judged, in case its own request does not judge it.

    That request's try is charged, as if it had begun.
    """
    Settling.objects.create(
        tenant_id=file.tenant_id,
        file=file,
        due_at=file.received_at + _OWN_TRY,
        faults=1,
    )


def count_attempt(file_id: UUID) -> bool:
    """Charge a request's try in advance; False if the file may not be tried.

    It has been judged, or has used up its faults.
    """
    rows = Settling.objects.filter(file=file_id, state=JobState.WAITING)
    free = rows.filter(faults__lt=job_queue.MOST_FAULTS)
    return free.update(faults=F("faults") + 1) == 1


def uncount_attempt(file_id: UUID) -> None:
    """Take a charge back: what went wrong was ours."""
    rows = Settling.objects.filter(file=file_id, state=JobState.WAITING, faults__gt=0)
    rows.update(faults=F("faults") - 1)


def reopen(files: QuerySet[UsageFile], *, at: datetime) -> None:
    """Have files judged anew, as soon as this is committed."""
    rows = [
        Settling(tenant_id=tenant_id, file_id=file_id, due_at=at)
        for tenant_id, file_id in files.values_list("tenant_id", "pk")
    ]
    if not rows:
        return
    Settling.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["file"],
        update_fields=[
            *("state", "attempts", "faults", "due_at", "problem", "ended_at"),
            # A worker that has claimed it meanwhile judges by the former state.
            *("lease", "leased_until"),
        ],
    )
    wakeup.wake_up("usage.settle")


def end(file_id: UUID, *, at: datetime) -> None:
    """Take a judged file out of the queue, whoever has claimed it."""
    # Also where the job failed: somebody may have decided on the file meanwhile.
    rows = Settling.objects.filter(file=file_id).exclude(state=JobState.DONE)
    rows.update(
        state=JobState.DONE,
        ended_at=at,
        problem="",
        faults=0,
        lease=None,
        leased_until=None,
    )
