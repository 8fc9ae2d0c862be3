"""Counts files without a final verdict by what they wait for."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from django.db.models import (
    Case,
    Count,
    Exists,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Value,
    When,
)

from usage.models import FileState, KeyState, ServerKey, UsageFile
from usage.usg import Code


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingFiles:
    """Files of one tenant that wait.

    `to_confirm` for a tenant admin to confirm the key of a server, by the server's
    name; `held` for a decision of the billing team; `received` for the portal's check.
    """

    to_confirm: Mapping[str, int] = field(default_factory=dict)
    held: int = 0
    received: int = 0


NO_FILES = WaitingFiles()


class FilePlace(StrEnum):
    """Where the day of a file is: within a period, before it or behind it."""

    WITHIN = "within"
    BEFORE = "before"
    BEHIND = "behind"


@dataclass(frozen=True, slots=True)
class WaitingCount:
    """Files of one server in one place that wait for the same.

    `server` is empty where no header has been read; `first` and `last` are their days.
    """

    server: str
    place: FilePlace
    waits_for: str
    files: int
    first: date | None = None
    last: date | None = None


# What a file waits for.
_KEY, _DECISION, _CHECK = "key", "decision", "check"

_FOR_KEY = Q(state=FileState.HELD, problems__contains=[{"code": Code.SIGNER_UNKNOWN}])

# A file whose key was confirmed or refused meanwhile is judged again by itself.
_IS_DECIDED = Exists(
    ServerKey.objects.filter(
        server=OuterRef("server"), public=OuterRef("signer")
    ).exclude(state=KeyState.PROPOSED)
)


def files_for_key() -> QuerySet[UsageFile]:
    """Return the files that are held until a tenant admin confirms a server key."""
    return UsageFile.objects.filter(_FOR_KEY).exclude(_IS_DECIDED)


def waiting_files(
    tenant_ids: Collection[int], first: date, last: date
) -> dict[int, list[WaitingCount]]:
    """Count the files that the days of a period may wait for, by tenant.

    A held file counts by its day, of which a decision may be another one; one without
    a day counts nowhere, as no server-day waits for it. A received file has no day
    yet, and counts for each period that had begun when it was received. In the unit of
    work of a tenant, or of the staff. One query, by an index of waiting files.
    """
    # A day begins up to 14 hours before that of UTC.
    begun_at = datetime.combine(first - timedelta(days=1), time(), UTC)
    can_count = Q(state=FileState.RECEIVED, received_at__gte=begun_at) | Q(
        state=FileState.HELD, day__isnull=False
    )
    rows = (
        UsageFile.objects.filter(
            can_count,
            tenant__in=tenant_ids,
            state__in=(FileState.RECEIVED, FileState.HELD),
        )
        .annotate(
            place=Case(
                When(state=FileState.RECEIVED, then=Value(FilePlace.WITHIN)),
                When(day__lt=first, then=Value(FilePlace.BEFORE)),
                When(day__gt=last, then=Value(FilePlace.BEHIND)),
                default=Value(FilePlace.WITHIN),
            ),
            waits_for=Case(
                When(state=FileState.RECEIVED, then=Value(_CHECK)),
                When(_FOR_KEY & _IS_DECIDED, then=Value(_CHECK)),
                When(_FOR_KEY, then=Value(_KEY)),
                default=Value(_DECISION),
            ),
        )
        .values_list("tenant_id", "server__name", "place", "waits_for")
        .annotate(files=Count("pk"), first=Min("day"), last=Max("day"))
        .order_by("tenant_id", "server__name", "place", "waits_for")
    )
    found: dict[int, list[WaitingCount]] = defaultdict(list)
    for tenant_id, server, place, *more in rows:
        found[tenant_id].append(WaitingCount(server or "", FilePlace(place), *more))
    return found


def sum_up(counts: Iterable[WaitingCount], *, waiting: Collection[str]) -> WaitingFiles:
    """Add up what a period waits for; `waiting` are servers with days that wait.

    The files of its own days count. A waiting server without any has a file of another
    day that may prove its days complete: the nearest on each side of the period.
    """
    found = list(counts)
    own = {one.server for one in found if one.place is FilePlace.WITHIN}
    files: Counter[str] = Counter()
    to_confirm: Counter[str] = Counter()
    for one, number in _that_count(found, {*waiting} - own):
        files[one.waits_for] += number
        if one.waits_for == _KEY:
            to_confirm[one.server] += number
    return WaitingFiles(
        to_confirm=dict(to_confirm), held=files[_DECISION], received=files[_CHECK]
    )


def _that_count(
    counts: Sequence[WaitingCount], others: Collection[str]
) -> Iterator[tuple[WaitingCount, int]]:
    """Yield counts with how many of their files count; `others` lack own files."""
    for one in counts:
        if one.place is FilePlace.WITHIN:
            yield one, one.files
    for server in others:
        around = [one for one in counts if one.server == server]
        before = [one for one in around if one.place is FilePlace.BEFORE]
        behind = [one for one in around if one.place is FilePlace.BEHIND]
        if before:
            yield max(before, key=lambda one: one.last or date.min), 1
        if behind:
            yield min(behind, key=lambda one: one.first or date.max), 1
