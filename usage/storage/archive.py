"""Puts, compares, reads and lists objects of the archive.

Each function uses the bucket of the archive unless it is given another: the store on S3
(`usage.storage.bucket`) gives its own.
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

# Objects that one page of a list has at most: S3 gives no more.
PAGE = 1_000

# Bytes that are held at once.
_CHUNK = 1 << 20

_PRECONDITION_FAILED, _NOT_FOUND = 412, 404


class Stored(StrEnum):
    """Result of comparing the object under a key with the expected content."""

    OURS = "ours"
    FOREIGN = "foreign"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Content:
    """Identity of bytes: their number and the base64 of their SHA-256."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ObjectHead:
    """Properties of an object; None where the store does not return one."""

    size: int
    sha256: str | None
    version: str | None
    modified_at: datetime | None


@dataclass(frozen=True, slots=True)
class Listed:
    """An object of a list: its key, its size in bytes, when it was put there."""

    key: str
    size: int
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class ListPage:
    """Some objects of a prefix; `after` asks for the next ones, None: all."""

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
    """Put bytes under a key that nobody has, and confirm that they are there.

    The store compares the checksum, and refuses to replace what is there; then the
    object is read, and that decides: a put whose answer was lost is tried again by
    boto3 and refused.

    Args:
        key: nobody's, or ours.
        body: the bytes, from where they are to be read on.
        content: what they are.
        kept_until: the store shall let nobody remove or replace the object before.
        bucket: another than that of the archive.

    Raises:
        BucketError: the store refused, failed or could not be reached.

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
    """Return whose bytes are under a key, by their size and SHA-256.

    Bytes are called foreign only once they were read: an answer that was cut within
    its headers looks whole, and lacks the checksum.

    Raises:
        BucketError: the store refused, failed or could not be reached.

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
    """Return the properties of an object, None if there is none, or no bucket.

    Raises:
        BucketError: the store refused, failed or could not be reached.

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
        BucketError: there is nothing, or the store refused, failed or was away.

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
    """List objects whose keys begin alike, in the store's own order.

    Args:
        prefix: what the keys begin with.
        after: what an earlier page of the same prefix gave; None begins.
        most: objects on the page, at most `PAGE`.
        bucket: another than that of the archive.

    Raises:
        BucketError: the store refused, failed or could not be reached.

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
    """Remove an object; that it is gone already is no fault.

    From the archive only what a probe has put there, never a file.

    Raises:
        BucketError: the store refused, failed or could not be reached.

    """
    with translate_errors():
        client().delete_object(Bucket=bucket or settings.S3["bucket"], Key=key)


def require_bucket(name: str) -> None:
    """Find out if there is a bucket of a name.

    Raises:
        BucketError: there is none, or the store refused, failed or was away.

    """
    with translate_errors():
        client().head_bucket(Bucket=name)


def prepare() -> bool:
    """Make the bucket if it is not there; True if it had to be made.

    Raises:
        BucketError: the store refused, failed or could not be reached.

    """
    name = settings.S3["bucket"]
    try:
        require_bucket(name)
    except BucketError as error:
        if error.status != _NOT_FOUND:
            raise
    else:
        return False
    # Objects can be locked only in a bucket that was made for it.
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
