"""Compares rows, stored bytes and S3 with each other every night, both ways.

No lock and no transaction is held while a store is read. Rows are read as staff, a
thousand at a time; each repair is a unit of work of the tenant, on condition that the
row has not changed since. Nothing is ever removed here.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from django.conf import settings
from django.db import OperationalError
from django.db.models import Max, Model, QuerySet
from django.db.models.functions import Coalesce

from portal.db import unit_of_work
from portal.jobs.queue import JobState
from portal.models import Tenant
from usage.maintenance import repair
from usage.models import (
    FileState,
    Forwarding,
    Report,
    ReportFindings,
    UsageFile,
    reports,
)
from usage.storage import archive, store
from usage.storage.archive import Listed, Stored
from usage.storage.s3_client import BucketError

logger = logging.getLogger(__name__)

Row = TypeVar("Row", bound=Model)

# Rows that are read at a time; as many as S3 lists at a time.
_ROWS = 1_000

# Files confirmed so shortly before the run began are left to the next one: the clocks
# of several machines need not agree to the second.
_MARGIN = timedelta(minutes=15)

# Objects whose SHA-256 is compared in a night, the longest unchecked first: some
# seconds to minutes. The sizes of all objects are known from the list.
SHARE = 1_000

# Rows that one run repairs. More are no accident of single files: a person shall see
# it before everything is sent again, and the next run goes on.
MOST_REPAIRED = 10_000

# When S3 was last read for a file.
_LAST_CHECKED = Coalesce("checked_at", "ended_at")

# Actor of the repairs, in the audit trail.
ACTOR = "reconciliation"

# Codes of findings; `usage.forwarding.text` has their sentences.
OBJECT_UNKNOWN = "object-unknown"


@dataclass(slots=True)
class _Run:
    now: Callable[[], datetime]
    begun_at: datetime
    found: ReportFindings = field(default_factory=ReportFindings)
    inspector: repair.ArchiveInspector = field(init=False)
    # One bit for each forward row: seen in the list with the size that it should have.
    seen: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        self.inspector = repair.ArchiveInspector(self.found)

    @property
    def before(self) -> datetime:
        return self.begun_at - _MARGIN


def reconcile(*, now: Callable[[], datetime]) -> Report:
    """Compare everything once; the report has the findings and repairs.

    A store that is away ends its part, and the report records that.
    """
    begun = reports.begin(reports.ReportKind.RECONCILIATION, at=now())
    run = _Run(now=now, begun_at=begun.begun_at)
    problem = ""
    _make_missing_rows(run)
    try:
        _check_bytes(run)
    except OSError:
        logger.exception("The stored files could not be looked at")
        problem = store.STORE_AWAY
    if settings.FORWARDING:
        try:
            _check_archive(run)
        except BucketError as error:
            logger.warning("The archive could not be reconciled: %s", error.code)
            problem = error.code
        except OSError:
            logger.exception("The stored files could not be looked at")
            problem = store.STORE_AWAY
    return reports.end(begun, run.found, at=now(), problem=problem)


def _make_missing_rows(run: _Run) -> None:
    """Add the forward rows of accepted files that have none."""
    lacking = UsageFile.objects.filter(state=FileState.ACCEPTED, forwarding=None)
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        files = list(lacking.select_related("tenant")[:MOST_REPAIRED])
    for file in files:
        logger.critical("The accepted file %s had no forward row", file.pk)
        if repair.add_forwarding(file.tenant_id, file.pk, by=ACTOR, at=run.now()):
            about, tenant = file.name, file.tenant.number
            run.found.note(
                repair.ROW_MISSING, about=about, tenant=tenant, file=str(file.pk)
            )


def _check_bytes(run: _Run) -> None:
    """Find kept files whose bytes are not there, or not all of them."""
    kept = UsageFile.objects.exclude(stored_as="").filter(received_at__lt=run.before)
    failure: OSError | None = None
    for files, sizes in _with_sizes(kept.select_related("tenant")):
        run.found.count("files", len(files))
        for file in files:
            if sizes.get(file.stored_as) == file.size:
                continue
            try:
                size = store.size_of(file.stored_as)
            except OSError as error:
                # A file that cannot be checked must not stop the others.
                failure = error
                continue
            if size != file.size and _is_stored_still(file):
                code = store.BYTES_MISSING if size is None else store.BYTES_DIFFER
                logger.critical("Stored file %s: %s", file.stored_as, code)
                about, tenant = file.stored_as, file.tenant.number
                run.found.note(code, about=about, tenant=tenant, file=str(file.pk))
    if failure is not None:
        raise failure


def _with_sizes(
    kept: QuerySet[UsageFile],
) -> Iterator[tuple[list[UsageFile], Mapping[str, int]]]:
    """Yield pages of rows with the sizes that the store lists, if it lists any.

    A request to S3 for each file would take hours for some millions of files.
    """
    if not store.has_list():
        for page in _in_pages(kept):
            yield page, {}
        return
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        tenants = list(Tenant.objects.order_by("pk").values_list("pk", flat=True))
    for tenant_id in tenants:
        sizes: Mapping[str, int] = {}
        for page in _in_pages(kept.filter(tenant_id=tenant_id)):
            sizes = sizes or store.sizes_of(tenant_id)
            yield page, sizes


def _is_stored_still(file: UsageFile) -> bool:
    """Return whether the row still names the bytes: they may have gone meanwhile."""
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        rows = UsageFile.objects.filter(pk=file.pk, stored_as=file.stored_as)
        return rows.exists()


def _check_archive(run: _Run) -> None:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        last = Forwarding.objects.aggregate(last=Max("pk"))["last"] or 0
        numbers = frozenset(Tenant.objects.values_list("number", flat=True))
    run.seen = bytearray(last // 8 + 1)
    for objects in _listed():
        run.found.count("objects", len(objects))
        _look_up(objects, run, numbers=numbers)
    confirmed = _confirmed().filter(ended_at__lt=run.before)
    for rows in _in_pages(confirmed):
        for row in rows:
            if not _is_seen(row, run):
                _check_and_repair(row, run)
    _check_share(run)


def _listed() -> Iterator[Sequence[Listed]]:
    page = archive.list_page(settings.S3["prefix"])
    yield page.objects
    while page.after:
        page = archive.list_page(settings.S3["prefix"], after=page.after)
        yield page.objects


def _look_up(objects: Sequence[Listed], run: _Run, *, numbers: frozenset[str]) -> None:
    """Find objects that no row has put there; tick off the rows that have.

    Rows come before their objects and are never removed, so that what arrives while
    the list is read is known by the time it is looked up.
    """
    sizes = {one.key: one.size for one in objects}
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        rows = Forwarding.objects.filter(key__in=sizes)
        known = list(rows.values_list("key", "pk", "file__size"))
    for key, pk, size in known:
        if sizes.pop(key, None) == size and pk // 8 < len(run.seen):
            run.seen[pk // 8] |= 1 << pk % 8
    prefix = len(settings.S3["prefix"])
    for key in sizes:
        number = key[prefix:].partition("/")[0]
        if number in numbers:
            run.found.note(OBJECT_UNKNOWN, about=key, tenant=number)
        else:
            # In a bucket that is shared: nothing of ours has such a key.
            run.found.count("objects of others")


def _is_seen(row: Forwarding, run: _Run) -> bool:
    place = row.pk // 8
    return place < len(run.seen) and bool(run.seen[place] >> row.pk % 8 & 1)


def _check_share(run: _Run) -> None:
    """Compare the SHA-256 of some objects: those that were checked longest ago."""
    rows = _confirmed().filter(ended_at__lt=run.before)
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        share = list(rows.order_by(_LAST_CHECKED, "pk")[:SHARE])
    for row in share:
        _check_and_repair(row, run)


def _check_and_repair(row: Forwarding, run: _Run) -> None:
    """Compare one object in S3; have it sent again if it is not what it should be."""
    stored = run.inspector.inspect(row)
    run.found.count("asked")
    if stored is None:
        return
    if stored == Stored.OURS:
        repair.note_checked(row, at=run.now())
        return
    if run.found.counts["mended"] >= MOST_REPAIRED:
        run.found.count("left for the next run")
        return
    try:
        code = repair.send_again(row, stored, by=ACTOR, at=run.now())
    except OperationalError:
        # The tenant's lock is not to be had; it is no different tomorrow.
        run.found.count("left for the next run")
        return
    if code:
        run.found.count("mended")
        about, tenant = row.key, row.tenant.number
        run.found.note(code, about=about, tenant=tenant, file=str(row.file_id))


def _confirmed() -> QuerySet[Forwarding]:
    """Return the rows of files that pages show as confirmed in the archive."""
    rows = Forwarding.objects.select_related("file", "tenant")
    return rows.filter(state=JobState.DONE, file__state=FileState.ACCEPTED)


def _in_pages(rows: QuerySet[Row]) -> Iterator[list[Row]]:
    """Yield rows by their ids, each page read in a unit of work of its own."""
    rows = rows.order_by("pk")
    page: list[Row] = []
    while True:
        with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
            after = rows.filter(pk__gt=page[-1].pk) if page else rows
            page = list(after[:_ROWS])
        if not page:
            return
        yield page
