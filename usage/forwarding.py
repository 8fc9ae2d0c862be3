"""Accepted files are sent on to S3, each once, and confirmed there."""

import logging
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from io import BytesIO

from django.conf import settings

from portal import access, failpoints, work
from portal.work import Claim
from usage import bucket, store
from usage.bucket import BucketError, Content, Stored
from usage.models import Forwarding

logger = logging.getLogger(__name__)

# How long one file may take before another worker begins it again: two tries of 25
# seconds without an answer, or 64 MB over a slow line. Doing it twice is harmless, the
# second put is refused.
_LEASE = timedelta(minutes=5)

# Under our key lies something that is not ours. It is never overwritten.
FOREIGN_BYTES = "foreign-bytes"


def forward_waiting(*, now: Callable[[], datetime]) -> bool:
    """Forward one file that is due; False if there is none, or the store is away.

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
        return _forward(claims[0], now=now)
    except Exception:
        # Whatever is wrong with one file must not keep the others waiting.
        logger.exception("Forwarding %s failed", claims[0].pk)
        with access.acting_for(claims[0].tenant_id):
            work.postpone(Forwarding, claims[0], problem="failed", at=now())
        return True


def _forward(claim: Claim, *, now: Callable[[], datetime]) -> bool:
    with access.acting_for(claim.tenant_id, reading=True):
        row = Forwarding.objects.select_related("file").get(pk=claim.pk)
    content = Content(row.file.size, b64encode(row.file.sha256).decode())
    try:
        with store.opened(row.file.stored_as) as data:
            stored = bucket.put(row.key, BytesIO(data), content)
            failpoints.reach("forward:put")
    except BucketError as error:
        logger.warning("S3 did not take %s: %s", row.key, error.code)
        with access.acting_for(claim.tenant_id):
            work.postpone(Forwarding, claim, problem=error.code, at=now())
        # Where nobody answers, the next file would only wait as long again.
        return error.has_answered
    with access.acting_for(claim.tenant_id):
        if stored == Stored.OURS:
            work.complete(Forwarding, claim, at=now())
            failpoints.reach("forward:marked")
        elif stored == Stored.FOREIGN:
            logger.error("Under %s lie other bytes than ours", row.key)
            work.set_aside(Forwarding, claim, problem=FOREIGN_BYTES, at=now())
        else:
            work.postpone(Forwarding, claim, problem="not-confirmed", at=now())
    failpoints.reach("forward:committed")
    return True
