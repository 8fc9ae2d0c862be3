"""S3 client of the inbox: lists, fetches, moves and writes objects.

Servers write there whatever and whenever they like, so each object is fetched with its
ETag: an object that was replaced meanwhile is another one.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import IO, TYPE_CHECKING

from usage.storage.archive import Content
from usage.storage.s3_client import CUT_SHORT, BucketError, client, translate_errors

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import HeadObjectOutputTypeDef

_PRECONDITION_FAILED = 412
_NOT_FOUND = 404

# Bytes that are read at a time.
_CHUNK = 1024 * 1024

# Metadata of the portal's copies: the ETag of the object that was copied.
_COPY_OF = "portal-copy-of"

# Statuses with which the store answers a request for an object that is not there.
_GONE = frozenset({_NOT_FOUND, _PRECONDITION_FAILED})

# An answer with the same status: there is no such bucket.
_NO_BUCKET = "NoSuchBucket"


class GoneError(Exception):
    """The object is not there any more, or another one is in its place."""


@dataclass(frozen=True, slots=True)
class ListedObject:
    """An object of a listing: `etag` as the store writes it, `size` in bytes."""

    key: str
    etag: str
    size: int
    modified_at: datetime


def list_page(
    bucket: str, prefix: str, *, after: str, most: int
) -> tuple[list[ListedObject], bool]:
    """List objects in the order of their keys, from behind `after` on.

    The bool says whether there are more.

    Raises:
        BucketError: the store refused, failed or could not be reached.

    """
    with translate_errors():
        page = client().list_objects_v2(
            Bucket=bucket, Prefix=prefix, StartAfter=after, MaxKeys=most
        )
    # An answer that was cut within its headers looks whole, and empty.
    if "IsTruncated" not in page:
        raise BucketError(CUT_SHORT, has_answered=False)
    found = [
        ListedObject(one["Key"], one["ETag"], one["Size"], one["LastModified"])
        for one in page.get("Contents", [])
    ]
    return found, page["IsTruncated"]


def fetch_chunks(bucket: str, key: str, *, etag: str) -> Iterator[bytes]:
    """Yield an object's bytes; those after the last one that came may be missing.

    Raises:
        GoneError: see there.
        BucketError: the store refused, failed or fell silent.

    """
    with _gone_or_error():
        body = client().get_object(Bucket=bucket, Key=key, IfMatch=etag)["Body"]
        with closing(body):
            yield from body.iter_chunks(_CHUNK)


def put_note(bucket: str, key: str, data: bytes, *, content_type: str) -> None:
    """Put a few bytes of ours under a key, whatever was there.

    Raises:
        BucketError: the store refused, failed or could not be reached.

    """
    with translate_errors():
        client().put_object(Bucket=bucket, Key=key, Body=data, ContentType=content_type)


def put_new(bucket: str, key: str, body: IO[bytes], content: Content) -> bool:
    """Put bytes under a key that nobody has; False if there is something already.

    Raises:
        BucketError: the store refused, failed or could not be reached.

    """
    try:
        with translate_errors():
            client().put_object(
                Bucket=bucket,
                Key=key,
                Body=body,
                ContentLength=content.size,
                ChecksumSHA256=content.sha256,
                IfNoneMatch="*",
            )
    except BucketError as error:
        if error.status == _PRECONDITION_FAILED:
            return False
        raise
    return True


def is_there(bucket: str, key: str, *, etag: str, size: int) -> bool | None:
    """Return whether a key has this object, or our copy; None if it has nothing.

    Raises:
        BucketError: the store refused, failed or could not be reached.

    """
    found = _look(bucket, key)
    return found and _is_it(found, etag=etag, size=size)


def move(bucket: str, key: str, *, etag: str, size: int, to: str) -> None:
    """Copy an object within its bucket, and remove it once the copy is there.

    What was uploaded in parts has another ETag as a copy, so the copy names in its
    metadata what it is a copy of. An object that is our copy is moved on as it is.

    Raises:
        GoneError: see there; nothing is removed.
        BucketError: the store refused, failed or could not be reached, or what it has
            now is not a copy.

    """
    s3 = client()
    found = _look(bucket, key)
    if not found or not _is_it(found, etag=etag, size=size):
        raise GoneError
    with _gone_or_error():
        s3.copy_object(
            Bucket=bucket,
            Key=to,
            CopySource={"Bucket": bucket, "Key": key},
            CopySourceIfMatch=found["ETag"],
            MetadataDirective="REPLACE",
            Metadata={_COPY_OF: _bare(etag)},
        )
        if not is_there(bucket, to, etag=etag, size=size):
            raise BucketError("copy-differs", has_answered=True)
        # Also where a store does not know the condition: it is compared just before.
        if is_there(bucket, key, etag=etag, size=size):
            s3.delete_object(Bucket=bucket, Key=key, IfMatch=found["ETag"])


def _look(bucket: str, key: str) -> "HeadObjectOutputTypeDef | None":
    try:
        with translate_errors():
            found = client().head_object(Bucket=bucket, Key=key)
    except BucketError as error:
        if error.status == _NOT_FOUND:
            return None
        raise
    if not {"ETag", "ContentLength"} <= found.keys():
        raise BucketError(CUT_SHORT, has_answered=False)
    return found


def _is_it(found: "HeadObjectOutputTypeDef", *, etag: str, size: int) -> bool:
    is_copy = found["Metadata"].get(_COPY_OF) == _bare(etag)
    return (found["ETag"] == etag or is_copy) and found["ContentLength"] == size


def _bare(etag: str) -> str:
    return etag.strip('"')


def prepare(bucket: str) -> bool:
    """Make the bucket if it is not there; True if it had to be made.

    Raises:
        BucketError: the store refused, failed or could not be reached.

    """
    with translate_errors():
        there = client().list_buckets().get("Buckets", [])
        if bucket in [one.get("Name") for one in there]:
            return False
        client().create_bucket(Bucket=bucket)
    return True


@contextmanager
def _gone_or_error() -> Iterator[None]:
    try:
        with translate_errors():
            yield
    except BucketError as error:
        # A bucket that is not there is no object that has gone.
        if error.status in _GONE and error.code != _NO_BUCKET:
            raise GoneError from error
        raise
