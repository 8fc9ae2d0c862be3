"""Opens tenants' periods with their deadlines, and records their licences.

Opening a period also opens all earlier ones that the tenant owes, up to the running
one. So one query for tenants without the running period finds all that is missing.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from functools import cache, partial
from typing import Any

from django.db import connection

from billing.coverage.periods import Period
from billing.models import LicenceChange, MarkRank, TenantPeriod
from billing.periods import marks, store_summaries
from billing.periods import sql as period_sql
from billing.periods.marks import PeriodRange
from billing.periods.queries import deadline_of
from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.models import Tenant

# How far back periods are opened: three years. Nobody is billed for what lies further
# back, and a first day that was mistyped must not make a thousand rows.
_PAST_PERIODS = 36

# What a row of `_deadlines` is made of, by the names of the statement's parameters.
_COLUMNS = ("zones", "periods", "ends", "deadlines")

# Tenants whose periods are opened in one transaction. An upload that opens the same
# period waits for it.
_AT_ONCE = 1_000


def record_licences(
    tenant_id: int,
    *,
    from_on: date,
    licence_keys: Sequence[str],
    by: str,
    at: datetime,
) -> None:
    """Record which licence keys a tenant holds from a day on."""
    unit_of_work.hold_tenant(tenant_id)
    LicenceChange.objects.update_or_create(
        tenant_id=tenant_id,
        from_on=from_on,
        defaults={"keys": list(licence_keys), "changed_by": by, "changed_at": at},
    )
    if TenantPeriod.objects.filter(tenant=tenant_id).exists():
        since = PeriodRange.around(from_on, None)
        marks.mark(tenant_id, since, at=at, rank=MarkRank.WIDE)
    audit_log.append(
        tenant_id=tenant_id,
        actor=by,
        act="licences-recorded",
        subject=", ".join(licence_keys) or "none",
        details={"from_on": str(from_on)},
        at=at,
    )


def open_period(tenant: Tenant, period: Period, *, at: datetime) -> None:
    """Open the period of a file, and what should have opened by `at` with it.

    In the running unit of work, under the tenant's lock.
    """
    if not TenantPeriod.objects.filter(tenant=tenant, period=str(period)).exists():
        _open(tenant, {period, *owed_periods(tenant, at.date())}, at=at)


def open_until(tenant: Tenant, *, today: date, at: datetime) -> None:
    """Open all periods of a new tenant up to the one of a day.

    In the running unit of work, once its licences are recorded: a tenant that owes
    from an earlier day on has its past deadlines from the beginning, and no later
    change of zone moves them. It has no servers yet, so that its summaries are stored
    at once.
    """
    rows = [_opened(tenant, one, at=at) for one in owed_periods(tenant, today)]
    TenantPeriod.objects.bulk_create(rows, ignore_conflicts=True)
    store_summaries.store_first_summaries(tenant, rows)


def open_missing(tenant: Tenant, *, today: date, at: datetime) -> None:
    """Open what should have opened by a day, in the tenant's unit of work.

    Under the tenant's lock.
    """
    _open(tenant, set(owed_periods(tenant, today)), at=at)


def open_current_periods(*, today: date, at: datetime) -> int:
    """Open, for every tenant, what should have opened by a day; return the number.

    This includes periods missed while the portal was down: a period without its row
    would have a deadline that moves. Some tenants at a time, each time in a unit of
    work of the staff. Takes no tenant's lock: a period opens only once, and its mark
    shows that it has no summary yet.
    """
    running = Period.containing(today)
    wanted: dict[str, Any] = {
        "running": str(running),
        "ends_on": running.ends_on,
        "most": _AT_ONCE,
        "after": 0,
    }
    in_zone = cache(partial(_deadlines, today=today))
    opened = 0
    while True:
        with (
            unit_of_work.acting_for(unit_of_work.STAFF),
            connection.cursor() as cursor,
        ):
            cursor.execute(period_sql.WITHOUT_RUNNING_PERIOD, wanted)
            tenants = cursor.fetchall()
            if not tenants:
                return opened
            zones = {zone for _, zone in tenants}
            rows = [row for zone in sorted(zones) for row in in_zone(zone)]
            columns = map(list, zip(*rows, strict=True))
            parameters = dict(zip(_COLUMNS, columns, strict=True))
            parameters["tenants"] = [tenant_id for tenant_id, _ in tenants]
            cursor.execute(period_sql.OPEN_PERIODS, parameters | {"at": at})
            [(count,)] = cursor.fetchall()
        opened += count
        wanted["after"] = tenants[-1][0]


def owed_periods(tenant: Tenant, today: date) -> Iterator[Period]:
    """Yield a tenant's periods up to a day, the newest first."""
    for period in _past_periods(today):
        if period.ends_on < tenant.first_owed_on:
            return
        yield period


def _past_periods(today: date) -> Iterator[Period]:
    period = Period.containing(today)
    for _ in range(_PAST_PERIODS):
        yield period
        period = period.previous()


def _deadlines(zone: str, *, today: date) -> list[tuple[str, str, date, datetime]]:
    """Return the running and the past periods: zone, name, last day, deadline."""
    return [
        (zone, str(period), period.ends_on, deadline_of(zone, period))
        for period in _past_periods(today)
    ]


def _open(tenant: Tenant, periods: set[Period], *, at: datetime) -> None:
    """Open those of some periods that are not open, and mark them.

    A new period has no summary of any server: the whole tenant is marked for it.
    """
    wanted = TenantPeriod.objects.filter(
        tenant=tenant, period__in=[str(one) for one in periods]
    )
    there = set(wanted.values_list("period", flat=True))
    new = sorted(one for one in periods if str(one) not in there)
    if not new:
        return
    rows = [_opened(tenant, one, at=at) for one in new]
    # Whoever was first decides: a deadline does not move by opening it again.
    TenantPeriod.objects.bulk_create(rows, ignore_conflicts=True)
    span = PeriodRange(str(new[0]), str(new[-1]))
    marks.mark(tenant.pk, span, at=at, rank=MarkRank.WIDE)


def _opened(tenant: Tenant, period: Period, *, at: datetime) -> TenantPeriod:
    return TenantPeriod(
        tenant=tenant,
        period=str(period),
        zone=tenant.zone,
        deadline_at=deadline_of(tenant.zone, period),
        opened_at=at,
    )
