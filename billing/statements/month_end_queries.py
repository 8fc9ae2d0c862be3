"""Queries of the month end: the tenants of a period by what prevents issuing.

Each runs in the caller's unit of work of the staff. A statement that is being updated
is not ready: issuing computes it first, and its figures and what prevents it may then
be different.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet

from billing.coverage.periods import Period
from billing.coverage.summary import SummaryNumbers, numbers_at
from billing.models import (
    CurrentStatement,
    PeriodSummary,
    Statement,
    StatementMark,
    StatementState,
    TenantPeriod,
)
from billing.periods.summary_queries import stored_summary
from billing.statements.comparison import UNUSUAL_FACTOR
from billing.statements.expiry import is_expired, last_ended_period
from billing.statements.refresh import LARGE


class MonthEndFilter(StrEnum):
    """A filter of the tenants at the month end, by their current statement."""

    READY = "ready"
    ISSUED = "issued"
    DRAFT = "draft"
    INCOMPLETE = "incomplete"
    BLOCKED = "blocked"
    UNUSUAL = "unusual"


_IS_ISSUED = Q(state=StatementState.ISSUED)
_IS_BLOCKED = ~Q(unclassified=[]) | ~Q(unreadable=[])
_IS_EMPTY = Q(owed=0, file_count=0, lacking=0)

_FILTERS: Mapping[MonthEndFilter, Q] = {
    MonthEndFilter.READY: Q(
        state=StatementState.PROVISIONAL, is_over=True, pending=0, lacking=0
    )
    & ~_IS_BLOCKED
    & ~_IS_EMPTY,
    MonthEndFilter.ISSUED: _IS_ISSUED,
    MonthEndFilter.DRAFT: Q(state=StatementState.DRAFT),
    MonthEndFilter.INCOMPLETE: ~_IS_ISSUED & Q(lacking__gt=0),
    MonthEndFilter.BLOCKED: _IS_BLOCKED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthEndFacts:
    """The statements of some tenants for a period, by tenant.

    `currents` lacks tenants whose statement was never computed; `updating` are those
    whose figures are older than the newest change, or than the end of the period.
    `numbers` are of the stored summaries, as on the desk. `versions` are the last
    issued. `previous_peaks` are those of Agents in the previous period, as they are
    known now.
    """

    currents: Mapping[int, CurrentStatement]
    previous_peaks: Mapping[int, int]
    versions: Mapping[int, int]
    updating: frozenset[int]
    numbers: Mapping[int, SummaryNumbers]


def month_end_tenants(
    period: Period, kind: str, *, at: datetime
) -> QuerySet[TenantPeriod]:
    """Return the tenants that have opened a period, by name; of one kind, or all."""
    found = TenantPeriod.objects.filter(period=str(period)).select_related("tenant")
    if kind:
        current = CurrentStatement.objects.filter(
            _filters(period, at=at)[MonthEndFilter(kind)],
            tenant=OuterRef("tenant"),
            period=str(period),
        )
        found = found.filter(Exists(current))
    return found.order_by("tenant__name", "tenant__number")


def month_end_counts(period: Period, *, at: datetime) -> dict[str, int]:
    """Count the tenants of a period by filter; the empty name has all of them."""
    counted = {
        kind.value: Count("pk", filter=found)
        for kind, found in _filters(period, at=at).items()
    }
    currents = CurrentStatement.objects.filter(period=str(period))
    total = TenantPeriod.objects.filter(period=str(period)).count()
    return {"": total, **currents.aggregate(**counted)}


def _filters(period: Period, *, at: datetime) -> Mapping[MonthEndFilter, Q]:
    """Return the filters of a period, some of which compare it with the previous."""
    before = CurrentStatement.objects.filter(
        Q(agent_peak__gte=UNUSUAL_FACTOR * OuterRef("agent_peak"))
        | Q(agent_peak__lte=OuterRef("agent_peak") / UNUSUAL_FACTOR),
        tenant=OuterRef("tenant"),
        period=str(period.previous()),
        agent_peak__gt=0,
    )
    is_unusual = Q(file_count__gt=0, is_over=True, pending=0) & Q(Exists(before))
    ready = _FILTERS[MonthEndFilter.READY] & ~_is_updating(period, at=at)
    return {
        **_FILTERS,
        MonthEndFilter.READY: ready,
        MonthEndFilter.UNUSUAL: is_unusual,
    }


def _is_updating(period: Period, *, at: datetime) -> Q:
    """Return the condition that a statement is stale, as the desk shows it."""
    newer = StatementMark.objects.filter(
        tenant=OuterRef("tenant"),
        first_period__lte=str(period),
        last_period__gte=str(period),
        generation__gt=OuterRef("generation"),
    )
    found = Q(Exists(newer))
    if period <= last_ended_period(at):
        found |= Q(fresh_until__isnull=False, fresh_until__lte=at)
    return found


def month_end_facts(
    period: Period, tenant_ids: Iterable[int], *, at: datetime
) -> MonthEndFacts:
    """Load the statements of some tenants."""
    name, ids = str(period), list(tenant_ids)
    currents = CurrentStatement.objects.filter(tenant__in=ids, period=name)
    found = {one.tenant_id: one for one in currents.defer(*LARGE)}
    issued = Statement.objects.filter(tenant__in=ids, period=name)
    versions = issued.values_list("tenant").annotate(last=Max("version"))
    before = CurrentStatement.objects.filter(
        tenant__in=ids, period=str(period.previous()), file_count__gt=0
    )
    summaries = PeriodSummary.objects.filter(tenant__in=ids, period=name)
    return MonthEndFacts(
        currents=found,
        previous_peaks=dict(before.values_list("tenant", "agent_peak")),
        versions=dict(versions),
        updating=_changed(period, ids, found)
        | {tenant_id for tenant_id, one in found.items() if is_expired(one, at=at)},
        numbers={
            one.tenant_id: numbers_at(stored_summary(one), at=at) for one in summaries
        },
    )


def _changed(
    period: Period, tenant_ids: Iterable[int], found: Mapping[int, CurrentStatement]
) -> frozenset[int]:
    """Return the tenants with a mark that their stored statement does not include."""
    marks = StatementMark.objects.filter(
        tenant__in=tenant_ids,
        first_period__lte=str(period),
        last_period__gte=str(period),
    )
    return frozenset(
        tenant_id
        for tenant_id, generation in marks.values_list("tenant", "generation")
        if tenant_id not in found or found[tenant_id].generation < generation
    )
