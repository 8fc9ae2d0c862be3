"""Judges files that have no verdict yet, or that are to be judged anew."""

import logging
from datetime import datetime, timedelta

from django.db import OperationalError

from portal.db import unit_of_work
from portal.health import failpoints
from portal.jobs import queue as job_queue
from portal.jobs.queue import Claim
from usage.models import Settling
from usage.uploads import judge
from usage.uploads.read_file import ReaderFailedError

logger = logging.getLogger(__name__)

# Files that a worker claims at a time. Each can wait its full time for a lock that is
# held, and all of them together have to be done within the lease.
_BATCH = 16

# How long a worker may take over a batch before another one begins it again: as long
# as the task may live. Doing it twice is harmless.
_LEASE = timedelta(minutes=5)

# A file that the reader does not survive. It stays received, and staff are notified.
READER_FAILED = "reader-failed"


def judge_pending(*, at: datetime) -> int:
    """Judge one batch of files that are due; return how many were claimed."""
    claims = job_queue.claim(Settling, most=_BATCH, lease_for=_LEASE, at=at)
    if claims:
        failpoints.reach("sweep:claimed")
    busy: set[int] = set()
    for claim in claims:
        if claim.tenant_id in busy:
            _postpone(claim, problem="busy", at=at)
            continue
        try:
            _judge(claim, at=at)
        except OperationalError as error:
            # The tenant's lock is not to be had: waiting for it again for each of the
            # tenant's files would keep those of the others waiting.
            logger.warning("Settling %s has to wait: %s", claim.pk, error)
            busy.add(claim.tenant_id)
            _postpone(claim, problem="busy", at=at)
        except ReaderFailedError as error:
            _charge(claim, error, at=at)
        except Exception as error:
            # The trace is logged once; the error must not keep the others waiting.
            is_first = claim.attempts == 1
            logger.error(  # noqa: TRY400 - the trace at the first attempt only
                "A file could not be settled (row %s, attempt %s): %r",
                *(claim.pk, claim.attempts, error),
                exc_info=is_first,
            )
            _postpone(claim, problem="failed", at=at)
    return len(claims)


def _judge(claim: Claim, *, at: datetime) -> None:
    with unit_of_work.acting_for(claim.tenant_id):
        row = Settling.objects.filter(pk=claim.pk).first()
        if row is None:
            return  # rejected by its request meanwhile, and its row was one too many
        if not job_queue.begin(Settling, claim, problem=READER_FAILED, at=at):
            if claim.faults >= job_queue.MOST_FAULTS:
                _notify(claim)
            return
    judge.judge_file(claim.tenant_id, row.file_id, at=at)


def _charge(claim: Claim, error: ReaderFailedError, *, at: datetime) -> None:
    logger.error("The reader failed (row %s)", claim.pk, exc_info=error)
    with unit_of_work.acting_for(claim.tenant_id):
        if job_queue.record_failure(Settling, claim, problem=READER_FAILED, at=at):
            _notify(claim)


def _notify(claim: Claim) -> None:
    logger.critical("A file was set aside: the reader does not survive it (%s)", claim)


def _postpone(claim: Claim, *, problem: str, at: datetime) -> None:
    with unit_of_work.acting_for(claim.tenant_id):
        job_queue.postpone(Settling, claim, problem=problem, at=at)
