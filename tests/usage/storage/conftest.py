"""The store of these tests is on S3, behind a proxy that plays faults where asked."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from botocore.retries.standard import ExponentialBackoff
from django.core.files.storage import storages

from tests.faults.faulty_s3 import FaultyS3, run_faulty_s3
from tests.usage.store_on_s3 import bucket_configuration, use_store
from usage.storage import archive, s3_client
from usage.storage.bucket import BucketStore

# Seconds that a request may take here.
TIMEOUT = 0.3


@pytest.fixture
def bucket(db: None, settings: Any, worker_id: str) -> BucketStore:
    """The store, on S3."""
    settings.S3 = {**settings.S3, "prefix": f"{uuid4().hex}/"}
    archive.prepare()
    use_store(settings, bucket_configuration(worker_id))
    storage = storages["usage"]
    assert isinstance(storage, BucketStore)
    return storage


@pytest.fixture
def proxy(
    bucket: BucketStore, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FaultyS3]:
    """Have the portal speak to S3 through the proxy, with little patience."""
    monkeypatch.setattr(s3_client, "_READ_TIMEOUT", TIMEOUT)
    # boto3 waits up to a second before it tries again; nothing here is about that.
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda *_: 0.01)
    with run_faulty_s3(settings.S3["endpoint_url"]) as running:
        settings.S3 = {**settings.S3, "endpoint_url": running.address}
        _forget_clients()
        yield running
    _forget_clients()


def _forget_clients() -> None:
    s3_client.client.cache_clear()
    s3_client._quick_client.cache_clear()
