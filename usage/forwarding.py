"""Accepted files are sent on to S3, each once, and confirmed there."""

import logging
from base64 import b64encode
from datetime import datetime, timedelta
from io import BytesIO

from portal import access, work
from portal.work import Claim
from usage import bucket, store
from usage.bucket import BucketError, Content, Stored
from usage.models import Forwarding

logger = logging.getLogger(__name__)

# Files that a worker claims at a time: few enough to be done within the lease.
_BATCH = 8

# How long a worker may take over a batch before another one begins it again: 8 files
# of 64 MB over a slow line. Doing it twice is harmless, the second put is refused.
_LEASE = timedelta(minutes=15)

# Under our key lies something that is not ours. It is never overwritten.
FOREIGN_BYTES = "foreign-bytes"


def forward_waiting(*, at: datetime) -> int:
    """Forward one batch of what is due; return how many files were claimed."""
    claims = work.claim(Forwarding, most=_BATCH, lease_for=_LEASE, at=at)
    for claim in claims:
        try:
            _forward(claim, at=at)
        except Exception:
            # Whatever is wrong with one file must not keep the others waiting.
            logger.exception("Forwarding %s failed", claim.pk)
            with access.acting_for(claim.tenant_id):
                work.postpone(Forwarding, claim, problem="failed", at=at)
    return len(claims)


def _forward(claim: Claim, *, at: datetime) -> None:
    with access.acting_for(claim.tenant_id, reading=True):
        row = Forwarding.objects.select_related("file").get(pk=claim.pk)
    content = Content(row.file.size, b64encode(row.file.sha256).decode())
    try:
        with store.opened(row.file.stored_as) as data:
            stored = bucket.put(row.key, BytesIO(data), content)
    except BucketError as error:
        logger.warning("S3 did not take %s: %s", row.key, error.code)
        with access.acting_for(claim.tenant_id):
            work.postpone(Forwarding, claim, problem=error.code, at=at)
        return
    with access.acting_for(claim.tenant_id):
        if stored == Stored.OURS:
            work.complete(Forwarding, claim, at=at)
        elif stored == Stored.FOREIGN:
            logger.error("Under %s lie other bytes than ours", row.key)
            work.set_aside(Forwarding, claim, problem=FOREIGN_BYTES, at=at)
        else:
            work.postpone(Forwarding, claim, problem="not-confirmed", at=at)
