"""Uploads a usage directory to a tenant's inbox, as servers do by themselves."""

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from portal.models import Tenant
from usage.inbox import listing as inbox_listing
from usage.inbox import s3 as inbox_s3
from usage.storage.archive import Content


@dataclass(frozen=True, slots=True)
class Delivered:
    """One file and its key; `is_new` False: the key was taken already."""

    path: Path
    key: str
    is_new: bool


def deliver(directory: Path, tenant: Tenant) -> Iterator[Delivered]:
    """Put each usage file into the tenant's inbox, the oldest names first.

    Nothing is replaced in the inbox and nothing is deleted from the directory, so that
    this can be done again every day.

    Raises:
        BucketError: the store refused, failed or could not be reached.
        OSError: the directory cannot be read.

    """
    for path in sorted(directory.iterdir()):
        if path.suffix.lower() != inbox_listing.ENDING or not path.is_file():
            continue
        key = f"{inbox_listing.prefix_of(tenant)}{path.name}"
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
            size = file.tell()
            file.seek(0)
            content = Content(size, b64encode(digest).decode())
            is_new = inbox_s3.put_new(settings.INBOX_BUCKET, key, file, content)
        yield Delivered(path, key, is_new)
