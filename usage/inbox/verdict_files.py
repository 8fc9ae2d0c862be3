"""Writes a verdict into the inbox: a JSON beside the object, or a move.

By the setting `INBOX_AFTER`: nothing (`leave`), a small JSON beside the object
(`verdict`), or the object itself, moved to the folder of its verdict (`move`).
"""

import json
from typing import Any

from django.conf import settings

from portal.errors import Refused, error_document
from usage.files.schemas import Verdict as Answer
from usage.files.schemas import file_out
from usage.inbox import listing as inbox_listing
from usage.inbox import s3 as inbox_s3
from usage.inbox.s3 import GoneError
from usage.models import KEPT, InboxObject, InboxVerdict, UsageFile

# What can be done with an object once its verdict is known.
LEAVE, NOTE, MOVE = "leave", "verdict", "move"
WAYS = (LEAVE, NOTE, MOVE)

# S3's limit for a key. Beside an object whose name is nearly that long is no room.
_KEY_BYTES = 1_024

# Of an ETag, to tell two objects of one name apart.
_DIGITS = 12


def write_verdict(
    row: InboxObject, verdict: InboxVerdict, file: UsageFile | None
) -> str:
    """Leave a verdict in the inbox; return the key that the object was moved to, or "".

    Done twice, it leaves the same.

    Raises:
        BucketError: the store refused, failed or could not be reached.

    """
    if verdict == InboxVerdict.GONE:
        return ""
    if settings.INBOX_AFTER == MOVE:
        return _move(row, inbox_listing.FOLDERS[verdict])
    if settings.INBOX_AFTER == NOTE:
        _put_note(row, verdict, file)
    # Moved before the setting was changed, it stays there.
    return row.lies_at


def _put_note(row: InboxObject, verdict: InboxVerdict, file: UsageFile | None) -> None:
    key = f"{row.key}{inbox_listing.NOTE}"
    if len(key.encode()) > _KEY_BYTES:
        return
    data = json.dumps(verdict_document(row, verdict, file), indent=2).encode()
    inbox_s3.put_note(settings.INBOX_BUCKET, key, data, content_type="application/json")


def verdict_document(
    row: InboxObject, verdict: InboxVerdict, file: UsageFile | None
) -> dict[str, Any]:
    """Return the JSON of a verdict: as the API answers, and which object it was."""
    is_here = file is not None and file.state in KEPT and not row.is_new
    document: dict[str, Any] = {
        "verdict": Answer.ALREADY_HERE if is_here else verdict,
        "object": {
            "key": row.key,
            "etag": row.etag,
            "size": row.size,
            "modified_at": row.modified_at.isoformat(),
        },
        "file": file_out(file).model_dump(mode="json") if file else None,
    }
    if verdict == InboxVerdict.TOO_LARGE:
        _, body = error_document(
            Refused("file-too-large", limit=settings.MAX_FILE_BYTES)
        )
        document["problem"] = body
    return document


def _move(row: InboxObject, folder: str) -> str:
    bucket, etag, size = settings.INBOX_BUCKET, row.etag, row.size
    place = row.lies_at or row.key
    target = _target(row, folder)
    if target == place:
        return place
    try:
        inbox_s3.move(bucket, place, etag=etag, size=size, to=target)
    except GoneError:
        # Somebody has removed it, or a worker has moved it without recording it.
        is_there = inbox_s3.is_there(bucket, target, etag=etag, size=size)
        return target if is_there else row.lies_at
    return target


def _target(row: InboxObject, folder: str) -> str:
    """Return a key that is free, or has this object: nothing is ever overwritten."""
    prefix = inbox_listing.prefix_of(row.tenant)
    plain = f"{prefix}{folder}{row.key.removeprefix(prefix)}"
    is_there = inbox_s3.is_there(
        settings.INBOX_BUCKET, plain, etag=row.etag, size=row.size
    )
    if is_there in (None, True):
        return plain
    digits = row.etag.strip('"')[:_DIGITS]
    return f"{plain[: -len(inbox_listing.ENDING)]}-{digits}{inbox_listing.ENDING}"
