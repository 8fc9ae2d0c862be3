"""Compares stored summaries with freshly computed ones."""

from collections.abc import Iterator

from billing.coverage.summary import Summary
from billing.models import PeriodSummary, TenantPeriod
from billing.periods import refresh, summary_queries
from portal.db import unit_of_work
from portal.models import Tenant
from tests.builders import Company


def differing(company: Company) -> list[tuple[str, Summary, Summary]]:
    """Return the periods of which something else is stored than the facts give."""
    refresh.refresh_all(seconds=60)
    with unit_of_work.acting_for(company.id, reading=True):
        tenant = Tenant.objects.get()
        kept = {
            row.period: summary_queries.stored_summary(row)
            for row in PeriodSummary.objects.all()
        }
        found = {
            one.period: summary_queries.compute_summary(tenant, one) for one in opened()
        }
    assert kept.keys() == found.keys()
    return [
        (name, kept[name], found[name]) for name in kept if kept[name] != found[name]
    ]


def opened() -> Iterator[TenantPeriod]:
    yield from TenantPeriod.objects.order_by("period")
