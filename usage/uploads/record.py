"""Records uploads as their senders report them.

A report is a claim: it changes no verdict. Its size is limited. For a file that the
portal has, the stored verdict replaces what was reported. A sender that got no answer
reports a file as not sent although it arrived, so the file is looked up.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Max, QuerySet
from django.db.models.fields.json import KT

from portal.db import unit_of_work
from portal.errors import Refused
from usage.files.names import shown_name
from usage.models import FileState, Upload, UploadItem, UploadOutcome, UsageFile
from usage.uploads import queries as upload_queries

# Uploads of one sender that are kept: more than a year of a script that runs each day.
# The oldest are removed when another one begins. Files and their receipts stay.
UPLOADS_KEPT = 500

# Uploads that are kept for each machine of a sender, and machines. One token can be
# used on many servers, so each machine has its own number.
RUNS_KEPT = 100
MACHINES_KEPT = 200

# Uploads that are removed at once, so that a report takes a bounded time.
_REMOVED_AT_ONCE = 10

# An upload that was reported within this time is kept: its sender may be at work.
_KEPT_FOR = timedelta(hours=1)

# Files of one upload that are stored: twice as many as a receipt has.
ITEMS_AT_MOST = 20_000

_REPORTED = ("name", "size", "outcome", "code", "status", "file")


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadSender:
    """Who reports an upload, for which tenant, and by which channel.

    The program on a server reports `machine` and `version`; `sent_from` is the IP
    address of the request.
    """

    tenant_id: int
    how: str
    name: str
    machine: str = ""
    version: str = ""
    sent_from: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedItem:
    """How one file ended, as reported; `size` in bytes, `file_id` of its receipt."""

    number: int
    name: str
    size: int
    outcome: str
    code: str = ""
    status: int | None = None
    file_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadReport:
    """The state of an upload, as its sender reports it.

    `step` grows with each report: one that arrives after a later one is ignored.
    `files` and `size` (in bytes) are of the usage files that were chosen, `others`
    counts other files. `items` are those that have ended since the last report.
    """

    step: int = 1
    files: int = 0
    size: int = 0
    others: int = 0
    is_ended: bool = False
    is_left: bool = False
    items: Sequence[ReportedItem] = field(default=())


def record_report(
    sender: UploadSender, key: UUID, report: UploadReport, *, at: datetime
) -> Upload:
    """Store a report, and the upload itself if it is the first one.

    The same report can be stored again. Begins and ends a unit of work of its own.

    Raises:
        Refused: the upload was begun by somebody else, or by another channel.

    """
    with unit_of_work.acting_for(sender.tenant_id):
        upload = _find_or_begin(sender, key, at=at)
        if upload.begun_by != sender.name or upload.how != sender.how:
            raise Refused("not-found")
        if report.step <= upload.step:
            return upload
        upload.step, upload.reported_at = report.step, at
        upload.files, upload.size = report.files, report.size
        upload.others = report.others
        upload.ended_at = at if report.is_ended else None
        upload.left_at = at if report.is_left and not report.is_ended else None
        if not report.is_ended:
            # It goes on after its summary was dismissed: its result is a new one.
            upload.dismissed_at = None
        upload.save(
            update_fields=(
                *("step", "reported_at", "files", "size", "others"),
                *("ended_at", "left_at", "dismissed_at"),
            )
        )
        _store_items(upload, report.items)
    return upload


def dismiss(tenant_id: int, key: UUID, *, by: str, at: datetime) -> None:
    """Remember that the sender of an upload has dismissed its summary.

    Raises:
        Refused: the person has no such upload.

    """
    with unit_of_work.acting_for(tenant_id):
        mine = Upload.objects.filter(key=key, begun_by=by)
        if not mine.update(dismissed_at=at):
            raise Refused("not-found")


def _find_or_begin(sender: UploadSender, key: UUID, *, at: datetime) -> Upload:
    upload, is_new = Upload.objects.select_for_update().get_or_create(
        tenant_id=sender.tenant_id,
        key=key,
        defaults={
            "how": sender.how,
            "begun_by": sender.name,
            "begun_at": at,
            "reported_at": at,
            "machine": sender.machine,
            "version": sender.version,
            "sent_from": sender.sent_from,
        },
    )
    if is_new:
        _remove_oldest(upload, at=at)
    return upload


def _remove_oldest(begun: Upload, *, at: datetime) -> None:
    own = Upload.objects.filter(begun_by=begun.begun_by, how=begun.how)
    of_machine = own.filter(machine=begun.machine)
    _remove_beyond(of_machine, RUNS_KEPT if begun.machine else UPLOADS_KEPT, at=at)
    if begun.machine:
        # The machines with the newest runs are kept.
        named = own.exclude(machine="").values("machine")
        by_last_run = named.annotate(last=Max("begun_at")).order_by("-last", "machine")
        stale = [one["machine"] for one in by_last_run[MACHINES_KEPT:]]
        if stale:
            _remove_beyond(own.filter(machine__in=stale), 0, at=at)


def _remove_beyond(uploads: QuerySet[Upload], kept: int, *, at: datetime) -> None:
    newest = uploads.order_by("-begun_at", "-pk").values_list("pk", flat=True)
    stale = list(newest[kept : kept + _REMOVED_AT_ONCE])
    if stale:
        Upload.objects.filter(pk__in=stale, reported_at__lt=at - _KEPT_FOR).delete()


def _store_items(upload: Upload, items: Sequence[ReportedItem]) -> None:
    # The last report of a file counts, also within one request.
    wanted = {one.number: one for one in items if 0 <= one.number < ITEMS_AT_MOST}
    reported = {one.number: one.file_id for one in wanted.values() if one.file_id}
    linked = {**reported, **_arrived(upload, wanted, but=reported.values())}
    files = _files(linked.values())
    UploadItem.objects.bulk_create(
        [
            _item(upload, one, linked.get(number), files)
            for number, one in wanted.items()
        ],
        update_conflicts=True,
        unique_fields=["upload", "number"],
        update_fields=_REPORTED,
    )


def _arrived(
    upload: Upload, wanted: Mapping[int, ReportedItem], *, but: Iterable[UUID]
) -> dict[int, UUID]:
    """Return, by item number, files that arrived and are reported as not sent."""
    unsent = [
        one
        for one in wanted.values()
        if one.file_id is None and one.outcome in upload_queries.UNSENT
    ]
    if not unsent:
        return {}
    found: dict[tuple[str, int], list[UUID]] = defaultdict(list)
    files = upload_queries.unreported([upload], but=wanted.keys()).exclude(pk__in=but)
    newest_first = files.order_by("-received_at", "-pk")
    for pk, name, size in newest_first.values_list("pk", "name", "size"):
        found[name, size].append(pk)
    linked = {}
    for one in unsent:
        same = found[shown_name(one.name), one.size]
        if same:
            linked[one.number] = same.pop()
    return linked


def _files(ids: Iterable[UUID]) -> dict[UUID, tuple[str, str, int, str]]:
    """Return state, name, size and first problem of the files that exist."""
    found = UsageFile.objects.filter(pk__in=ids).annotate(first=KT("problems__0__code"))
    rows = found.values_list("pk", "state", "name", "size", "first")
    return {pk: (state, name, size, code or "") for pk, state, name, size, code in rows}


def _item(
    upload: Upload,
    one: ReportedItem,
    file_id: UUID | None,
    files: dict[UUID, tuple[str, str, int, str]],
) -> UploadItem:
    item = UploadItem(
        tenant_id=upload.tenant_id,
        upload=upload,
        number=one.number,
        name=shown_name(one.name),
        size=one.size,
        outcome=one.outcome,
        code=one.code,
        status=one.status,
    )
    if file_id in files:
        state, name, size, code = files[file_id]
        # A held or waiting file may still be accepted: keep that it was already here.
        is_here = one.outcome == UploadOutcome.HERE and state != FileState.REJECTED
        item.file_id, item.name, item.size = file_id, name, size
        item.outcome = UploadOutcome.HERE if is_here else UploadOutcome(state)
        item.code, item.status = code, None
    return item
