"""Queries of uploads and their files. Each runs in the caller's unit of work.

The verdict of a file is read from `UsageFile`, so that a later judgement of the file
changes the upload too. A file that was received as a part of an upload and was never
reported, because the page was closed or a script sends no reports, belongs to it as
well. It replaces a report that the same file was not sent: only the answer was lost.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain
from typing import Any
from uuid import UUID

from django.db.models import (
    Case,
    CharField,
    Count,
    Exists,
    F,
    IntegerField,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Value,
    When,
)

from portal.errors import Refused
from usage.files.queries import with_timeline
from usage.models import FileState, How, Upload, UploadItem, UploadOutcome, UsageFile

# How files of an upload ended, the most urgent first.
ORDER = (
    *(UploadOutcome.FAILED, UploadOutcome.UNREADABLE, UploadOutcome.REJECTED),
    *(UploadOutcome.REFUSED, UploadOutcome.STOPPED, UploadOutcome.HELD),
    *(UploadOutcome.RECEIVED, UploadOutcome.ACCEPTED, UploadOutcome.HERE),
)

# Ends with which the portal does not have the file, or it does not count.
BAD = frozenset(ORDER[:5])

# Ends with which the portal has answered for the file.
ANSWERED = frozenset(ORDER) - {
    UploadOutcome.FAILED,
    UploadOutcome.UNREADABLE,
    UploadOutcome.STOPPED,
}

# Ends that a sender reports of a file whose answer it never saw.
UNSENT = frozenset(ORDER) - ANSWERED


@dataclass(frozen=True, slots=True)
class UploadEntry:
    """One file of an upload; without `file`, all of it is as its sender reported."""

    name: str
    size: int
    outcome: str
    code: str
    status: int | None
    file: UsageFile | None


def _outcome() -> Case:
    return Case(
        When(file__isnull=True, then=F("outcome")),
        # A file that was here before may be held or refused.
        When(
            outcome=UploadOutcome.HERE,
            file__state=FileState.ACCEPTED,
            then=Value(UploadOutcome.HERE),
        ),
        default=F("file__state"),
        output_field=CharField(),
    )


def _rank(field: str) -> Case:
    places = [When(**{field: value}, then=at) for at, value in enumerate(ORDER)]
    return Case(*places, output_field=IntegerField())


def uploads() -> QuerySet[Upload]:
    """Return all uploads, newest first."""
    return Upload.objects.order_by("-begun_at", "-pk")


def find(key: UUID) -> Upload | None:
    return Upload.objects.filter(key=key).first()


def after(key: UUID | None, *, most: int) -> list[Upload]:
    """Return uploads, newest first, after one that was listed before.

    Raises:
        Refused: there is no such upload.

    """
    found = uploads()
    if key is not None:
        last = find(key)
        if last is None:
            raise Refused("input-invalid", detail="after: no such upload")
        earlier = Q(begun_at__lt=last.begun_at)
        found = found.filter(earlier | Q(begun_at=last.begun_at, pk__lt=last.pk))
    return list(found[:most])


def last_of(name: str) -> Upload | None:
    """Return a person's newest upload by browser or form, unless it was dismissed."""
    ways = (How.BROWSER, How.FORM)
    last = uploads().filter(begun_by=name, how__in=ways).first()
    return last if last is not None and last.dismissed_at is None else None


def reported_items(uploads: Collection[Upload]) -> QuerySet[UploadItem, Any]:
    """Return the reported files of some uploads, with the annotation `end`."""
    found = UploadItem.objects.filter(upload__in=uploads)
    return found.exclude(pk__in=_arrived(uploads)).annotate(end=_outcome())


def _sent(uploads: Collection[Upload]) -> QuerySet[UsageFile]:
    """Return the files that the senders of some uploads have sent as parts of them.

    A colleague can send a file under the same key; it is not part of the upload.
    """
    own = Upload.objects.filter(
        pk__in=[one.pk for one in uploads],
        key=OuterRef("sent_in"),
        begun_by=OuterRef("sent_by"),
    )
    keys = [one.key for one in uploads]
    return UsageFile.objects.filter(Exists(own), sent_in__in=keys)


def unreported(
    uploads: Collection[Upload], *, but: Collection[int] = ()
) -> QuerySet[UsageFile]:
    """Return the files of some uploads that no item names; `but` are item numbers."""
    reported = UploadItem.objects.filter(
        upload__key=OuterRef("sent_in"), file=OuterRef("pk")
    )
    return _sent(uploads).filter(~Exists(reported.exclude(number__in=but)))


