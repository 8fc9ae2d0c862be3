"""Reads of what is owed. Each runs in the caller's unit of work."""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from django.conf import settings

from billing import knowing, periods
from billing.models import TenantPeriod
from billing.periods import Period
from billing.standing import Judgement, Standing, judge
from portal.models import Tenant

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodView:
    """A tenant's period as it is shown; `zone` is the one the deadline is told in."""

    period: Period
    zone: str
    deadline_at: datetime
    judgement: Judgement


def view_period(period: Period, *, at: datetime) -> PeriodView:
    """Return one period of the tenant that this unit of work is for."""
    tenant = Tenant.objects.get()
    opened = TenantPeriod.objects.filter(period=str(period)).first()
    # A period that nothing has opened yet shows what it would open with.
    deadline_at = opened.effective_at if opened else deadline_of(tenant, period)
    zone = opened.zone if opened else tenant.zone
    facts = knowing.tenant_facts(tenant, period, deadline_at=deadline_at, zone=zone)
    return PeriodView(
        period=period,
        zone=zone,
        deadline_at=deadline_at,
        judgement=judge(period, facts, deadline_at=deadline_at, at=at),
    )


def deadline_of(tenant: Tenant, period: Period) -> datetime:
    """Return the deadline that a period would open with now."""
    zone = periods.zone_named(tenant.zone)
    return periods.deadline_at(period, zone, late_from=settings.LATE_FROM)


def view_urgent_period(*, at: datetime) -> PeriodView:
    """Return the period that somebody comes for: the last one until it is complete."""
    tenant = Tenant.objects.get()
    running = Period.containing(at.astimezone(periods.zone_named(tenant.zone)).date())
    last = view_period(running.previous(), at=at)
    done = (Standing.COMPLETE, Standing.COMPLETED_LATE, Standing.NOTHING_OWED)
    if last.judgement.standing in done:
        return view_period(running, at=at)
    return last


def opened_periods(*, most: int) -> list[TenantPeriod]:
    """Return the tenant's periods that have opened, newest first."""
    return list(TenantPeriod.objects.order_by("-period")[:most])
