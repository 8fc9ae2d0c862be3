"""Marks the stored summaries that a change makes stale, and claims marks.

Whoever changes a fact marks, in the same transaction and under the tenant's lock, what
became stale: a server or the whole tenant, and a range of periods. The refresher
(`billing.periods.refresh`) computes it later. In every committed state a summary equals
what its facts give, or a mark of a later generation covers it. No late flag and no
decision uses a summary unless the same statement, or one under the tenant's lock, finds
no such mark (`billing.periods.sql`).

Generations come from one sequence and are never reused: a mark that is removed and set
again has a new generation. All instants of a mark except `changed_at` are read from the
database's clock, so that the clocks of machines do not matter.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection

from billing.coverage.periods import FIRST_YEAR, LAST_YEAR, Period
from billing.models import MarkRank, SummaryMark
from billing.periods import sql as period_sql
from portal.db import unit_of_work
from portal.health import failpoints
from portal.jobs import wakeup
from usage.files import reach
from usage.models import UsageFile

# The task that refreshes what is marked.
TASK = "billing.refresh_summaries"

# A file is evidence for the days next to its own too, and its instants may be on other
# dates than its day.
_ROOM = timedelta(days=2)

# How long a claim lasts: longer than a slice takes, also if it waits for the lock. If a
# claim ends early, a mark is refreshed twice, which is harmless.
_LEASE = timedelta(seconds=60)

# Consecutive failed attempts after which a mark counts as failed.
MOST_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class PeriodRange:
    """Periods from the first to the last, by name; both are included."""

    first: str = "0000-00"
    last: str = "9999-99"

    def __contains__(self, period: str) -> bool:
        return self.first <= period <= self.last

    @classmethod
    def around(cls, first: date | None, last: date | None) -> "PeriodRange":
        """Return the periods of some days, with a margin of two days.

        A day of None, or outside the supported years, sets no limit.
        """
        found = cls()
        return cls(
            str(Period.containing(first - _ROOM))
            if first and first.year >= FIRST_YEAR
            else found.first,
            str(Period.containing(last + _ROOM))
            if last and last.year <= LAST_YEAR
            else found.last,
        )


ALL_PERIODS = PeriodRange()


@dataclass(frozen=True, slots=True)
class MarkClaim:
    """A mark that this process refreshes until its lease ends, with its whole tenant.

    `attempts` includes the one that begins now; `mark` 0 is a claim on no mark.
    """

    tenant_id: int
    mark: int = 0
    generation: int = 0
    attempts: int = 0


def mark(
    tenant_id: int,
    periods: PeriodRange,
    *,
    at: datetime,
    server_id: int | None = None,
    rank: MarkRank = MarkRank.FACTS,
) -> None:
    """Mark the summaries of some periods as stale, of one server or of the tenant.

    In the running unit of work, which holds the tenant's lock and changes a fact at
    the instant `at`.
    """
    parameters: dict[str, Any] = {
        "tenant": tenant_id,
        "server": server_id,
        "rank": rank,
        "first": periods.first,
        "last": periods.last,
        "at": at,
    }
    with connection.cursor() as cursor:
        cursor.execute(period_sql.MARK, parameters)
        [(is_new,)] = cursor.fetchall()
    failpoints.reach("settle:marked")
    if is_new:
        wakeup.wake_up(TASK)


def mark_file(file: UsageFile, *, at: datetime) -> None:
    """Mark the periods whose evidence a file can have changed."""
    server = file.server
    if server is None:
        # Without a server, no calendar contains the file.
        return
    periods = ALL_PERIODS
    # A file older than its server's registration changes since when the server is
    # known, which affects all periods.
    if file.came_at >= server.created_at:
        periods = PeriodRange.around(*reach.reach_of(file))
    mark(file.tenant_id, periods, at=at, server_id=server.pk)


def stale_periods(tenant_id: int, periods: Collection[str]) -> set[str]:
    """Return which of a tenant's periods have no summary, or a stale one; one query.

    In a unit of work of the tenant or of the staff.
    """
    parameters: dict[str, Any] = {"tenant": tenant_id, "periods": list(periods)}
    with connection.cursor() as cursor:
        cursor.execute(period_sql.STALE, parameters)
        return {period for (period,) in cursor.fetchall()}


def stale_tenants(
    tenant_ids: Collection[int], period: str, *, with_failed: bool = True
) -> set[int]:
    """Return which of some tenants have no fresh summary of a period they opened.

    With or without tenants that have failed. In a unit of work of the staff; one query.
    """
    parameters: dict[str, Any] = {
        "tenants": list(tenant_ids),
        "period": period,
        "with_failed": with_failed,
    }
    with connection.cursor() as cursor:
        cursor.execute(period_sql.STALE_TENANTS, parameters)
        return {tenant_id for (tenant_id,) in cursor.fetchall()}


def claim() -> MarkClaim | None:
    """Claim the mark that is to be processed next; None if none is due.

    Begins and ends a unit of work of its own, as `unit_of_work.SWEEP`. The attempt is
    counted now, so that a tenant that ends the refresher is detected; one mark at a
    time, so that it is counted for no other tenant.
    """
    parameters: dict[str, Any] = {"lease": _LEASE}
    with (
        unit_of_work.acting_for(unit_of_work.SWEEP),
        connection.cursor() as cursor,
    ):
        cursor.execute(period_sql.CLAIM, parameters)
        row = cursor.fetchone()
    failpoints.reach("summary:claimed")
    return MarkClaim(*row) if row else None


def has_failed(tenant_id: int) -> bool:
    """Return whether refreshing a tenant has failed; in a unit of work of it."""
    marks = SummaryMark.objects.filter(tenant=tenant_id, failed_at__isnull=False)
    return marks.exists()


def seconds_until_due() -> float | None:
    """Return the seconds until a mark can be claimed; None if there is none.

    Begins and ends a unit of work of its own, as `unit_of_work.SWEEP`.
    """
    with (
        unit_of_work.acting_for(unit_of_work.SWEEP, reading=True),
        connection.cursor() as cursor,
    ):
        cursor.execute(period_sql.NEXT_DUE)
        [(seconds,)] = cursor.fetchall()
    return None if seconds is None else max(0.0, float(seconds))


def marked_tenants(
    *, only: int | None, other_than: Collection[int], most: int, with_failed: bool
) -> list[int]:
    """Return tenants with marks, by rank, in a unit of work of the staff.

    Those of the first `most` marks, of other tenants than some, or of `only` one; with
    or without tenants that have failed.
    """
    rows = SummaryMark.objects.exclude(tenant__in=other_than)
    if only is not None:
        rows = rows.filter(tenant=only)
    if not with_failed:
        failed = SummaryMark.objects.filter(failed_at__isnull=False)
        rows = rows.exclude(tenant__in=failed.values("tenant"))
    ordered = rows.order_by("rank", "due_at").values_list("tenant", flat=True)
    return list(dict.fromkeys(ordered[:most]))
