"""Finds out which summaries of a tenant are stale, and computes some of them.

In the tenant's unit of work, under its lock: while that is held, nobody changes a fact
or sets a mark.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

from billing.coverage import summary
from billing.coverage.periods import Period
from billing.coverage.summary import Summary
from billing.models import (
    PeriodSummary,
    ServerPeriodSummary,
    SummaryMark,
    TenantPeriod,
)
from billing.periods import load_facts, store_summaries, summary_queries
from billing.periods.load_facts import LoadedFacts
from portal.models import Tenant
from usage.models import Server

# Periods whose servers are read at once to be merged.
_MERGED_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class StaleServerPeriod:
    """A server and period to compute; `generation` is that of its newest mark.

    `is_own`: a mark names this server, not all of them.
    """

    server: Server
    opened: TenantPeriod
    generation: int
    is_own: bool


@dataclass(kw_only=True)
class StaleSummaries:
    """The stale summaries of a tenant: `server_periods`, and whole `periods`.

    `generations` has the newest mark that covers a period.
    """

    tenant: Tenant
    marks: list[SummaryMark]
    generations: dict[str, int]
    periods: dict[str, TenantPeriod]
    loaded: LoadedFacts | None
    server_periods: list[StaleServerPeriod] = field(default_factory=list)

    def changed_at(self) -> dict[str, datetime]:
        """Return the instant of the newest change of each stale period."""
        return {
            name: max(
                (one.changed_at for one in self.marks if one.covers(name)),
                default=opened.opened_at,
            )
            for name, opened in self.periods.items()
        }


def find(tenant_id: int, *, period: str | None = None) -> StaleSummaries:
    """Find what is stale, in all periods or in one; in a fixed set of queries."""
    wanted = SummaryMark.objects.filter(tenant=tenant_id)
    if period is not None:
        wanted = wanted.filter(first_period__lte=period, last_period__gte=period)
    marks = list(wanted.order_by("rank", "due_at"))
    opened = _opened_periods(tenant_id, marks, period)
    stored = dict(
        PeriodSummary.objects.filter(
            tenant=tenant_id, period__in=list(opened)
        ).values_list("period", "generation")
    )
    generations = {name: _newest(marks, name) for name in opened}
    stale = {
        name: one
        for name, one in opened.items()
        if name not in stored or generations[name] > stored[name]
    }
    tenant = Tenant.objects.get(pk=tenant_id)
    found = StaleSummaries(
        tenant=tenant,
        marks=marks,
        generations=generations,
        periods=stale,
        loaded=_load(tenant, stale),
    )
    if found.loaded is not None:
        found.server_periods = sorted(
            _server_periods(found, found.loaded), key=_own_marks_first
        )
    return found


def compute_server_periods(
    found: StaleSummaries, *, until: float
) -> Iterator[tuple[StaleServerPeriod, ServerPeriodSummary]]:
    """Yield stale server periods and their rows until an instant of `time.monotonic`.

    At least one, if there is any. Server by server: all accepted files of a server are
    loaded once.
    """
    if found.loaded is None:
        return
    since = min(one.effective_at for one in found.periods.values())
    for server, stale in groupby(found.server_periods, key=lambda one: one.server):
        own = found.loaded.of_server(server, since=since)
        for one in stale:
            yield one, _compute(found.tenant, own, one)
            if time.monotonic() >= until:
                return


def merged_summaries(
    found: StaleSummaries, periods: Iterable[str], *, until: float
) -> Iterator[tuple[TenantPeriod, Summary, int]]:
    """Yield the tenant's summaries of periods all of whose servers are stored.

    Until an instant of `time.monotonic`, newest period first; at least
    `_MERGED_AT_ONCE` of them, if there are so many.
    """
    names, loaded = sorted(periods, reverse=True), found.loaded
    if loaded is None:
        return
    for start in range(0, len(names), _MERGED_AT_ONCE):
        wanted = {
            name: found.periods[name] for name in names[start : start + _MERGED_AT_ONCE]
        }
        merged = summary_queries.merge_stored(found.tenant, wanted, loaded.changes)
        for name, one in merged.items():
            yield wanted[name], one, found.generations[name]
        if time.monotonic() >= until:
            return


def _opened_periods(
    tenant_id: int, marks: list[SummaryMark], period: str | None
) -> dict[str, TenantPeriod]:
    """Return the opened periods that a mark covers, or the given one; newest first."""
    wanted = TenantPeriod.objects.filter(tenant=tenant_id)
    if period is not None:
        wanted = wanted.filter(period=period)
    elif marks:
        wanted = wanted.filter(
            period__gte=min(one.first_period for one in marks),
            period__lte=max(one.last_period for one in marks),
        )
    else:
        return {}
    return {
        one.period: one
        for one in wanted.order_by("-period")
        if period is not None or _newest(marks, one.period)
    }


def _newest(marks: Iterable[SummaryMark], period: str) -> int:
    """Return the generation of the newest mark of a period, 0 for none."""
    covering = (one.generation for one in marks if one.covers(period))
    return max(covering, default=0)


def _load(tenant: Tenant, stale: dict[str, TenantPeriod]) -> LoadedFacts | None:
    if not stale:
        return None
    deadlines = [one.effective_at for one in stale.values()]
    return load_facts.load_facts(
        tenant, deadlines=deadlines, with_unjudged=False, by_server=True
    )


def _server_periods(
    found: StaleSummaries, loaded: LoadedFacts
) -> Iterator[StaleServerPeriod]:
    rows = ServerPeriodSummary.objects.filter(
        tenant=found.tenant, period__in=list(found.periods)
    )
    stored = {
        (server_id, period): generation
        for server_id, period, generation in rows.values_list(
            "server", "period", "generation"
        )
    }
    for server in loaded.servers:
        own = [one for one in found.marks if one.server_id in (None, server.pk)]
        for name, opened in found.periods.items():
            covering = [one for one in own if one.covers(name)]
            needed = max((one.generation for one in covering), default=0)
            generation = stored.get((server.pk, name))
            if generation is None or generation < needed:
                is_own = any(one.server_id is not None for one in covering)
                yield StaleServerPeriod(server, opened, needed, is_own)


def _own_marks_first(one: StaleServerPeriod) -> tuple[bool, str]:
    # Sorting is stable: the periods of a server stay newest first.
    return not one.is_own, one.server.name


def _compute(
    tenant: Tenant, own: LoadedFacts, stale: StaleServerPeriod
) -> ServerPeriodSummary:
    opened = stale.opened
    period, deadline_at = Period.parse(opened.period), opened.effective_at
    facts = own.facts(period, deadline_at=deadline_at, zone=opened.zone)
    part = summary.summarise_server(period, facts, deadline_at=deadline_at)
    return store_summaries.server_row(
        tenant.pk, stale.server.pk, opened.period, part, stale.generation
    )
