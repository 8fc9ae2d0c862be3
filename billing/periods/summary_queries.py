"""Returns the summaries of a tenant's periods: stored ones, or computed from the facts.

The summary leaves out files that nobody has judged yet, which prove nothing: as a rule
they are judged within the request that brings them, and what must be right beyond doubt
(a flag, a mail) looks at them itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any

from django.db.models import F

from billing.coverage import summary
from billing.coverage.facts import TenantFacts
from billing.coverage.licences import mode_on
from billing.coverage.periods import Period
from billing.coverage.summary import ServerSummary, Summary
from billing.models import (
    PeriodSummary,
    ServerPeriodSummary,
    TenantPeriod,
)
from billing.periods import load_facts, marks
from portal.models import Tenant

_LISTS = (
    *("missing_from", "fault_from", "with_us_from"),
    *("late", "graced", "graced_until"),
)


def compute_summary(tenant: Tenant, opened: TenantPeriod) -> Summary:
    """Compute one period's summary from all facts, in a fixed set of queries."""
    loaded = load_facts.load_facts(
        tenant, deadlines=[opened.effective_at], with_unjudged=False
    )
    period = Period.parse(opened.period)
    facts = loaded.facts(period, deadline_at=opened.effective_at, zone=opened.zone)
    return summary.summarise(period, facts, deadline_at=opened.effective_at)


def current_summaries(
    tenant: Tenant, opened: Iterable[TenantPeriod]
) -> dict[str, Summary]:
    """Return the summaries of opened periods as the facts are now, by period.

    In the tenant's unit of work. Two queries where the stored ones are fresh; what is
    stale, or not stored yet, is computed and not stored.
    """
    rows = {one.period: one for one in opened}
    # Read the marks first: a summary that the refresher stores after this query counts
    # as stale, and is computed.
    stale = marks.stale_periods(tenant.pk, rows)
    stored = PeriodSummary.objects.filter(tenant=tenant, period__in=list(rows))
    fresh = {
        one.period: stored_summary(one) for one in stored if one.period not in stale
    }
    return fresh | {
        period: compute_summary(tenant, rows[period])
        for period in rows
        if period not in fresh
    }


def current_summary(tenant: Tenant, opened: TenantPeriod) -> Summary:
    """Return one period's summary, as `current_summaries` does."""
    return current_summaries(tenant, [opened])[opened.period]


def merge_stored(
    tenant: Tenant,
    opened: Mapping[str, TenantPeriod],
    changes: Sequence[tuple[date, Sequence[str]]],
) -> dict[str, Summary]:
    """Merge the stored parts of all servers, by opened period; one query.

    `changes` are the changes of the tenant's licences.
    """
    parts: dict[str, dict[str, ServerSummary]] = {name: {} for name in opened}
    rows = ServerPeriodSummary.objects.filter(tenant=tenant, period__in=list(opened))
    for row in rows.annotate(server_name=F("server__name")):
        parts[row.period][row.server_name] = stored_server_summary(row)
    return {
        name: summary.merge(
            Period.parse(name),
            own,
            zone=opened[name].zone,
            collects=_collects(tenant, Period.parse(name), changes),
        )
        for name, own in parts.items()
    }


def _collects(
    tenant: Tenant, period: Period, changes: Iterable[tuple[date, Sequence[str]]]
) -> bool:
    facts = TenantFacts(
        zone=tenant.zone,
        first_on=tenant.first_owed_on,
        collects=partial(mode_on, changes),
    )
    return summary.collects_in(period, facts)


def stored_summary(row: PeriodSummary) -> Summary:
    """Return a stored row as the summary that it was made from."""
    return Summary(**_values(row, Summary.__dataclass_fields__))


def stored_server_summary(row: ServerPeriodSummary) -> ServerSummary:
    """Return a stored row as the part of the summary that it was made from."""
    return ServerSummary(**_values(row, ServerSummary.__dataclass_fields__))


def _values(
    row: PeriodSummary | ServerPeriodSummary, names: Iterable[str]
) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in names}
    return {
        name: tuple(value) if name in _LISTS else value
        for name, value in values.items()
    }
