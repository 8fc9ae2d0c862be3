"""Fetches and judges each inbox object once, and leaves its verdict in the bucket.

Its row records how far it has come, so that the next worker continues after a crash:

1. the id that its file will have is drawn and committed;
2. the bytes are fetched and received, under this id if they are new;
3. the row names the file that has them; from here on nothing is fetched any more;
4. the verdict is left in the bucket, by the setting `INBOX_AFTER`;
5. the row is done.
"""

import logging
import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import OperationalError
from django.db.models import Q, QuerySet

from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.errors import Refused, Unavailable
from portal.health import failpoints
from portal.jobs import queue as job_queue
from portal.jobs import wakeup
from portal.jobs.queue import Claim, JobState
from usage.files import queries as file_queries
from usage.inbox import notices as inbox_notices
from usage.inbox import s3 as inbox_s3
from usage.inbox import verdict_files
from usage.inbox.s3 import GoneError
from usage.models import (
    INBOX_BAD,
    KEPT,
    FileState,
    How,
    InboxObject,
    InboxVerdict,
    UsageFile,
)
from usage.signals import file_changed
from usage.storage.s3_client import BucketError
from usage.uploads import judge, receive

logger = logging.getLogger(__name__)

# Sender of files that nobody has sent by hand.
SENT_BY = "automated upload"

# How long one object may take before another worker begins it again: the largest file
# over a slow line, and six requests to a store that answers late.
_LEASE = timedelta(minutes=10)

# An object that no worker can fetch. The others go on.
TAKING_FAILED = "taking-failed"

# The file is safe, and is still to be judged (`usage.uploads.judge_pending`).
_RECEIVED = "received"


def fetch_waiting(*, now: Callable[[], datetime], until: datetime) -> bool:
    """Fetch what is due, one object of each tenant in turn; False: the store is away.

    `now` is called for each object. What is not done by `until` is left to the next
    run.
    """
    while waiting := job_queue.tenants_waiting(InboxObject, at=now()):
        # It is not always the same tenant that is left for the next run.
        random.shuffle(waiting)
        for tenant_id in waiting:
            if now() >= until:
                return True
            claims = job_queue.claim(
                InboxObject, most=1, lease_for=_LEASE, at=now(), tenant_id=tenant_id
            )
            if claims and not _fetch(claims[0], now=now):
                return False
    return True


def _fetch(claim: Claim, *, now: Callable[[], datetime]) -> bool:
    failpoints.reach("inbox:claimed")
    try:
        _fetch_one(claim, now=now)
    except BucketError as error:
        logger.warning("An object was not taken (row %s): %s", claim.pk, error.code)
        _postpone(claim, problem=error.code, at=now())
        # Where the store does not answer, the next object would only wait as long.
        return error.has_answered
    except (Refused, Unavailable) as error:
        # Cut on its way, no room, or the tenant's lock is not to be had.
        logger.warning("An object has to wait (row %s): %s", claim.pk, error.code)
        _postpone(claim, problem=error.code, at=now())
    except OperationalError as error:
        logger.warning("An object has to wait (row %s): %s", claim.pk, error)
        _postpone(claim, problem="busy", at=now())
    except Exception:
        logger.exception("An object could not be taken (row %s)", claim.pk)
        with unit_of_work.acting_for(claim.tenant_id):
            job_queue.record_failure(
                InboxObject, claim, problem=TAKING_FAILED, at=now()
            )
    return True


def _fetch_one(claim: Claim, *, now: Callable[[], datetime]) -> None:
    row = _begin(claim, at=now())
    if row is None:
        return
    verdict, file = _verdict(claim, row, now=now)
    if verdict is None:
        _postpone(claim, problem=_RECEIVED, at=now())
        return
    if not _is_mine(claim):
        # Another worker has it by now, and may have left a newer verdict.
        return
    lies_at = verdict_files.write_verdict(row, verdict, file)
    failpoints.reach("inbox:told")
    _complete(claim, row, verdict, lies_at=lies_at, at=now())


def _begin(claim: Claim, *, at: datetime) -> InboxObject | None:
    """Charge the row, and draw its file's id; None if it may not be tried."""
    with unit_of_work.acting_for(claim.tenant_id):
        row = InboxObject.objects.select_related("tenant").get(pk=claim.pk)
        if not job_queue.begin(InboxObject, claim, problem=TAKING_FAILED, at=at):
            if claim.faults >= job_queue.MOST_FAULTS:
                logger.critical("An object of an inbox was set aside (%s)", row.key)
            return None
        if row.file_id is None and _was_fetched(row):
            # By a worker that did not get to record it.
            row.file_id, row.is_new = row.intended, True
        elif row.file_id is None:
            # Anew each time: bytes of an earlier try may lie under the id of that one.
            row.intended = uuid4()
            _mine(claim).update(intended=row.intended)
    return row


def _was_fetched(row: InboxObject) -> bool:
    if row.intended is None:
        return False
    return UsageFile.objects.filter(pk=row.intended).exists()


