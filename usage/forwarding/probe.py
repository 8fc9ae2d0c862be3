"""Probes the archive at each start for the S3 features that forwarding needs."""

import hashlib
import logging
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime
from io import BytesIO
from uuid import uuid4

from django.conf import settings

from usage.models import Report, ReportFindings, reports
from usage.storage import archive
from usage.storage.archive import Content
from usage.storage.s3_client import BucketError

logger = logging.getLogger(__name__)

# It has only the probe's own objects, for a moment. No tenant has this number.
FOLDER = ".probe/"

# A put replaced an object that was there already.
CONDITION_IGNORED = "condition-ignored"

# Bytes that are not those of the checksum were taken.
CHECKSUM_IGNORED = "checksum-ignored"

# The store does not return the SHA-256 of an object: each is read to be confirmed.
CHECKSUM_MISSING = "checksum-missing"

# The bucket keeps no versions: a removed object is gone for good.
UNVERSIONED = "unversioned"

# The store takes objects and does not let the probe remove its own.
PROBE_LEFT = "probe-left"

# Only these two are no danger to stored objects.
_HARMLESS = frozenset({UNVERSIONED, PROBE_LEFT})


def probe(*, now: Callable[[], datetime]) -> Report:
    """Put tiny objects, compare what the store has then, and remove them again.

    A store that is away or refuses is no error here: the report records it. Begins and
    commits units of work of its own.
    """
    begun = reports.begin(reports.ReportKind.PROBE, at=now())
    found, problem = ReportFindings(), ""
    key = f"{settings.S3['prefix']}{FOLDER}{uuid4()}"
    try:
        _probe(key, found)
    except BucketError as error:
        problem = error.code
        logger.warning("The archive could not be probed: %s", error.code)
    for code in found.codes:
        if code not in _HARMLESS:
            logger.warning("The archive does not do what forwarding needs: %s", code)
    return reports.end(begun, found, at=now(), problem=problem)


def _probe(key: str, found: ReportFindings) -> None:
    first, second = b"first", b"second"
    wrong = f"{key}-wrong"
    try:
        archive.put(key, BytesIO(first), _content(first))
        head = archive.head(key)
        if head is None or head.sha256 != _content(first).sha256:
            found.note(CHECKSUM_MISSING, about=settings.S3["bucket"])
        if head is None or head.version is None:
            found.note(UNVERSIONED, about=settings.S3["bucket"])
        archive.put(key, BytesIO(second), _content(second))
        if archive.fetch(key) != first:
            found.note(CONDITION_IGNORED, about=settings.S3["bucket"])
        if _takes_wrong_bytes(wrong):
            found.note(CHECKSUM_IGNORED, about=settings.S3["bucket"])
    finally:
        _remove(key, found)
        _remove(wrong, found)
    found.count("asked", 4)


def _takes_wrong_bytes(key: str) -> bool:
    try:
        archive.put(key, BytesIO(b"these"), _content(b"those"))
    except BucketError as error:
        if not error.has_answered:
            raise
        return False
    return True


def _remove(key: str, found: ReportFindings) -> None:
    try:
        archive.remove(key)
    except BucketError as error:
        # Any other error is reported by the probe itself.
        if error.has_answered:
            found.note(PROBE_LEFT, about=key)


def _content(data: bytes) -> Content:
    return Content(len(data), b64encode(hashlib.sha256(data).digest()).decode())
