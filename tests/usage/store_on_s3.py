"""Puts the store of a test on the real S3 server, alone or beside the folder."""

from typing import Any
from uuid import uuid4

from usage.inbox import s3 as inbox_s3
from usage.storage.bucket import BucketStore


def bucket_configuration(worker_id: str) -> dict[str, Any]:
    """Return a store in a part of a bucket that nobody else uses; make the bucket."""
    name = f"store-{worker_id}"
    inbox_s3.prepare(name)
    options = {
        "bucket_name": name,
        "location": uuid4().hex,
    }
    return {"BACKEND": "usage.storage.bucket.BucketStore", "OPTIONS": options}


def use_store(settings: Any, configuration: dict[str, Any]) -> None:
    settings.STORAGES = {**settings.STORAGES, "usage": configuration}


def use_both(
    settings: Any, *, current: dict[str, Any], fallback: dict[str, Any]
) -> None:
    """Let files move from one store to the other."""
    options = {"current": current, "fallback": fallback}
    moving = {"BACKEND": "usage.storage.moving.MovingStore", "OPTIONS": options}
    use_store(settings, moving)


def stored_on_s3(storage: BucketStore) -> dict[str, bytes]:
    """Everything in a store on S3, leftovers too, by name."""
    found = {}
    for one in storage.listed():
        with storage.open(one.key) as file:
            found[one.key] = file.read()
    return found
