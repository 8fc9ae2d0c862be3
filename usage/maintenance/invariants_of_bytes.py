"""Invariants of stored bytes, in the local store and in S3.

Bytes are read outside of any unit of work. A file that then looks wrong is read
again: it may have been judged, or its bytes removed, while they were read.
"""

import hashlib
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import islice
from uuid import UUID

from portal.db import unit_of_work
from portal.health.invariants import (
    CheckCost,
    Finding,
    Findings,
    Invariant,
    InvariantScope,
)
from portal.jobs.queue import JobState
from usage.models import KEPT, FileState, Forwarding, ServerKey, UsageFile
from usage.storage import archive, store
from usage.storage.archive import Content, Stored
from usage.storage.s3_client import BucketError
from usage.uploads import read_file
from usage.usg import Severity

# Rows that are fetched at a time.
_BATCH = 500

# Bytes come before their row. So long after, the request that brought them is over.
_STRAY_AFTER = timedelta(hours=1)

_PIECE = 1024 * 1024

# Columns that judging copies from a file's header.
_FROM_HEADER = ("signer", "series", "sequence", "previous", "opened_at", "closed_at")


def _files(scope: InvariantScope, *states: str) -> Iterator[UsageFile]:
    """Yield a tenant's files in batches, each read in a unit of work of its own."""
    after = UUID(int=0)
    while True:
        with scope.reading():
            files = UsageFile.objects.filter(state__in=states, pk__gt=after)
            found = files.select_related("tenant", "forwarding").order_by("pk")
            batch = list(found[:_BATCH])
        if not batch:
            return
        yield from batch
        after = batch[-1].pk


def _wrong(
    scope: InvariantScope, file: UsageFile, judge: Callable[[UsageFile], str]
) -> Findings:
    """Yield what is wrong with a file, if that is still so when it is read again."""
    if not judge(file):
        return
    with scope.reading():
        files = UsageFile.objects.select_related("tenant", "forwarding")
        again = files.filter(pk=file.pk, state=file.state).first()
    if again is not None and (text := judge(again)):
        yield Finding(f"{again.name} ({again.pk}, {again.state})", text)


def _bytes_are_kept(scope: InvariantScope) -> Findings:
    for file in _files(scope, *KEPT):
        yield from _wrong(scope, file, _wrong_bytes)


def _wrong_bytes(file: UsageFile) -> str:
    if not file.stored_as:
        return "" if _is_confirmed(file) else "has no bytes here, and none in S3"
    digest = hashlib.sha256()
    try:
        with store.opened(file.stored_as) as data:
            size = len(data)
            for start in range(0, size, _PIECE):
                digest.update(data[start : start + _PIECE])
    except FileNotFoundError:
        return "has lost its bytes"
    except OSError as error:
        return f"has bytes that cannot be read ({error.strerror or error})"
    if size != file.size or digest.digest() != bytes(file.sha256):
        return "has other bytes than it was received with"
    return ""


def _is_confirmed(file: UsageFile) -> bool:
    row = getattr(file, "forwarding", None)
    return row is not None and row.state == JobState.DONE


def _no_stray_bytes(scope: InvariantScope) -> Findings:
    until = scope.at - _STRAY_AFTER
    kept = store.stored_since(scope.tenant_id or 0)
    names = (name for name, at in kept if at < until)
    while batch := list(islice(names, _BATCH)):
        with scope.reading():
            rows = UsageFile.objects.filter(stored_as__in=batch)
            known = set(rows.values_list("stored_as", flat=True))
        for name in batch:
            if name not in known:
                text = "lies in the store, and no file answers for it"
                yield Finding(name, text, is_breach=False)


def _totals_are_those_of_the_bytes(scope: InvariantScope) -> Findings:
    for file in _files(scope, FileState.ACCEPTED):
        if file.stored_as:
            yield from _wrong(scope, file, _wrong_totals)


def _wrong_totals(file: UsageFile) -> str:
    try:
        with unit_of_work.acting_for(file.tenant_id, reading=True):
            reading, totals = read_file.read_file(file, _key_of(file))
    except FileNotFoundError:
        return ""  # reported as lost bytes; or removed since, being in S3
    header = reading.header
    if header is None or totals is None or reading.outcome == Severity.REJECT:
        return "is accepted, and cannot be read any more"
    expected = {name: getattr(header, name) for name in _FROM_HEADER}
    expected |= {"day": file.assigned_day or header.day}
    expected |= {"logins": totals.logins, "users": totals.users}
    differ = [name for name, value in expected.items() if _column(file, name) != value]
    return f"says otherwise than its bytes: {', '.join(differ)}" if differ else ""


def _column(file: UsageFile, name: str) -> object:
    value = getattr(file, name)
    return bytes(value) if isinstance(value, memoryview) else value


def _key_of(file: UsageFile) -> read_file.FindSigningKey:
    def known(_server: str, signer: bytes) -> ServerKey | None:
        return ServerKey.objects.filter(server=file.server_id, public=signer).first()

    return known


def _confirmed_files_are_in_s3(scope: InvariantScope) -> Findings:
    after = 0
    while True:
        with scope.reading():
            done = Forwarding.objects.filter(state=JobState.DONE, pk__gt=after)
            batch = list(done.select_related("file").order_by("pk")[:_BATCH])
        if not batch:
            return
        for row in batch:
            yield from _object_of(row)
        after = batch[-1].pk


def _object_of(row: Forwarding) -> Findings:
    content = Content(row.file.size, b64encode(row.file.sha256).decode())
    try:
        stored = archive.compare(row.key, content)
    except BucketError as error:
        yield Finding(row.key, f"could not be asked for in S3 ({error.code})")
        return
    if stored == Stored.NOTHING:
        yield Finding(row.key, "was confirmed, and is not in S3")
    elif stored == Stored.FOREIGN:
        yield Finding(row.key, "has other bytes in S3 than were confirmed")


INVARIANTS = (
    Invariant(
        name="bytes-are-kept",
        sentence="Every kept file has the bytes it was received with, here or in S3.",
        check=_bytes_are_kept,
        reads=CheckCost.BYTES,
    ),
    Invariant(
        name="no-stray-bytes",
        sentence="No bytes lie in the store that no file answers for.",
        check=_no_stray_bytes,
        reads=CheckCost.BYTES,
    ),
    Invariant(
        name="totals-are-those-of-the-bytes",
        sentence="What an accepted file counts for is what its bytes say.",
        check=_totals_are_those_of_the_bytes,
        reads=CheckCost.BYTES,
    ),
    Invariant(
        name="confirmed-files-are-in-s3",
        sentence="Every confirmed file lies in S3 with its size and SHA-256.",
        check=_confirmed_files_are_in_s3,
        reads=CheckCost.BUCKET,
    ),
)
