"""Queries of a customer's pages: counts, senders, servers, safe files."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Max, Min, Q, QuerySet

from portal.jobs.queue import JobState
from usage.files.queries import FileFilter, matching, with_timeline
from usage.models import KEPT, FileState, KeyState, Server, ServerRequest, UsageFile
from usage.models.sizes import sum_shown

# People and tokens in the filter: with more, other fields narrow the list.
_SENDERS = 100

# Requests that the page shows, decided ones among them, newest first.
_REQUESTS = 20

# How long the home page mentions a rejected file. Its row stays.
_RECENTLY = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCounts:
    """All files, and those that somebody should look at; `first_at` of the oldest."""

    all: int
    first_at: datetime | None
    held: int
    received: int
    rejected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTotal:
    """Files of one server that are safe to delete; days local.

    `size` is the sum of their sizes as they are shown, in bytes.
    """

    server_id: int
    server: str
    files: int
    size: int
    first_day: date
    last_day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsafeCount:
    """Counts of files that are not safe to delete, by the reason."""

    waiting: int
    failed: int
    held: int
    received: int
    refused: int
    not_forwarded: int

    @property
    def all(self) -> int:
        kept = self.held + self.received + self.refused
        return kept + self.waiting + self.failed + self.not_forwarded


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerEntry:
    """A server, how many of its files count, and the last one it has written."""

    server: Server
    files: int
    last: UsageFile | None
    requests: list[ServerRequest]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCounts:
    """Servers, keys that nobody has confirmed yet, requests that staff have not."""

    servers: int
    proposed: int
    requests: int


def list_files(wanted: FileFilter) -> QuerySet[UsageFile]:
    """Return the files of a filter, newest first."""
    return matching(wanted).order_by("-received_at", "pk")


def of_ids(ids: Collection[UUID]) -> QuerySet[UsageFile]:
    """Return those of some files that are the tenant's, by server and number."""
    found = with_timeline().filter(pk__in=ids)
    return found.order_by("server__name", "day", "sequence", "name", "pk")


def accepted_ids(first: date, last: date) -> list[UUID]:
    """Return the ids of the accepted files of some days, both included."""
    found = UsageFile.objects.filter(
        state=FileState.ACCEPTED, day__gte=first, day__lte=last
    )
    return list(found.order_by("pk").values_list("pk", flat=True))


def senders() -> list[str]:
    """Return who has sent files, by name."""
    names = UsageFile.objects.order_by("sent_by").values_list("sent_by", flat=True)
    return list(names.distinct()[:_SENDERS])


def count_files(*, at: datetime) -> FileCounts:
    recently = Q(state=FileState.REJECTED, received_at__gt=at - _RECENTLY)
    found = UsageFile.objects.aggregate(
        all=Count("pk"),
        first_at=Min("received_at"),
        held=Count("pk", filter=Q(state=FileState.HELD)),
        received=Count("pk", filter=Q(state=FileState.RECEIVED)),
        rejected=Count("pk", filter=recently),
    )
    return FileCounts(**found)


def safe_files(server_id: int | None = None) -> QuerySet[UsageFile]:
    """Return files safe to delete at home: accepted, and confirmed in the archive."""
    safe = with_timeline().filter(
        state=FileState.ACCEPTED, forwarding__state=JobState.DONE
    )
    if server_id is not None:
        safe = safe.filter(server_id=server_id)
    return safe.order_by("server__name", "day", "sequence", "pk")


def sum_safe_files() -> list[ServerTotal]:
    rows = (
        safe_files()
        .order_by("server__name")
        .values("server_id", "server__name")
        .annotate(
            files=Count("pk"), bytes=sum_shown(), first=Min("day"), last=Max("day")
        )
    )
    return [
        ServerTotal(
            server_id=row["server_id"],
            server=row["server__name"],
            files=row["files"],
            size=row["bytes"],
            first_day=row["first"],
            last_day=row["last"],
        )
        for row in rows
    ]


def count_unsafe_files() -> UnsafeCount:
    """Count the kept files that are not safe to delete, by what they wait for."""
    counts: Counter[str] = Counter()
    kept = UsageFile.objects.filter(state__in=KEPT)
    for state, forwarding, count in kept.values_list(
        "state", "forwarding__state"
    ).annotate(count=Count("pk")):
        accepted = f"accepted {forwarding or ''}".strip()
        counts[accepted if state == FileState.ACCEPTED else state] += count
    # Where forwarding is switched off, no worker forwards what waits.
    waiting = counts[f"accepted {JobState.WAITING}"]
    idle = 0 if settings.FORWARDING else waiting
    return UnsafeCount(
        waiting=waiting - idle,
        failed=counts[f"accepted {JobState.FAILED}"],
        held=counts[FileState.HELD],
        received=counts[FileState.RECEIVED],
        refused=counts[FileState.REFUSED],
        not_forwarded=counts["accepted"] + idle,
    )


def server_entries() -> list[ServerEntry]:
    """Return every server by name with its keys; a fixed set of queries."""
    counts = dict(
        UsageFile.objects.filter(state=FileState.ACCEPTED)
        .order_by()
        .values_list("server")
        .annotate(count=Count("pk"))
    )
    newest = UsageFile.objects.filter(state__in=KEPT, server__isnull=False)
    last = {
        file.server_id: file
        for file in newest.order_by("server", "-day", "-sequence").distinct("server")
    }
    requests: dict[int, list[ServerRequest]] = {}
    for request in ServerRequest.objects.filter(decision="").order_by("asked_at"):
        requests.setdefault(request.server_id, []).append(request)
    servers = Server.objects.prefetch_related("keys").order_by("name")
    return [
        ServerEntry(
            server=server,
            files=counts.get(server.pk, 0),
            last=last.get(server.pk),
            requests=requests.get(server.pk, []),
        )
        for server in servers
    ]


def newest_requests() -> list[ServerRequest]:
    """Return requests about servers: what waits first, then the newest decided."""
    found = ServerRequest.objects.select_related("server")
    return list(found.order_by("decision", "-asked_at", "-pk")[:_REQUESTS])


def count_servers() -> ServerCounts:
    found = Server.objects.aggregate(
        servers=Count("pk", distinct=True),
        proposed=Count("keys", distinct=True, filter=Q(keys__state=KeyState.PROPOSED)),
        requests=Count("requests", distinct=True, filter=Q(requests__decision="")),
    )
    return ServerCounts(**found)
