"""Inboxes of one test in the real S3: puts objects there and runs the inbox task."""

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.conf import settings as configured

from portal.db import unit_of_work
from tests.builders import NOW, Company
from usage.inbox import fetch as inbox_fetch
from usage.inbox import listing as inbox_listing
from usage.inbox import s3 as inbox_s3
from usage.models import InboxListing, InboxObject
from usage.storage import archive


def open_inboxes(settings: Any) -> None:
    """Switch inboxes on; objects of other tests lie in the same bucket."""
    settings.INBOX_BUCKET = settings.S3["bucket"]
    settings.INBOX_PREFIX = f"in-{uuid4().hex}/"
    archive.prepare()


def put(company: Company, name: str, data: bytes) -> str:
    key = f"{configured.INBOX_PREFIX}{company.number}/{name}"
    inbox_s3.put_note(
        configured.INBOX_BUCKET, key, data, content_type="application/octet-stream"
    )
    return key


def run_inbox_task(at: datetime = NOW) -> bool:
    """Run what the inbox task runs, at a fixed time."""
    until = at + timedelta(seconds=1)
    return inbox_listing.list_waiting(now=lambda: at, until=until) and (
        inbox_fetch.fetch_waiting(now=lambda: at, until=until)
    )


def objects(company: Company) -> list[InboxObject]:
    with unit_of_work.acting_for(company.id, reading=True):
        rows = InboxObject.objects.select_related("file", "file__server", "notice")
        return list(rows.order_by("key", "pk"))


def listing(company: Company) -> InboxListing:
    with unit_of_work.acting_for(company.id, reading=True):
        return InboxListing.objects.get()


def keys(company: Company) -> list[str]:
    """Return the keys in the tenant's inbox, without the prefix."""
    prefix = f"{configured.INBOX_PREFIX}{company.number}/"
    found, _ = inbox_s3.list_page(configured.INBOX_BUCKET, prefix, after="", most=1_000)
    return sorted(one.key.removeprefix(prefix) for one in found)


def verdict_file(key: str) -> Any:
    """Return the verdict file beside an object."""
    data = inbox_s3.fetch_chunks(
        configured.INBOX_BUCKET, f"{key}{inbox_listing.NOTE}", etag="*"
    )
    return json.loads(b"".join(data))


def bucket_bytes(company: Company, name: str) -> bytes:
    key = f"{configured.INBOX_PREFIX}{company.number}/{name}"
    chunks = inbox_s3.fetch_chunks(configured.INBOX_BUCKET, key, etag="*")
    return b"".join(chunks)
