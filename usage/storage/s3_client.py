"""The S3 client of the archive, the store on S3 and the inbox.

Only this module imports boto3, so that time-outs, retries and errors are the same
everywhere.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from django.conf import settings

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

# Seconds. An S3 that does not answer must not hold a worker for long.
_CONNECT_TIMEOUT, _READ_TIMEOUT = 5, 20

# Tries inside boto3, for one lost answer; after longer failures the job is postponed.
_ATTEMPTS = 2

# Seconds for a readiness check, which must not wait long.
_QUICK_TIMEOUT = 2

# The code of an answer that ended too soon.
CUT_SHORT = "IncompleteAnswer"


class BucketError(Exception):
    """S3 did not do what was requested; `code` is S3's code for the reason.

    `has_answered` is False if S3 was not reached or did not answer in time. `status` is
    the HTTP status, or 0.
    """

    def __init__(self, code: str, *, has_answered: bool, status: int = 0) -> None:
        super().__init__(code)
        self.code = code[:60]
        self.has_answered = has_answered
        self.status = status


@cache
def client() -> "S3Client":
    return _make_client(client_config())


def _make_client(config: Config) -> "S3Client":
    return boto3.client(
        "s3",
        region_name=settings.S3["region"],
        # Empty means Amazon's own address, and the machine's own identity.
        endpoint_url=settings.S3["endpoint_url"] or None,
        aws_access_key_id=settings.S3["access_key_id"] or None,
        aws_secret_access_key=settings.S3["secret_access_key"] or None,
        config=config,
    )


@cache
def _quick_client() -> "S3Client":
    return _make_client(
        client_config().merge(
            Config(
                connect_timeout=_QUICK_TIMEOUT,
                read_timeout=_QUICK_TIMEOUT,
                retries={"total_max_attempts": 1},
            )
        )
    )


# A client's connections must not be shared with a process that was forked from its own.
os.register_at_fork(after_in_child=client.cache_clear)
os.register_at_fork(after_in_child=_quick_client.cache_clear)


def is_answering(bucket: str) -> bool:
    """Return whether S3 answers within seconds and has the bucket."""
    try:
        with translate_errors():
            _quick_client().head_bucket(Bucket=bucket)
    except BucketError:
        return False
    return True


def client_config() -> Config:
    return Config(
        signature_version="s3v4",
        connect_timeout=_CONNECT_TIMEOUT,
        read_timeout=_READ_TIMEOUT,
        retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
    )


@contextmanager
def translate_errors() -> Iterator[None]:
    """Raise BucketError for each kind of error of the client."""
    try:
        yield
    except ClientError as error:
        # The code is None if the answer has no error document of S3.
        code = error.response.get("Error", {}).get("Code") or "unknown"
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        raise BucketError(code, has_answered=True, status=status) from error
    except BotoCoreError as error:
        # The client wraps errors of our own code that were raised while it was
        # sending, such as in reading the body. They are raised unwrapped.
        if type(error) is HTTPClientError:
            raise error.kwargs["error"] from error
        raise BucketError(type(error).__name__, has_answered=False) from error
