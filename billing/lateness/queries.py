"""Queries for late flags and safety stops, for billing staff.

Each runs in the caller's unit of work: of one tenant, or of the staff for all.
"""

from collections.abc import Collection, Mapping
from enum import StrEnum

from django.contrib.postgres.fields import ArrayField
from django.db.models import (
    CharField,
    Count,
    Exists,
    Func,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
)

from billing.coverage.periods import Period
from billing.models import (
    IS_WAIVED,
    LateFlag,
    PeriodSummary,
    SafetyStop,
    SummaryMark,
    TenantPeriod,
)


class FlagFilter(StrEnum):
    """A filter of the list of flags; a flag may match several."""

    TO_DECIDE = "to-decide"
    COMPLETED = "completed"
    DECIDED = "decided"
    WAIVED = "waived"
    VOID = "void"


_NOT_VOID = Q(voided_at=None)
_DECIDED_DAYS = Func(
    *("waived", "decided"),
    function="array_cat",
    output_field=ArrayField(CharField(max_length=300)),
)

_FILTERS: Mapping[FlagFilter, Q] = {
    FlagFilter.TO_DECIDE: _NOT_VOID & ~Q(still__contained_by=_DECIDED_DAYS),
    FlagFilter.COMPLETED: _NOT_VOID & Q(completed_at__isnull=False),
    FlagFilter.DECIDED: _NOT_VOID & ~Q(consequence=""),
    FlagFilter.WAIVED: IS_WAIVED,
    FlagFilter.VOID: ~_NOT_VOID,
}


def flags(kind: str = "", period: str = "") -> QuerySet[LateFlag]:
    """Return flags with their tenants, newest first; of one kind and period, or all.

    Each also has the `zone` that its period's deadline is in, and `is_updating` if the
    summary that it follows is stale, `has_failed` if that cannot be computed.
    """
    found = LateFlag.objects.filter(_wanted(period))
    if kind:
        found = found.filter(_FILTERS[FlagFilter(kind)])
    opened = TenantPeriod.objects.filter(
        tenant=OuterRef("tenant"), period=OuterRef("period")
    )
    summary = PeriodSummary.objects.filter(
        tenant=OuterRef("tenant"), period=OuterRef("period")
    )
    with_zones = found.annotate(
        zone=Subquery(opened.values("zone")[:1]),
        generation=Subquery(summary.values("generation")[:1]),
    ).annotate(
        is_updating=Exists(_marks_of_flag()),
        has_failed=Exists(_marks_of_flag().filter(failed_at__isnull=False)),
    )
    return with_zones.select_related("tenant").order_by("-raised_at", "pk")


def _marks_of_flag() -> QuerySet[SummaryMark]:
    """Return the marks that make the summary of the outer query's flag stale."""
    return SummaryMark.objects.filter(
        tenant=OuterRef("tenant"),
        first_period__lte=OuterRef("period"),
        last_period__gte=OuterRef("period"),
        generation__gt=OuterRef("generation"),
    )


def counts(period: str = "") -> dict[str, int]:
    """Count the flags of a period, or all: together under an empty name, by kind."""
    wanted = {
        kind.name.lower(): Count("pk", filter=found) for kind, found in _FILTERS.items()
    }
    found = LateFlag.objects.filter(_wanted(period)).aggregate(
        all=Count("pk"), **wanted
    )
    return {"": found.pop("all"), **found}


def awaiting_decision() -> QuerySet[LateFlag]:
    """Return the flags with days that nobody has decided on, of all periods."""
    return LateFlag.objects.filter(_FILTERS[FlagFilter.TO_DECIDE])


def flagged(tenants: Collection[int], period: Period) -> set[int]:
    """Return which of some tenants have a flag for a period that is not void."""
    found = LateFlag.objects.filter(_NOT_VOID, tenant__in=tenants, period=str(period))
    return set(found.values_list("tenant_id", flat=True))


def periods() -> list[str]:
    """List the periods that have flags, newest first."""
    named = LateFlag.objects.order_by("-period").values_list("period", flat=True)
    return list(named.distinct())


def stops() -> QuerySet[SafetyStop]:
    """Return the safety stops that nobody has released, newest period first."""
    return SafetyStop.objects.filter(released_at=None).order_by("-period")


def _wanted(period: str) -> Q:
    return Q(period=period) if period else Q()
