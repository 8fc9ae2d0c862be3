"""Queries for a tenant's periods and deadlines, in the caller's unit of work."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from billing.coverage import periods
from billing.coverage.periods import Period
from billing.coverage.standing import Judgement, Standing, judge
from billing.coverage.summary import late_at
from billing.models import (
    IS_WAIVED,
    Excuse,
    LateFlag,
    PeriodOutcome,
    PeriodSummary,
    ServerPeriodSummary,
    TenantPeriod,
)
from billing.periods import load_facts, summary_queries
from portal.models import Tenant
from usage.files.waiting import NO_FILES, WaitingFiles, sum_up, waiting_files

# How many periods are searched for others that are late: those of a year.
_A_YEAR = 12


@dataclass(frozen=True, slots=True)
class PeriodWaiting:
    """Files and excuses of one tenant's period that wait; `excuses` is their number."""

    files: WaitingFiles
    excuses: int

    @property
    def to_confirm(self) -> int:
        """The number of files that wait for a server key."""
        return sum(self.files.to_confirm.values())

    @property
    def to_decide(self) -> int:
        """The number of files and excuses that wait for the billing team."""
        return self.files.held + self.excuses


NOTHING_WAITS = PeriodWaiting(NO_FILES, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodView:
    """A tenant's period as it is shown; `zone` is the one the deadline is shown in.

    `waived` are the server-days that staff have waived, as the deadline's late flag has
    them. `extended_to` is the deadline where staff have moved it. `waiting` is what the
    period waits for besides missing files.
    """

    period: Period
    zone: str
    deadline_at: datetime
    judgement: Judgement
    waiting: PeriodWaiting
    waived: frozenset[str] = frozenset()
    extended_to: datetime | None = None

    @property
    def missing_days(self) -> frozenset[str]:
        """The server-days that the tenant should upload, as late flags name them."""
        return frozenset(
            f"{one.day} {one.server}"
            for one in self.judgement.calendar.missing
            if not one.is_fault
        )

    @property
    def is_waived(self) -> bool:
        """Whether the period is late, and all that is missing in it is waived."""
        missing = self.missing_days
        is_late = self.judgement.standing is Standing.LATE
        return is_late and bool(missing) and missing <= self.waived

    @property
    def due_at(self) -> datetime:
        """The end of the due day, which extensions do not move."""
        return periods.day_ends_at(self.period.target_on, periods.zone_named(self.zone))

    @property
    def late_next_at(self) -> datetime | None:
        """When the next missing day makes the period late, if after the deadline."""
        return self.judgement.late_next_at


@dataclass(frozen=True, slots=True)
class OverduePeriod:
    """A period past its deadline, and how many server-days are missing in it now.

    `is_late` is False if no missing day counts as late, for example because the tenant
    was opened, or its request refused, after the deadline.
    """

    period: Period
    missing: int
    is_late: bool


def view_period(period: Period, *, at: datetime) -> PeriodView:
    """Return one period of the tenant that this unit of work is for."""
    tenant = Tenant.objects.get()
    flags = _flags(Coalesce(OuterRef("extended_to"), OuterRef("deadline_at")))
    opened = (
        TenantPeriod.objects.filter(period=str(period))
        .annotate(waived=Subquery(flags.values("waived")[:1]))
        .first()
    )
    # A period that nothing has opened yet shows what it would open with.
    deadline_at = opened.effective_at if opened else deadline_of(tenant.zone, period)
    zone = opened.zone if opened else tenant.zone
    facts = load_facts.tenant_facts(tenant, period, deadline_at=deadline_at, zone=zone)
    judgement = judge(period, facts, deadline_at=deadline_at, at=at)
    servers = {tenant.pk: judgement.calendar.waiting_servers}
    waiting = waiting_of([tenant.pk], period, waiting=servers)
    return PeriodView(
        period=period,
        zone=zone,
        deadline_at=deadline_at,
        judgement=judgement,
        waiting=waiting.get(tenant.pk, NOTHING_WAITS),
        waived=frozenset((opened and opened.waived) or ()),
        extended_to=opened.extended_to if opened else None,
    )


def waiting_of(
    tenant_ids: Collection[int],
    period: Period,
    *,
    waiting: Mapping[int, Collection[str]],
) -> dict[int, PeriodWaiting]:
    """Return what a period of some tenants waits for, by tenant; two queries.

    In the unit of work of a tenant or of the staff. `waiting` are the names of servers
    with days that wait. A file of another period counts only for such a server, and
    not if an excuse is open for it. Excuses of file numbers count in each period,
    because the numbers can belong to any.
    """
    files = waiting_files(tenant_ids, period.starts_on, period.ends_on)
    open_excuses = (
        Excuse.objects.filter(decision="", answered_at=None, tenant__in=tenant_ids)
        .filter(Q(days__overlap=list(period.days())) | Q(series__isnull=False))
        .values_list("tenant_id", "server__name")
        .annotate(count=Count("pk"))
        .order_by("tenant_id", "server__name")
    )
    excuses: dict[int, dict[str, int]] = defaultdict(dict)
    for tenant_id, server, count in open_excuses:
        excuses[tenant_id][server] = count
    return {
        one: PeriodWaiting(
            sum_up(
                files.get(one, ()),
                waiting={*waiting.get(one, ())} - excuses.get(one, {}).keys(),
            ),
            sum(excuses.get(one, {}).values()),
        )
        for one in {*files, *excuses}
    }


def waiting_servers(tenant_ids: Collection[int], period: Period) -> dict[int, set[str]]:
    """Return the servers with days that wait, by tenant; one query, of summaries.

    In the unit of work of a tenant or of the staff.
    """
    rows = ServerPeriodSummary.objects.filter(
        tenant__in=tenant_ids, period=str(period), with_us_from__len__gt=0
    )
    found: dict[int, set[str]] = defaultdict(set)
    for tenant_id, server in rows.values_list("tenant_id", "server__name"):
        found[tenant_id].add(server)
    return found


def other_late_periods(shown: Period, *, at: datetime) -> list[OverduePeriod]:
    """Return the overdue periods besides the one shown that are late."""
    return [one for one in overdue_periods(shown, at=at) if one.is_late]


def late_before(
    tenant_ids: Collection[int], shown: Period, *, at: datetime
) -> dict[int, tuple[Period, ...]]:
    """Return the late periods of some tenants before the one shown, newest first.

    As `other_late_periods` does for one tenant, but from the stored summaries alone;
    one query, in a unit of work of the staff.
    """
    rows = (
        PeriodSummary.objects.filter(
            tenant__in=tenant_ids,
            period__gte=str(_year_before(shown)),
            period__lt=str(shown),
            outcome=PeriodOutcome.LACKING,
            open_until__lte=at,
            late_from__lte=at,
            lacking__gt=0,
        )
        .exclude(Exists(_flags(OuterRef("deadline_at")).filter(IS_WAIVED)))
        .order_by("tenant", "-period")
    )
    found: dict[int, tuple[Period, ...]] = {}
    for tenant_id, name in rows.values_list("tenant_id", "period"):
        found[tenant_id] = (*found.get(tenant_id, ()), Period.parse(name))
    return found


def overdue_periods(shown: Period, *, at: datetime) -> list[OverduePeriod]:
    """Return the periods besides the one shown that are past their deadline.

    Only those in which something is still missing and not waived, newest first, of the
    last year; in the unit of work of a tenant. A few queries, of summaries; a period
    whose summary is stale is computed.
    """
    first = _year_before(shown)
    effective_at = Coalesce("extended_to", "deadline_at")
    outer = Coalesce(OuterRef("extended_to"), OuterRef("deadline_at"))
    opened = (
        TenantPeriod.objects.annotate(effective=effective_at)
        .filter(period__gte=str(first), effective__lte=at)
        .exclude(period=str(shown))
        .exclude(Exists(_flags(outer).filter(IS_WAIVED)))
        .order_by("-period")[:_A_YEAR]
    )
    rows = {row.period: row for row in opened}
    if not rows:
        return []
    found = summary_queries.current_summaries(Tenant.objects.get(), rows.values())
    return [
        OverduePeriod(
            Period.parse(name),
            len(found[name].missing_from),
            is_late=bool(late_at(found[name], deadline_at=row.effective_at, at=at)),
        )
        for name, row in rows.items()
        if found[name].missing_from
    ]


def _year_before(period: Period) -> Period:
    for _ in range(_A_YEAR):
        period = period.previous()
    return period


def _flags(deadline_at: Coalesce | OuterRef) -> QuerySet[LateFlag]:
    """Return the late flag of the outer query's period, for its effective deadline."""
    return LateFlag.objects.filter(
        tenant=OuterRef("tenant"),
        period=OuterRef("period"),
        deadline_at=deadline_at,
        voided_at=None,
    )


def deadline_of(zone: str, period: Period) -> datetime:
    """Return the deadline that a period would open with now, in a tenant's zone."""
    return periods.deadline_at(
        period, periods.zone_named(zone), late_from=settings.LATE_FROM
    )


def opened_periods(*, most: int) -> list[TenantPeriod]:
    """Return the tenant's periods that have opened, newest first."""
    return list(TenantPeriod.objects.order_by("-period")[:most])
