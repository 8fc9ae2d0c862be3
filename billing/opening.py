"""What is written down when a tenant begins to owe: licences, periods, deadlines."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime

from billing.models import LicenceChange, TenantPeriod
from billing.periods import Period
from billing.queries import deadline_of
from portal import access, audit
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
    """Write down which licence keys a tenant holds from a day on."""
    access.hold_tenant(tenant_id)
    LicenceChange.objects.update_or_create(
        tenant_id=tenant_id,
        from_on=from_on,
        defaults={"keys": list(licence_keys), "changed_by": by, "changed_at": at},
    )
    audit.append(
        tenant_id=tenant_id,
        actor=by,
        act="licences-recorded",
        subject=", ".join(licence_keys) or "none",
        details={"from_on": str(from_on)},
        at=at,
    )


def open_period(tenant: Tenant, period: Period, *, at: datetime) -> None:
    """Write a period's deadline down, in the running unit of work; once only."""
    TenantPeriod.objects.bulk_create(
        [_opened(tenant, period, at=at)],
        # Whoever was first decides: a deadline does not move by opening it again.
        ignore_conflicts=True,
    )


def open_until(tenant: Tenant, *, today: date, at: datetime) -> None:
    """Open all periods of a tenant up to the one of a day, as far as they are not.

    In the running unit of work: a tenant that owes from an earlier day on has its
    past deadlines from the beginning, and no later change of zone moves them.
    """
    TenantPeriod.objects.bulk_create(
        [_opened(tenant, period, at=at) for period in owed_periods(tenant, today)],
        ignore_conflicts=True,
    )


def open_current_periods(*, today: date, at: datetime) -> int:
    """Open, for every tenant, what should have opened by a day; return the number.

    Also what was missed while nothing ran: a period without its row would have a
    deadline that moves.
    """
    with access.acting_for(access.STAFF):
        opened = set(TenantPeriod.objects.values_list("tenant", "period"))
        missing = [
            _opened(tenant, period, at=at)
            for tenant in Tenant.objects.order_by("pk")
            for period in owed_periods(tenant, today)
            if (tenant.pk, str(period)) not in opened
        ]
        TenantPeriod.objects.bulk_create(missing, 1_000, ignore_conflicts=True)
    return len(missing)


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