def _arrived(uploads: Collection[Upload]) -> list[int]:
    """Return ids of items that were reported as not sent, and whose files arrived.

    Each such file is listed with its own verdict, in the place of one item.
    """
    same = unreported(uploads).filter(
        sent_in=OuterRef("upload__key"), name=OuterRef("name"), size=OuterRef("size")
    )
    claims = UploadItem.objects.filter(
        Exists(same), upload__in=uploads, file__isnull=True, outcome__in=UNSENT
    )
    items: dict[tuple[UUID, str, int], list[int]] = defaultdict(list)
    rows = claims.order_by("number").values_list("pk", "upload__key", "name", "size")
    for pk, key, name, size in rows:
        items[key, name, size].append(pk)
    if not items:
        return []
    # Two files can have the same name and size, and one of them be really missing.
    sent = unreported(uploads).values_list("sent_in", "name", "size")
    counts = Counter(sent.filter(name__in={name for _key, name, _size in items}))
    return [pk for which, pks in items.items() for pk in pks[: counts[which]]]


def count_outcomes(uploads: Collection[Upload]) -> dict[UUID, Counter[str]]:
    """Count the files of each upload by outcome; by the key of the upload."""
    counts: dict[UUID, Counter[str]] = {one.key: Counter() for one in uploads}
    items: Any = reported_items(uploads)
    rows: Any = chain(
        items.values_list("upload__key", "end").annotate(files=Count("pk")),
        unreported(uploads).values_list("sent_in", "state").annotate(files=Count("pk")),
    )
    for key, end, files in rows:
        counts[key][end] += files
    return counts


def last_activity(upload: Upload) -> datetime:
    """Return when the upload was last reported, or a file of it last received."""
    newest: datetime | None = _sent([upload]).aggregate(at=Max("received_at"))["at"]
    return max(upload.reported_at, newest or upload.reported_at)


def file_ids(upload: Upload) -> set[UUID]:
    """Return the ids of all files of an upload that the portal has rows of."""
    items = UploadItem.objects.filter(upload=upload, file__isnull=False)
    reported = UsageFile.objects.filter(Q(pk__in=items.values("file")))
    own = _sent([upload])
    return {*reported.values_list("pk", flat=True), *own.values_list("pk", flat=True)}


def accepted_days(upload: Upload) -> set[date]:
    """Return the days of the upload's files that count, new and already here."""
    items = UploadItem.objects.filter(upload=upload, file__state=FileState.ACCEPTED)
    own = _sent([upload]).filter(state=FileState.ACCEPTED)
    days = {
        *items.values_list("file__day", flat=True).distinct(),
        *own.order_by().values_list("day", flat=True).distinct(),
    }
    return {day for day in days if day is not None}


class UploadEntries:
    """The files of an upload, problems first: a sequence that loads single pages."""

    def __init__(self, upload: Upload, *, only: Collection[str] = ()) -> None:
        items: Any = reported_items([upload])
        others = unreported([upload])
        if only:
            items = items.filter(end__in=only)
            others = others.filter(Q(state__in=[*only]))
        self._items = items.order_by(_rank("end"), "number")
        self._others = others.order_by(_rank("state"), "received_at", "pk")
        self._reported = self._items.count()
        self._count: int = self._reported + self._others.count()

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, part: slice) -> Sequence[UploadEntry]:
        """Return the entries of a slice with both ends, reading only those."""
        first, last, _step = part.indices(self._count)
        items = list(self._items[first:last])
        begin = max(first - self._reported, 0)
        rest = max(last - self._reported, 0)
        files = with_timeline().in_bulk([one.file_id for one in items if one.file_id])
        found = [
            UploadEntry(
                *(one.name, one.size, _end_of(one), one.code, one.status),
                files.get(one.file_id) if one.file_id else None,
            )
            for one in items
        ]
        others = self._others.select_related("server", "forwarding")[begin:rest]
        return [
            *found,
            *(
                UploadEntry(one.name, one.size, one.state, "", None, one)
                for one in others
            ),
        ]


def _end_of(item: UploadItem) -> str:
    end: str = item.end  # type: ignore[attr-defined]  # annotated by `reported_items`
    return end
