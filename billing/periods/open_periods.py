"""Opens a tenant's periods with their deadlines, and records its licences."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime

from billing.coverage.periods import Period
from billing.models import LicenceChange, PeriodSummary, TenantPeriod
from billing.periods import refresh_summary
from billing.periods.queries import deadline_of
from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.models import Tenant

# How far back periods are opened: three years. Nobody is billed for what lies further
# back, and a first day that was mistyped must not make a thousand rows.
_PAST_PERIODS = 36


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
    audit_log.append(
        tenant_id=tenant_id,
        actor=by,
        act="licences-recorded",
        subject=", ".join(licence_keys) or "none",
        details={"from_on": str(from_on)},
        at=at,
    )


def open_period(tenant: Tenant, period: Period, *, at: datetime) -> None:
    """Store a period's deadline, in the running unit of work; once only."""
    TenantPeriod.objects.bulk_create(
        [_opened(tenant, period, at=at)],
        # Whoever was first decides: a deadline does not move by opening it again.
        ignore_conflicts=True,
    )


def open_until(tenant: Tenant, *, today: date, at: datetime) -> None:
    """Open all periods of a new tenant up to the one of a day.

    In the running unit of work, once its licences are recorded: a tenant that owes
    from an earlier day on has its past deadlines from the beginning, and no later
    change of zone moves them. It has no servers yet.
    """
    refresh_summary.store_first_summaries(
        tenant, _open(tenant, owed_periods(tenant, today), at=at)
    )


def open_current_periods(*, today: date, at: datetime) -> int:
    """Open, for every tenant, what should have opened by a day; return the number.

    Also what was missed while nothing ran: a period without its row would have a
    deadline that moves. Each tenant in a unit of work of its own, so that what is done
    stays done.
    """
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        summarised = set(PeriodSummary.objects.values_list("tenant", "period"))
        missing = {
            tenant: periods
            for tenant in Tenant.objects.order_by("pk")
            if (
                periods := [
                    period
                    for period in owed_periods(tenant, today)
                    if (tenant.pk, str(period)) not in summarised
                ]
            )
        }
    for tenant, periods in missing.items():
        with unit_of_work.acting_for(tenant.pk, holding=True):
            _open_and_summarise(tenant, periods, at=at)
    return sum(map(len, missing.values()))


def open_due(tenant: Tenant, *, today: date, at: datetime) -> None:
    """Open what should have opened by a day, in the tenant's unit of work.

    Under the tenant's lock; with the summaries of the new periods.
    """
    summarised = set(PeriodSummary.objects.values_list("period", flat=True))
    periods = owed_periods(tenant, today)
    new = [one for one in periods if str(one) not in summarised]
    _open_and_summarise(tenant, new, at=at)


def _open_and_summarise(
    tenant: Tenant, periods: Iterable[Period], *, at: datetime
) -> None:
    names = [row.period for row in _open(tenant, periods, at=at)]
    opened = TenantPeriod.objects.filter(period__in=names)
    refresh_summary.refresh_summaries(tenant, opened, at=at)


def open_missing(tenant: Tenant, *, today: date, at: datetime) -> None:
    """Open what should have opened by a day, in the running unit of work.

    Without their summaries: the caller, who changes what is owed, refreshes them all.
    """
    _open(tenant, owed_periods(tenant, today), at=at)


def _open(
    tenant: Tenant, periods: Iterable[Period], *, at: datetime
) -> list[TenantPeriod]:
    rows = [_opened(tenant, period, at=at) for period in periods]
    TenantPeriod.objects.bulk_create(rows, ignore_conflicts=True)
    return rows


def owed_periods(tenant: Tenant, today: date) -> Iterator[Period]:
    """Yield a tenant's periods up to a day, the newest first."""
    period = Period.containing(today)
    for _ in range(_PAST_PERIODS):
        if period.ends_on < tenant.first_owed_on:
            return
        yield period
        period = period.previous()


def _opened(tenant: Tenant, period: Period, *, at: datetime) -> TenantPeriod:
    return TenantPeriod(
        tenant=tenant,
        period=str(period),
        zone=tenant.zone,
        deadline_at=deadline_of(tenant, period),
        opened_at=at,
    )
