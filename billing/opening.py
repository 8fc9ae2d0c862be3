"""What is written down when a tenant begins to owe: licences, periods, deadlines."""

from collections.abc import Sequence
from datetime import date, datetime

from billing.models import LicenceChange, TenantPeriod
from billing.periods import Period
from billing.queries import deadline_of
from portal import access, audit
from portal.models import Tenant


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
        [
            TenantPeriod(
                tenant=tenant,
                period=str(period),
                zone=tenant.zone,
                deadline_at=deadline_of(tenant, period),
                opened_at=at,
            )
        ],
        # Whoever was first decides: a deadline does not move by opening it again.
        ignore_conflicts=True,
    )


def open_current_periods(*, today: date, at: datetime) -> int:
    """Open, for every tenant, the period of a day; return the number of tenants."""
    period = Period.containing(today)
    with access.acting_for(access.STAFF):
        opened = TenantPeriod.objects.filter(period=str(period))
        missing = list(
            Tenant.objects.filter(first_owed_on__lte=period.ends_on)
            .exclude(pk__in=opened.values("tenant"))
            .order_by("pk")
        )
        for tenant in missing:
            open_period(tenant, period, at=at)
    return len(missing)
