"""The S3 edge: the only module that speaks to a bucket."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import IO, TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

# Seconds. A store that does not answer must not keep a worker for long: the row
# stays, and is tried again.
_CONNECT_TIMEOUT = 5
_READ_TIMEOUT = 20

# Tries inside boto3, for one lost answer; longer troubles are the row's affair.
_ATTEMPTS = 2

_PRECONDITION_FAILED = 412
_NOT_FOUND = 404


class Stored(StrEnum):
    """What a bucket has under a key, compared with what ought to be there."""

    OURS = "ours"
    FOREIGN = "foreign"
    NOTHING = "nothing"


class BucketError(Exception):
    """The store did not do what was asked; `code` says why, in its own word.

    `has_answered` False: it could not be reached, or said nothing in time.
    """

    def __init__(self, code: str, *, has_answered: bool) -> None:
        super().__init__(code)
        self.code = code[:60]
        self.has_answered = has_answered


@dataclass(frozen=True, slots=True)
class Content:
    """What bytes are: their number and the base64 of their SHA-256."""

    size: int
    sha256: str


def put(key: str, body: IO[bytes], content: Content) -> Stored:
    """Put bytes under a key that nobody has, and confirm that they are there.

    The store compares the checksum with what arrives, and refuses to replace what is
    there; then it is asked what it has. A put whose answer was lost is tried again
    by boto3 and refused, our own bytes being there: so the question decides.

    Raises:
        BucketError: the store refused, failed or could not be reached.

    """
    try:
        _client().put_object(
            Bucket=settings.S3["bucket"],
            Key=key,
            Body=body,
            ContentLength=content.size,
            ChecksumSHA256=content.sha256,
            IfNoneMatch="*",
        )
    except ClientError as error:
        if _status(error) != _PRECONDITION_FAILED:
            raise _told(error) from error
    except BotoCoreError as error:
        raise _told(error) from error
    return compare(key, content)


def compare(key: str, content: Content) -> Stored:
    """Say whose bytes lie under a key, by their size and SHA-256.

    Raises:
        BucketError: the store refused, failed or could not be reached.

    """
    try:
        found = _client().head_object(
            Bucket=settings.S3["bucket"], Key=key, ChecksumMode="ENABLED"
        )
    except ClientError as error:
        if _status(error) == _NOT_FOUND:
            return Stored.NOTHING
        raise _told(error) from error
    except BotoCoreError as error:
        raise _told(error) from error
    is_ours = (
        found["ContentLength"] == content.size
        and found.get("ChecksumSHA256") == content.sha256
    )
    return Stored.OURS if is_ours else Stored.FOREIGN


def fetch(key: str) -> bytes:
    """Return the bytes under a key; for whoever compares them with the originals."""
    try:
        answer = _client().get_object(Bucket=settings.S3["bucket"], Key=key)
        return answer["Body"].read()
    except (ClientError, BotoCoreError) as error:
        raise _told(error) from error


def prepare() -> bool:
    """Make the bucket if it is not there; True if it had to be made."""
    name = settings.S3["bucket"]
    try:
        _client().head_bucket(Bucket=name)
    except ClientError as error:
        if _status(error) != _NOT_FOUND:
            raise _told(error) from error
    except BotoCoreError as error:
        raise _told(error) from error
    else:
        return False
    try:
        _client().create_bucket(Bucket=name)
    except (ClientError, BotoCoreError) as error:
        raise _told(error) from error
    return True


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


def _status(error: ClientError) -> int:
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)


def _told(error: ClientError | BotoCoreError) -> BucketError:
    if isinstance(error, ClientError):
        code = error.response.get("Error", {}).get("Code", "unknown")
        return BucketError(code, has_answered=True)
    return BucketError(type(error).__name__, has_answered=False)