def _verdict(
    claim: Claim, row: InboxObject, *, now: Callable[[], datetime]
) -> tuple[InboxVerdict | None, UsageFile | None]:
    """Return the verdict on an object, None while its file is only received."""
    file_id = row.file_id
    if file_id is None:
        if row.size > settings.MAX_FILE_BYTES:
            return InboxVerdict.TOO_LARGE, None
        try:
            file_id, row.is_new = _receive(row, at=now())
        except GoneError:
            return InboxVerdict.GONE, None
    file = _link(claim, row, file_id)
    if file.state == FileState.RECEIVED:
        return None, file
    return InboxVerdict(file.state), file


def _receive(row: InboxObject, *, at: datetime) -> tuple[UUID, bool]:
    """Receive the bytes; return the file that has them, and whether it is new."""
    arrival = receive.IncomingFile(
        tenant_id=row.tenant_id,
        name=row.key.rpartition("/")[2],
        size=row.size,
        sha256=None,
        how=How.INBOX,
        sent_by=SENT_BY,
        # When the store had it, unless its clock is ahead of ours.
        received_at=min(row.modified_at, row.first_seen_at),
        file_id=row.intended or uuid4(),
    )
    file, is_new = judge.receive_and_judge(arrival, _chunks(row), at=at)
    failpoints.reach("inbox:received")
    return file.pk, is_new


def _chunks(row: InboxObject) -> Iterator[bytes]:
    yield from inbox_s3.fetch_chunks(settings.INBOX_BUCKET, row.key, etag=row.etag)
    failpoints.reach("inbox:fetched")


def _link(claim: Claim, row: InboxObject, file_id: UUID) -> UsageFile:
    """Link the row to its file, and read that as it is then.

    Under the tenant's lock: a transaction that accepts the file later finds the row.
    """
    with unit_of_work.acting_for(claim.tenant_id, holding=True):
        file = file_queries.with_timeline().filter(pk=file_id).first()
        if file is None:
            # Rejected, and its row was one too many already: it is judged afresh.
            raise Unavailable("busy")
        _mine(claim).update(file=file, is_new=row.is_new)
    row.file_id = file_id
    return file


def _complete(
    claim: Claim,
    row: InboxObject,
    verdict: InboxVerdict,
    *,
    lies_at: str,
    at: datetime,
) -> None:
    with unit_of_work.acting_for(claim.tenant_id, holding=True):
        if _mine(claim).update(verdict=verdict, lies_at=lies_at):
            if verdict in INBOX_BAD and verdict != row.verdict:
                inbox_notices.add(row, at=at)
            job_queue.complete(InboxObject, claim, at=at)
            _count_from(row, at=at)
        else:
            # Another worker was faster: this one may have overwritten a newer verdict.
            done = InboxObject.objects.filter(pk=claim.pk, state=JobState.DONE)
            _update_verdict(done.exclude(verdict=verdict), at=at)
    failpoints.reach("inbox:committed")


def _count_from(row: InboxObject, *, at: datetime) -> None:
    """Date a file that was also sent another way from when its object was here.

    With the verdict, so that the late check waits for the object until then.
    """
    if row.is_new or row.file_id is None:
        return
    kept = UsageFile.objects.filter(pk=row.file_id, state__in=KEPT)
    file = kept.select_related("tenant").first()
    lay_since = min(row.modified_at, row.first_seen_at)
    if file is not None and lay_since < file.came_at:
        file.here_since = lay_since
        file.save(update_fields=["here_since"])
        file_changed.send(sender=UsageFile, file=file, at=at)


def _mine(claim: Claim) -> Any:
    return InboxObject.objects.filter(
        pk=claim.pk, lease=claim.lease, state=JobState.WAITING
    )


def _is_mine(claim: Claim) -> bool:
    with unit_of_work.acting_for(claim.tenant_id, reading=True):
        return bool(_mine(claim).exists())


def _postpone(claim: Claim, *, problem: str, at: datetime) -> None:
    with unit_of_work.acting_for(claim.tenant_id):
        job_queue.postpone(InboxObject, claim, problem=problem, at=at)


def update_verdict(file: UsageFile) -> None:
    """Queue the verdict in the inbox to be rewritten once its file has another one.

    Also for a file that was sent another way first: the inbox has its bytes too.
    """
    if file.settled_at is None:
        return
    rows = InboxObject.objects.filter(file=file).exclude(state=JobState.FAILED)
    is_current = Q(state=JobState.DONE, verdict=file.state)
    _update_verdict(rows.exclude(is_current), at=file.settled_at)


def _update_verdict(rows: QuerySet[InboxObject], *, at: datetime) -> None:
    changed = rows.update(
        state=JobState.WAITING,
        due_at=at,
        attempts=0,
        faults=0,
        problem="",
        ended_at=None,
        # A worker that has claimed it meanwhile would write the former verdict.
        lease=None,
        leased_until=None,
    )
    if changed:
        wakeup.wake_up("usage.inbox")


def retry(tenant_id: int, object_id: int, *, by: str, at: datetime) -> bool:
    """Have a failed object fetched again; False if it had not failed."""
    with unit_of_work.acting_for(tenant_id, holding=True):
        row = InboxObject.objects.filter(pk=object_id).first()
        if row is None or not job_queue.retry(InboxObject, object_id, at=at):
            return False
        audit_log.append(
            tenant_id=tenant_id,
            actor=by,
            act="inbox-retried",
            subject=row.key,
            at=at,
        )
        wakeup.wake_up("usage.inbox")
    return True
