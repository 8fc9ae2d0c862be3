"""Queries of the sizes of accepted files. Each runs in the caller's unit of work."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Max, Min, Q, Sum

from portal.jobs.queue import JobState
from usage.disk_space.days import DaySize, SeriesDay, day_sizes
from usage.models import FileState, Server, UsageFile

# Days that are read: a trend of half a year, and at most as many rows for each server.
DAYS = 26 * 7


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredDays:
    """The known days of one server, in order; none if it has no accepted file."""

    server: Server
    days: list[DaySize]


def server_days(*, today: date, zone: str) -> list[MeasuredDays]:
    """Return the servers by name with their days before today: two queries.

    Today is left out: its files are not all written. `zone` is the tenant's, for the
    days on which files were confirmed in the archive.
    """
    found: dict[int, list[SeriesDay]] = {}
    for row in _rows(today):
        safe_at = row["safe_at"]
        one = SeriesDay(
            series=row["series"],
            day=row["day"],
            first=row["first"],
            last=row["last"],
            files=row["files"],
            size=row["bytes"],
            logins=row["all_logins"],
            safe=row["safe"],
            safe_on=safe_at.astimezone(ZoneInfo(zone)).date() if safe_at else None,
        )
        found.setdefault(row["server"], []).append(one)
    return [
        MeasuredDays(server=server, days=day_sizes(found.get(server.pk, [])))
        for server in Server.objects.order_by("name")
    ]


def _rows(today: date) -> Iterable[Mapping[str, Any]]:
    """Return a row for each server, series and day; one scan of a range of days."""
    is_safe = Q(forwarding__state=JobState.DONE)
    return (
        UsageFile.objects.filter(
            state=FileState.ACCEPTED,
            day__gte=today - timedelta(days=DAYS),
            day__lt=today,
        )
        .order_by()
        .values("server", "series", "day")
        .annotate(
            first=Min("sequence"),
            last=Max("sequence"),
            files=Count("pk"),
            bytes=Sum("size"),
            all_logins=Sum("logins"),
            safe=Count("pk", filter=is_safe),
            safe_at=Max("forwarding__ended_at", filter=is_safe),
        )
    )


def largest_day(*, since: date) -> int | None:
    """Return the most bytes that one server wrote on one day; None without files."""
    sums = (
        UsageFile.objects.filter(state=FileState.ACCEPTED, day__gte=since)
        .values("server", "day")
        .annotate(bytes=Sum("size"))
        .order_by("-bytes")
    )
    return sums.values_list("bytes", flat=True).first()
