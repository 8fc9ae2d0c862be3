"""Forwards accepted files to S3, each once, and confirms them there."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from io import BytesIO

from django.conf import settings

from portal.db import unit_of_work
from portal.health import failpoints
from portal.jobs import queue as job_queue
from portal.jobs.queue import Claim
from usage.forwarding.queue import FOREIGN_BYTES, OBJECT_LOST
from usage.models import Forwarding
from usage.storage import archive, store
from usage.storage import content as storage_content
from usage.storage.archive import Stored
from usage.storage.content import BytesDifferError
from usage.storage.s3_client import BucketError

logger = logging.getLogger(__name__)

# How long one file may take before another worker begins it again: put, head and
# read, two tries of 25 seconds each, or 64 MB over a slow line. Doing it twice is
# harmless, the second put is refused.
_LEASE = timedelta(minutes=6)

# S3 took the bytes, and does not have them when it is read.
NOT_CONFIRMED = "not-confirmed"

# Refusals that hold for all files as a rule: of credentials, bucket, clock, or request
# rate. Some answers have a status and no code.
_OF_ALL = frozenset(
    {
        *("AccessDenied", "AccountProblem", "AllAccessDisabled", "InvalidAccessKeyId"),
        *("InvalidToken", "ExpiredToken", "SignatureDoesNotMatch", "NotSignedUp"),
        *(
            "AuthorizationHeaderMalformed",
            "InvalidClientTokenId",
            "TokenRefreshRequired",
        ),
        *("NoSuchBucket", "PermanentRedirect", "IllegalLocationConstraintException"),
        *("RequestTimeTooSkewed", "RequestExpired"),
        *("SlowDown", "ServiceUnavailable", "Throttling", "TooManyRequestsException"),
        *("KMS.DisabledException", "KMS.NotFoundException"),
        *("KMS.AccessDeniedException", "KMS.ThrottlingException"),
        *("301", "400", "401", "403", "429", "503"),
    }
)


def forward_waiting(*, now: Callable[[], datetime]) -> bool:
    """Forward one file that is due; False if there is none, or S3 takes no other.

    Where S3 refuses as it would for every file, a file of another tenant is tried too:
    the refusal may be of some keys alone, as by a policy of the bucket. `now` is called
    again after the put: a wait begins, and a file is confirmed, when the store has
    answered.
    """
    if not settings.FORWARDING:
        return False
    claim = _claim(at=now())
    error = claim and _try(claim, now=now)
    if claim and error and error.has_answered and is_of_all(error):
        claim = _claim(at=now(), other_than=claim.tenant_id)
        error = claim and _try(claim, now=now)
    return claim is not None and not (error and is_of_all(error))


def _claim(*, at: datetime, other_than: int | None = None) -> Claim | None:
    claims = job_queue.claim(
        Forwarding, most=1, lease_for=_LEASE, at=at, other_than=other_than
    )
    return claims[0] if claims else None


def _try(claim: Claim, *, now: Callable[[], datetime]) -> BucketError | None:
    """Forward one file, or record why not; return the error of S3, if any."""
    failpoints.reach("forward:claimed")
    try:
        _forward(claim, now=now)
    except BucketError as error:
        logger.warning("S3 did not take a file (%s): %s", claim.pk, error.code)
        _postpone(claim, problem=error.code, at=now())
        return error
    except FileNotFoundError:
        logger.critical("The bytes of a file are not there (row %s)", claim.pk)
        _postpone(claim, problem=store.BYTES_MISSING, at=now())
    except BytesDifferError:
        logger.critical("The bytes of a file are damaged (row %s)", claim.pk)
        with unit_of_work.acting_for(claim.tenant_id):
            job_queue.mark_failed(
                Forwarding, claim, problem=store.BYTES_DIFFER, at=now()
            )
    except OSError:
        logger.exception("The bytes of a file could not be read (%s)", claim.pk)
        _postpone(claim, problem=store.STORE_AWAY, at=now())
    except Exception:
        # An error of one file must not keep the others waiting.
        logger.exception("Forwarding %s failed", claim.pk)
        _postpone(claim, problem="failed", at=now())
    return None


def is_of_all(error: BucketError) -> bool:
    """Return whether an error is one for every file, as far as one can tell.

    S3 need not be called for the next file then: it would take as long, or answer the
    same.
    """
    return not error.has_answered or error.code in _OF_ALL


def _forward(claim: Claim, *, now: Callable[[], datetime]) -> None:
    with unit_of_work.acting_for(claim.tenant_id, reading=True):
        row = Forwarding.objects.select_related("file").get(pk=claim.pk)
    content = storage_content.content_of(row.file)
    missing = NOT_CONFIRMED
    if row.file.bytes_removed_at is None:
        with storage_content.opened(row.file, is_checked=True) as data:
            body = BytesIO(data)
            stored = archive.put(row.key, body, content, kept_until=_kept_until(now))
            failpoints.reach("forward:put")
    else:
        # The archive had the only copy, and was found without it. Somebody may have
        # brought it back.
        stored, missing = archive.compare(row.key, content), OBJECT_LOST
    with unit_of_work.acting_for(claim.tenant_id):
        if stored == Stored.OURS:
            job_queue.complete(Forwarding, claim, at=now())
            failpoints.reach("forward:marked")
        elif stored == Stored.FOREIGN:
            logger.critical("Under %s lie other bytes than ours", row.key)
            job_queue.mark_failed(Forwarding, claim, problem=FOREIGN_BYTES, at=now())
        elif missing == OBJECT_LOST:
            job_queue.mark_failed(Forwarding, claim, problem=OBJECT_LOST, at=now())
        else:
            job_queue.postpone(Forwarding, claim, problem=NOT_CONFIRMED, at=now())
    failpoints.reach("forward:committed")


def _kept_until(now: Callable[[], datetime]) -> datetime | None:
    days: int = settings.S3_OBJECT_LOCK_DAYS
    return now() + timedelta(days=days) if days else None


def _postpone(claim: Claim, *, problem: str, at: datetime) -> None:
    with unit_of_work.acting_for(claim.tenant_id):
        job_queue.postpone(Forwarding, claim, problem=problem, at=at)
