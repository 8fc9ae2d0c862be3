"""Accepted files are sent on to S3, each once, and confirmed there."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from io import BytesIO

from django.conf import settings

from portal import access, failpoints, work
from portal.work import Claim
from usage import bucket, contents, store
from usage.bucket import BucketError, Stored
from usage.models import Forwarding
from usage.outbox import FOREIGN_BYTES, OBJECT_LOST

logger = logging.getLogger(__name__)

# How long one file may take before another worker begins it again: put, asked for and
# read, two tries of 25 seconds each, or 64 MB over a slow line. Doing it twice is
# harmless, the second put is refused.
_LEASE = timedelta(minutes=6)

# S3 took the bytes, and does not have them when it is asked.
NOT_CONFIRMED = "not-confirmed"

# The portal's own store does not give the bytes: they are not there, or it is away.
BYTES_MISSING = "bytes-missing"
STORE_AWAY = "store-away"

# What a store says no to for one file, it says to all: who comes in, which bucket,
# whose clock, and how much at a time. Some answers have a status and no word.
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
    """Forward one file that is due; False if there is none, or no other one would go.

    `now` is asked again after the put: a wait begins, and a file is confirmed, when
    the store has answered.
    """
    if not settings.FORWARDING:
        return False
    claims = work.claim(Forwarding, most=1, lease_for=_LEASE, at=now())
    if not claims:
        return False
    failpoints.reach("forward:claimed")
    try:
        _forward(claims[0], now=now)
    except BucketError as error:
        logger.warning("S3 did not take a file (%s): %s", claims[0].pk, error.code)
        _postpone(claims[0], problem=error.code, at=now())
        return not is_of_all(error)
    except FileNotFoundError:
        logger.critical("The bytes of a file are not there (row %s)", claims[0].pk)
        _postpone(claims[0], problem=BYTES_MISSING, at=now())
    except OSError:
        logger.exception("The bytes of a file could not be read (%s)", claims[0].pk)
        _postpone(claims[0], problem=STORE_AWAY, at=now())
    except Exception:
        # Whatever is wrong with one file must not keep the others waiting.
        logger.exception("Forwarding %s failed", claims[0].pk)
        _postpone(claims[0], problem="failed", at=now())
    return True


def is_of_all(error: BucketError) -> bool:
    """Say whether what is wrong is wrong for every file, as far as one can tell.

    Nobody has to be asked again for the next one then, only to wait as long or to be
    told the same.
    """
    return not error.has_answered or error.code in _OF_ALL


def _forward(claim: Claim, *, now: Callable[[], datetime]) -> None:
    with access.acting_for(claim.tenant_id, reading=True):
        row = Forwarding.objects.select_related("file").get(pk=claim.pk)
    content = contents.content_of(row.file)
    missing = NOT_CONFIRMED
    if row.file.bytes_removed_at is None:
        with store.opened(row.file.stored_as) as data:
            body = BytesIO(data)
            stored = bucket.put(row.key, body, content, kept_until=_kept_until(now))
            failpoints.reach("forward:put")
    else:
        # The archive had the only copy, and was found without it. Somebody may have
        # brought it back.
        stored, missing = bucket.compare(row.key, content), OBJECT_LOST
    with access.acting_for(claim.tenant_id):
        if stored == Stored.OURS:
            work.complete(Forwarding, claim, at=now())
            failpoints.reach("forward:marked")
        elif stored == Stored.FOREIGN:
            logger.critical("Under %s lie other bytes than ours", row.key)
            work.set_aside(Forwarding, claim, problem=FOREIGN_BYTES, at=now())
        elif missing == OBJECT_LOST:
            work.set_aside(Forwarding, claim, problem=OBJECT_LOST, at=now())
        else:
            work.postpone(Forwarding, claim, problem=NOT_CONFIRMED, at=now())
    failpoints.reach("forward:committed")


def _kept_until(now: Callable[[], datetime]) -> datetime | None:
    days: int = settings.S3_OBJECT_LOCK_DAYS
    return now() + timedelta(days=days) if days else None


def _postpone(claim: Claim, *, problem: str, at: datetime) -> None:
    with access.acting_for(claim.tenant_id):
        work.postpone(Forwarding, claim, problem=problem, at=at)
