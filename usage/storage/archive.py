"""Puts, compares, reads and lists objects of the archive.

Each function uses the bucket of the archive unless `bucket` names another one, such as
that of the store on S3 (`usage.storage.bucket`).
"""

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import IO, Any

from django.conf import settings

from usage.storage.s3_client import CUT_SHORT, BucketError, client, translate_errors

# Most objects on a page of a list; S3 returns no more.
PAGE = 1_000

# Bytes that are read at a time.
_CHUNK = 1 << 20

_PRECONDITION_FAILED, _NOT_FOUND = 412, 404


class Stored(StrEnum):
    """Result of comparing the object under a key with the expected content."""

    OURS = "ours"
    FOREIGN = "foreign"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Content:
    """Identity of content: its size in bytes, and its SHA-256 in base64."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ObjectHead:
    """Properties of an object; None for those that S3 does not return."""

    size: int
    sha256: str | None
    version: str | None
    modified_at: datetime | None


@dataclass(frozen=True, slots=True)
class Listed:
    """An object of a list; `size` is in bytes."""

    key: str
    size: int
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class ListPage:
    """Some objects of a prefix; `after` continues the list, None at its end."""

    objects: Sequence[Listed]
    after: str | None


def put(
    key: str,
    body: IO[bytes],
    content: Content,
    *,
    kept_until: datetime | None = None,
    bucket: str = "",
) -> Stored:
    """Put bytes under a new key, and confirm that they are stored.

    S3 verifies the checksum and refuses to replace an object. The result is that of
    comparing the object afterwards, because boto3 repeats a put whose answer was lost,
    and S3 refuses the second one.

    Args:
        key: the key of the object.
        body: the bytes, read from the current position.
        content: the size and hash of the bytes.
        kept_until: object lock: nobody can remove or replace the object before.
        bucket: a bucket other than that of the archive.

    Raises:
        BucketError: S3 refused, failed or could not be reached.

    """
    try:
        with translate_errors():
            client().put_object(
                Bucket=bucket or settings.S3["bucket"],
                Key=key,
                Body=body,
                ContentLength=content.size,
                ChecksumSHA256=content.sha256,
                IfNoneMatch="*",
                **_options(kept_until),
            )
    except BucketError as error:
        if error.status != _PRECONDITION_FAILED:
            raise
    return compare(key, content, bucket=bucket)


def compare(key: str, content: Content, *, bucket: str = "") -> Stored:
    """Compare the object under a key with the expected size and SHA-256.

    The result is `FOREIGN` only after the bytes were read: an answer whose headers were
    cut looks complete but lacks the checksum.

    Raises:
        BucketError: S3 refused, failed or could not be reached.

    """
    found = head(key, bucket=bucket)
    if found is None:
        return Stored.NOTHING
    if (found.size, found.sha256) == (content.size, content.sha256):
        return Stored.OURS
    return _read_and_compare(key, content, bucket)


def _read_and_compare(key: str, content: Content, bucket: str) -> Stored:
    digest, length = hashlib.sha256(), 0
    with translate_errors():
        answer = client().get_object(Bucket=bucket or settings.S3["bucket"], Key=key)
        for part in answer["Body"].iter_chunks(_CHUNK):
            digest.update(part)
            length += len(part)
            if length > content.size:
                return Stored.FOREIGN
    if length != answer.get("ContentLength"):
        raise BucketError(CUT_SHORT, has_answered=False)
    found = Content(length, b64encode(digest.digest()).decode())
    return Stored.OURS if found == content else Stored.FOREIGN


def head(key: str, *, bucket: str = "") -> ObjectHead | None:
    """Return the properties of an object, None if the object or bucket is missing.

    Raises:
        BucketError: S3 refused, failed or could not be reached.

    """
    try:
        with translate_errors():
            found = client().head_object(
                Bucket=bucket or settings.S3["bucket"],
                Key=key,
                ChecksumMode="ENABLED",
            )
    except BucketError as error:
        if error.status == _NOT_FOUND:
            return None
        raise
    if "ContentLength" not in found:
        raise BucketError(CUT_SHORT, has_answered=False)
    return ObjectHead(
        size=found["ContentLength"],
        sha256=found.get("ChecksumSHA256"),
        version=found.get("VersionId"),
        modified_at=found.get("LastModified"),
    )


def fetch(key: str, *, bucket: str = "") -> bytes:
    """Return all bytes under a key; their hash is not compared.

    Raises:
        BucketError: there is no object, or S3 refused, failed or was not reached.

    """
    with translate_errors():
        answer = client().get_object(Bucket=bucket or settings.S3["bucket"], Key=key)
        data = answer["Body"].read()
    # The client notices missing bytes only while the answer gives their number.
    if len(data) != answer.get("ContentLength"):
        raise BucketError(CUT_SHORT, has_answered=False)
    return data


def list_page(
    prefix: str, *, after: str | None = None, most: int = PAGE, bucket: str = ""
) -> ListPage:
    """List objects whose keys begin with a prefix, in the order of S3.

    Args:
        prefix: the prefix of the keys.
        after: `ListPage.after` of the page before; None for the first page.
        most: most objects on the page, at most `PAGE`.
        bucket: a bucket other than that of the archive.

    Raises:
        BucketError: S3 refused, failed or could not be reached.

    """
    going_on: dict[str, Any] = {"ContinuationToken": after} if after else {}
    with translate_errors():
        answer = client().list_objects_v2(
            Bucket=bucket or settings.S3["bucket"],
            Prefix=prefix,
            MaxKeys=most,
            **going_on,
        )
    if "IsTruncated" not in answer:
        raise BucketError(CUT_SHORT, has_answered=False)
    more = answer.get("NextContinuationToken")
    if answer["IsTruncated"] and not more:
        # A list with an unknown rest must not pass for all that is there.
        raise BucketError(CUT_SHORT, has_answered=False)
    there = answer.get("Contents", [])
    objects = [Listed(one["Key"], one["Size"], one["LastModified"]) for one in there]
    return ListPage(objects, more)


def remove(key: str, *, bucket: str = "") -> None:
    """Remove an object; an object that is gone already is no error.

    Only objects of a probe may be removed from the archive, never files.

    Raises:
        BucketError: S3 refused, failed or could not be reached.

    """
    with translate_errors():
        client().delete_object(Bucket=bucket or settings.S3["bucket"], Key=key)


def require_bucket(name: str) -> None:
    """Require that a bucket exists.

    Raises:
        BucketError: there is no bucket, or S3 refused, failed or was not reached.

    """
    with translate_errors():
        client().head_bucket(Bucket=name)


def prepare() -> bool:
    """Create the bucket if it is missing; return whether it was created.

    Raises:
        BucketError: S3 refused, failed or could not be reached.

    """
    name = settings.S3["bucket"]
    try:
        require_bucket(name)
    except BucketError as error:
        if error.status != _NOT_FOUND:
            raise
    else:
        return False
    # Objects can be locked only if the bucket was created with object lock.
    locks = bool(settings.S3_OBJECT_LOCK_DAYS)
    locking: dict[str, Any] = {"ObjectLockEnabledForBucket": True} if locks else {}
    with translate_errors():
        client().create_bucket(Bucket=name, **locking)
    return True


def _options(kept_until: datetime | None) -> dict[str, Any]:
    options = {
        "ServerSideEncryption": settings.S3["server_side_encryption"],
        "SSEKMSKeyId": settings.S3["kms_key_id"],
        "ObjectLockMode": kept_until and settings.S3["object_lock_mode"],
        "ObjectLockRetainUntilDate": kept_until,
    }
    return {name: value for name, value in options.items() if value}
