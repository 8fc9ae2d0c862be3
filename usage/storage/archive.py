"""S3 client of the archive; only `usage.inbox.s3` calls S3 besides it."""

import hashlib
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import IO, TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from django.conf import settings

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

# Seconds. A store that does not answer must not keep a worker for long.
_CONNECT_TIMEOUT, _READ_TIMEOUT = 5, 20

# Tries inside boto3, for one lost answer; after longer failures the job is postponed.
_ATTEMPTS = 2

# Objects that one page of a list has at most: S3 gives no more.
PAGE = 1_000

# Bytes that are held at once; and the code of an answer that ended too soon.
_CHUNK = 1 << 20
CUT_SHORT = "IncompleteAnswer"

_PRECONDITION_FAILED, _NOT_FOUND = 412, 404


class Stored(StrEnum):
    """Result of comparing the object under a key with the expected content."""

    OURS = "ours"
    FOREIGN = "foreign"
    NOTHING = "nothing"


class BucketError(Exception):
    """The store did not do what was requested; `code` is its own code for why.

    `has_answered` False: not reached, or nothing in time. `status`: HTTP's, or 0.
    """

    def __init__(self, code: str, *, has_answered: bool, status: int = 0) -> None:
        super().__init__(code)
        self.code = code[:60]
        self.has_answered = has_answered
        self.status = status


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
    key: str, body: IO[bytes], content: Content, *, kept_until: datetime | None = None
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

    Raises:
        BucketError: the store refused, failed or could not be reached.

    """
    try:
        with _translate_errors():
            _client().put_object(
                Bucket=settings.S3["bucket"],
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
    return compare(key, content)


def compare(key: str, content: Content) -> Stored:
    """Return whose bytes are under a key, by their size and SHA-256.

    Bytes are called foreign only once they were read: an answer that was cut within
    its headers looks whole, and lacks the checksum.

    Raises:
        BucketError: the store refused, failed or could not be reached.

    """
    found = head(key)
    if found is None:
        return Stored.NOTHING
    if (found.size, found.sha256) == (content.size, content.sha256):
        return Stored.OURS
    return _read_and_compare(key, content)


def _read_and_compare(key: str, content: Content) -> Stored:
    digest, length = hashlib.sha256(), 0
    with _translate_errors():
        answer = _client().get_object(Bucket=settings.S3["bucket"], Key=key)
        for part in answer["Body"].iter_chunks(_CHUNK):
            digest.update(part)
            length += len(part)
            if length > content.size:
                return Stored.FOREIGN
    if length != answer.get("ContentLength"):
        raise BucketError(CUT_SHORT, has_answered=False)
    found = Content(length, b64encode(digest.digest()).decode())
    return Stored.OURS if found == content else Stored.FOREIGN


def head(key: str) -> ObjectHead | None:
    """Return size, hash and version of an object, None if there is none.

    Raises:
        BucketError: the store refused, failed or could not be reached.

    """
    try:
        with _translate_errors():
            found = _client().head_object(
                Bucket=settings.S3["bucket"], Key=key, ChecksumMode="ENABLED"
            )
    except BucketError as error:
        if error.status == _NOT_FOUND:
            return None
        raise
    if "ContentLength" not in found:
        raise BucketError(CUT_SHORT, has_answered=False)
    size, sha256 = found["ContentLength"], found.get("ChecksumSHA256")
    return ObjectHead(size=size, sha256=sha256, version=found.get("VersionId"))


def fetch(key: str) -> bytes:
    """Return the bytes under a key, unchecked.

    Raises:
        BucketError: there is nothing, or the store refused, failed or was away.

    """
    with _translate_errors():
        answer = _client().get_object(Bucket=settings.S3["bucket"], Key=key)
        return answer["Body"].read()


def list_page(prefix: str, *, after: str | None = None, most: int = PAGE) -> ListPage:
    """List objects whose keys begin alike, in the store's own order.

    Args:
        prefix: what the keys begin with.
        after: what an earlier page of the same prefix gave; None begins.
        most: objects on the page, at most `PAGE`.

    Raises:
        BucketError: the store refused, failed or could not be reached.

    """
    going_on: dict[str, Any] = {"ContinuationToken": after} if after else {}
    with _translate_errors():
        answer = _client().list_objects_v2(
            Bucket=settings.S3["bucket"], Prefix=prefix, MaxKeys=most, **going_on
        )
    if "IsTruncated" not in answer:
        raise BucketError(CUT_SHORT, has_answered=False)
    there = answer.get("Contents", [])
    objects = [Listed(one["Key"], one["Size"], one["LastModified"]) for one in there]
    return ListPage(objects, answer.get("NextContinuationToken"))


def remove(key: str) -> None:
    """Remove an object of the portal's making, never a file; gone is no fault.

    Raises:
        BucketError: the store refused, failed or could not be reached.

    """
    with _translate_errors():
        _client().delete_object(Bucket=settings.S3["bucket"], Key=key)


def prepare() -> bool:
    """Make the bucket if it is not there; True if it had to be made.

    Raises:
        BucketError: the store refused, failed or could not be reached.

    """
    name = settings.S3["bucket"]
    try:
        with _translate_errors():
            _client().head_bucket(Bucket=name)
    except BucketError as error:
        if error.status != _NOT_FOUND:
            raise
    else:
        return False
    # Objects can be locked only in a bucket that was made for it.
    locks = bool(settings.S3_OBJECT_LOCK_DAYS)
    locking: dict[str, Any] = {"ObjectLockEnabledForBucket": True} if locks else {}
    with _translate_errors():
        _client().create_bucket(Bucket=name, **locking)
    return True


def _options(kept_until: datetime | None) -> dict[str, Any]:
    options = {
        "ServerSideEncryption": settings.S3["server_side_encryption"],
        "SSEKMSKeyId": settings.S3["kms_key_id"],
        "ObjectLockMode": kept_until and settings.S3["object_lock_mode"],
        "ObjectLockRetainUntilDate": kept_until,
    }
    return {name: value for name, value in options.items() if value}


@cache
def _client() -> "S3Client":
    return boto3.client(
        "s3",
        region_name=settings.S3["region"],
        # Empty means Amazon's own address, and the machine's own identity.
        endpoint_url=settings.S3["endpoint_url"] or None,
        aws_access_key_id=settings.S3["access_key_id"] or None,
        aws_secret_access_key=settings.S3["secret_access_key"] or None,
        config=Config(
            signature_version="s3v4",
            connect_timeout=_CONNECT_TIMEOUT,
            read_timeout=_READ_TIMEOUT,
            retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
        ),
    )


@contextmanager
def _translate_errors() -> Iterator[None]:
    """Raise one kind of error for the many of the client."""
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "unknown")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        raise BucketError(code, has_answered=True, status=status) from error
    except BotoCoreError as error:
        # Its wrapping for whatever else was raised while it was sending: not the
        # store's doing, and raised as what it is.
        if type(error) is HTTPClientError:
            raise error.kwargs["error"] from error
        raise BucketError(type(error).__name__, has_answered=False) from error


# For the client of the inbox, which calls the same store in the same way.
client, translate_errors = _client, _translate_errors
