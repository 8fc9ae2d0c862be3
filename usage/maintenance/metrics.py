"""Metrics and readiness checks of files, the store and forwarding."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Min, Q, Sum

from portal.db import unit_of_work
from portal.health import readiness
from portal.health.metrics import Family
from portal.health.readiness import ReadinessPart
from portal.jobs.queue import JobState
from usage.models import FileState, Forwarding, UsageFile
from usage.storage import store

_DAY = timedelta(days=1)

# Files of the largest size for which there has to be room.
_ROOM_FOR = 16

# A file goes to S3 within a minute or two. One that still waits after this was tried
# a dozen times.
_SLOW_AFTER = timedelta(hours=1)


def unjudged_files_metric(at: datetime) -> Iterator[Family]:
    """Yield the age of the oldest file that was received and has no verdict yet."""
    received = UsageFile.objects.filter(state=FileState.RECEIVED)
    since = received.aggregate(since=Min("received_at"))["since"]
    age = (at - since).total_seconds() if since else 0.0
    yield Family(
        "portal_files_unsettled_oldest_seconds",
        "How long the oldest file without a verdict has been here.",
        [({}, max(age, 0.0))],
    )


def file_metrics(at: datetime) -> Iterator[Family]:
    """Yield files by state and way in, and stored bytes; scans the table once."""
    rows = UsageFile.objects.order_by("state", "how").values_list("state", "how")
    is_recent = Q(received_at__gte=at - _DAY)
    has_bytes = ~Q(stored_as="")
    found = list(
        rows.annotate(
            files=Count("pk"),
            recent=Count("pk", filter=is_recent),
            stored=Count("pk", filter=has_bytes),
            size=Sum("size", filter=has_bytes, default=0),
        )
    )
    labels = [{"state": state, "how": how} for state, how, *_ in found]
    for position, name, about in (
        (2, "portal_files", "Files by state and way in; the oldest rejected ones go."),
        (3, "portal_files_last_day", "Those of them received in the last 24 hours."),
        (4, "portal_files_stored", "Those of them whose bytes are here."),
        (5, "portal_files_stored_bytes", "The size of these bytes."),
    ):
        counts = [float(row[position]) for row in found]
        yield Family(name, about, list(zip(labels, counts, strict=True)))


def _store(_at: datetime) -> readiness.Health:
    """Check the local disk, on which each upload is spooled, and then the store.

    While a store on S3 is away, uploads are refused but all other pages work.
    """
    folder = settings.VAR / "usage"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"x")
        file.flush()
        os.fsync(file.fileno())
    is_roomy = shutil.disk_usage(folder).free >= _ROOM_FOR * settings.MAX_FILE_BYTES
    if not is_roomy:
        return readiness.Health.FAILING
    return readiness.Health.OK if store.is_answering() else readiness.Health.DEGRADED


def _forwarding(at: datetime) -> readiness.Health:
    """Derive the health of S3 from the queue; the probe does not call S3."""
    waiting = Forwarding.objects.filter(
        state=JobState.WAITING, file__settled_at__lt=at - _SLOW_AFTER
    )
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        is_slow = settings.FORWARDING and waiting.exists()
    return readiness.Health.DEGRADED if is_slow else readiness.Health.OK


PARTS = (
    ReadinessPart(name="store", check=_store),
    ReadinessPart(
        name="forwarding",
        check=_forwarding,
        otherwise=readiness.Health.DEGRADED,
        needs_database=True,
    ),
)
