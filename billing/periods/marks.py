"""Marks the stored summaries that a change makes stale, and claims marks.

Whoever changes a fact marks, in the same transaction and under the tenant's lock, what
became stale: a server or the whole tenant, and a range of periods. The refresher
(`billing.periods.refresh`) computes it later. In every committed state a summary equals
what its facts give, or a mark of a later generation covers it. Nothing is decided from
a summary without looking for marks in the same snapshot (`billing.periods.sql`).

Generations come from one sequence and never begin anew: a mark that was removed and set
again is another one. All instants of a mark but `changed_at` are of the database's
clock, so that machines need not agree about the time.
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
from usage.files import chains
from usage.models import UsageFile

# The task that refreshes what is marked.
TASK = "billing.refresh_summaries"

# What a file proves reaches to its neighbours, and its instants may lie on other days
# than the one it is for.
_ROOM = timedelta(days=2)

# How long a claim holds. A slice takes a tenth of a second: after this the process that
# claimed it has ended.
_LEASE = timedelta(seconds=60)

# Attempts in a row that end without a result: then something is wrong with the tenant.
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
        """Return the periods that some days lie in, with room for clocks and zones.

        None is without limit, and so is a day that only a wrong clock can show.
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
    """The marks of a tenant that this process refreshes until its lease ends."""

    tenant_id: int
    marks: tuple[int, ...]
    attempts: int


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
        [(_, is_new)] = cursor.fetchall()
    failpoints.reach("settle:marked")
    if is_new:
        wakeup.wake_up(TASK)


def mark_file(file: UsageFile, *, at: datetime) -> None:
    """Mark the periods of which a file can have changed what is proved."""
    server = file.server
    if server is None:
        # Its server is unknown: it belongs to no calendar.
        return
    periods = ALL_PERIODS
    # Before it is registered, a server is known since its first file: in all periods.
    if file.came_at >= server.created_at:
        periods = PeriodRange.around(*chains.reach_of(file))
    mark(file.tenant_id, periods, at=at, server_id=server.pk)


def stale_periods(tenant_id: int, periods: Collection[str]) -> set[str]:
    """Return which of a tenant's periods have no summary, or a stale one; one query.

    In a unit of work of the tenant or of the staff.
    """
    parameters: dict[str, Any] = {"tenant": tenant_id, "periods": list(periods)}
    with connection.cursor() as cursor:
        cursor.execute(period_sql.STALE, parameters)
        return {period for (period,) in cursor.fetchall()}


def stale_tenants(tenant_ids: Collection[int], period: str) -> set[int]:
    """Return which of some tenants have no fresh summary of a period they opened.

    In a unit of work of the staff; one query.
    """
    parameters: dict[str, Any] = {"tenants": list(tenant_ids), "period": period}
    with connection.cursor() as cursor:
        cursor.execute(period_sql.STALE_TENANTS, parameters)
        return {tenant_id for (tenant_id,) in cursor.fetchall()}


def claim(*, most: int) -> list[MarkClaim]:
    """Claim up to `most` marks that are due, by tenant, in their order.

    Begins and ends a unit of work of its own, as `unit_of_work.SWEEP`. The attempt is
    charged now, so that a tenant that ends its process is noticed.
    """
    parameters: dict[str, Any] = {"most": most, "lease": _LEASE}
    with (
        unit_of_work.acting_for(unit_of_work.SWEEP),
        connection.cursor() as cursor,
    ):
        cursor.execute(period_sql.CLAIM, parameters)
        rows = sorted(cursor.fetchall(), key=lambda row: row[3])
    failpoints.reach("summary:claimed")
    by_tenant: dict[int, list[tuple[int, int]]] = {}
    for tenant_id, pk, attempts, _ in rows:
        by_tenant.setdefault(tenant_id, []).append((pk, attempts))
    return [
        MarkClaim(tenant_id, tuple(pk for pk, _ in own), max(n for _, n in own))
        for tenant_id, own in by_tenant.items()
    ]


def seconds_until_due() -> float | None:
    """Return when the next mark is due; None if there is none.

    Begins and ends a unit of work of its own, as `unit_of_work.SWEEP`.
    """
    with (
        unit_of_work.acting_for(unit_of_work.SWEEP, reading=True),
        connection.cursor() as cursor,
    ):
        cursor.execute(period_sql.NEXT_DUE)
        [(seconds,)] = cursor.fetchall()
    return None if seconds is None else max(0.0, float(seconds))


def marked_tenants(*, other_than: Collection[int], most: int) -> list[int]:
    """Return tenants with marks, by rank, in a unit of work of the staff.

    Those of the first `most` marks of other tenants than some.
    """
    rows = SummaryMark.objects.exclude(tenant__in=other_than)
    ordered = rows.order_by("rank", "due_at").values_list("tenant", flat=True)
    return list(dict.fromkeys(ordered[:most]))
