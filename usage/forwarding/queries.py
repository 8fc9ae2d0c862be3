"""Queries of the forwarding and judging queues over all tenants, for the staff.

All of them run in a unit of work of the staff.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Min, QuerySet, Value
from django.db.models.functions import TruncHour

from portal.jobs.queue import Job, JobState
from usage.forwarding.queue import SUPERSEDED
from usage.models import Forwarding, Settling
from usage.models.sizes import sum_shown

# Kinds of jobs, by their names on pages and in addresses.
FORWARDING, JUDGING = "forwarding", "settling"
MODELS: Mapping[str, type[Job]] = {FORWARDING: Forwarding, JUDGING: Settling}

# The file's column since when it waits for the job.
_SINCE: Mapping[str, str] = {FORWARDING: "settled_at", JUDGING: "received_at"}

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingReason:
    """Jobs of a kind that wait, or have failed, for one reason.

    `next_at` is when the first of them is tried again, None where none is.
    """

    kind: str
    state: str
    code: str
    count: int
    next_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueState:
    """Counts of one kind of job; `oldest_at` of those that wait."""

    kind: str
    waiting: int
    failed: int
    withdrawn: int
    oldest_at: datetime | None
    reasons: Sequence[WaitingReason]


@dataclass(frozen=True, slots=True, kw_only=True)
class HourlyThroughput:
    """Files confirmed in one hour; `size` in bytes."""

    begins_at: datetime
    files: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """Files confirmed in the last 24 hours, and in each hour that had any."""

    files: int
    size: int
    hours: Sequence[HourlyThroughput]

    @property
    def busiest(self) -> HourlyThroughput | None:
        return max(self.hours, key=lambda hour: hour.files, default=None)


def queue_state(kind: str) -> QueueState:
    """Count the jobs that are not done, in one query."""
    rows = MODELS[kind]._default_manager.exclude(state=JobState.DONE)
    groups = (
        rows.order_by()
        .values("state", "problem")
        .annotate(
            count=Count("pk"),
            next_at=Min("due_at"),
            oldest_at=Min(f"file__{_SINCE[kind]}"),
        )
    )
    found: list[dict[str, Any]] = [dict(group) for group in groups]
    waiting = [one for one in found if one["state"] == JobState.WAITING]
    failed = [one for one in found if one["state"] == JobState.FAILED]
    withdrawn = [one for one in failed if one["problem"] == SUPERSEDED]
    reasons = [one for one in found if one["problem"] and one not in withdrawn]
    oldest = [one["oldest_at"] for one in waiting if one["oldest_at"]]
    return QueueState(
        kind=kind,
        waiting=_sum(waiting),
        failed=_sum(failed) - _sum(withdrawn),
        withdrawn=_sum(withdrawn),
        oldest_at=min(oldest, default=None),
        reasons=[_reason(kind, one) for one in sorted(reasons, key=_worst_first)],
    )


def _sum(groups: Collection[dict[str, Any]]) -> int:
    return sum(one["count"] for one in groups)


def _worst_first(group: dict[str, Any]) -> tuple[bool, int, str]:
    return group["state"] == JobState.WAITING, -group["count"], group["problem"]


def _reason(kind: str, group: dict[str, Any]) -> WaitingReason:
    is_waiting = group["state"] == JobState.WAITING
    return WaitingReason(
        kind=kind,
        state=group["state"],
        code=group["problem"],
        count=group["count"],
        next_at=group["next_at"] if is_waiting else None,
    )


def throughput(*, at: datetime) -> Throughput:
    """Count what S3 has confirmed in the 24 hours before an instant, in one query."""
    done = Forwarding.objects.filter(state=JobState.DONE, ended_at__gt=at - _DAY)
    hours = [
        HourlyThroughput(begins_at=begins_at, files=files, size=size)
        for begins_at, files, size in done.annotate(hour=TruncHour("ended_at"))
        .order_by("hour")
        .values_list("hour")
        .annotate(files=Count("pk"), size=sum_shown("file__size"))
    ]
    return Throughput(
        files=sum(hour.files for hour in hours),
        size=sum(hour.size for hour in hours),
        hours=hours,
    )


def failed_jobs() -> QuerySet[Any, dict[str, Any]]:
    """Return all rows that wait for a person, oldest first: `kind` and `pk`."""
    found = [
        failed_of(kind).values("pk", "ended_at", kind=Value(kind)) for kind in MODELS
    ]
    return found[0].union(*found[1:], all=True).order_by("ended_at", "pk")


def failed_of(kind: str) -> QuerySet[Any]:
    """Return the rows of a kind that a person can retry."""
    rows = MODELS[kind]._default_manager.filter(state=JobState.FAILED)
    return rows.exclude(problem=SUPERSEDED)


def retrying(kind: str, code: str, *, at: datetime) -> QuerySet[Any]:
    """Return the rows of a kind that wait for a next try, for one reason."""
    rows = MODELS[kind]._default_manager.filter(state=JobState.WAITING, problem=code)
    return rows.filter(lease=None, due_at__gt=at)


def load_rows(named: Collection[Mapping[str, Any]]) -> list[tuple[str, Any]]:
    """Read rows that `failed_jobs` has named, in its order: a query for each kind."""
    rows: dict[tuple[str, int], Any] = {}
    for kind, model in MODELS.items():
        wanted = [one["pk"] for one in named if one["kind"] == kind]
        found: QuerySet[Any] = model._default_manager.filter(pk__in=wanted)
        for row in found.select_related("file__tenant", "file__server"):
            rows[kind, row.pk] = row
    places = [(one["kind"], one["pk"]) for one in named]
    return [(kind, rows[kind, pk]) for kind, pk in places if (kind, pk) in rows]
