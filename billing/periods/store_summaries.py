"""Stores the summaries of servers and periods.

In the running unit of work, under the tenant's lock. The caller stores the summaries of
servers, then those of periods, then updates the late flags (`billing.periods.refresh`).
The late check locks the period's row while it raises a flag, so that the later of the
two sees what the other did.
"""

from collections.abc import Iterable, Sequence
from functools import partial

from billing.coverage import summary
from billing.coverage.facts import TenantFacts
from billing.coverage.licences import mode_on
from billing.coverage.periods import Period
from billing.coverage.summary import ServerSummary, Summary
from billing.models import (
    LicenceChange,
    PeriodSummary,
    ServerPeriodSummary,
    TenantPeriod,
)
from portal.models import Tenant

_SERVER_COLUMNS = ("generation", *ServerSummary.__dataclass_fields__)
_PERIOD_COLUMNS = ("generation", "deadline_at", *Summary.__dataclass_fields__)


def server_row(
    tenant_id: int, server_id: int, period: str, found: ServerSummary, generation: int
) -> ServerPeriodSummary:
    """Return the row of a server's part, to be stored by `store_server_rows`."""
    return ServerPeriodSummary(
        tenant_id=tenant_id,
        server_id=server_id,
        period=period,
        generation=generation,
        **_columns(found),
    )


def store_server_rows(rows: Sequence[ServerPeriodSummary]) -> None:
    """Store the parts of servers, in place of earlier ones."""
    ServerPeriodSummary.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["tenant", "period", "server"],
        update_fields=_SERVER_COLUMNS,
    )


def store_period_rows(
    tenant_id: int, found: Iterable[tuple[TenantPeriod, Summary, int]]
) -> list[PeriodSummary]:
    """Store summaries with their generations, in place of earlier ones.

    Each row is written even if nothing in it changes: the write waits for a late check
    that holds the row, so that the flag is seen.
    """
    rows = [
        PeriodSummary(
            tenant_id=tenant_id,
            period=opened.period,
            generation=generation,
            deadline_at=opened.effective_at,
            **_columns(one),
        )
        for opened, one, generation in found
    ]
    PeriodSummary.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["period", "tenant"],
        update_fields=_PERIOD_COLUMNS,
    )
    return rows


def store_first_summaries(tenant: Tenant, opened: Iterable[TenantPeriod]) -> None:
    """Store the first summaries of a tenant that has its licences and nothing else.

    This reads nothing but the licences, so the staff who open the tenant can do it.
    """
    changes = LicenceChange.objects.filter(tenant=tenant)
    facts = TenantFacts(
        zone=tenant.zone,
        first_on=tenant.first_owed_on,
        collects=partial(mode_on, tuple(changes.values_list("from_on", "keys"))),
    )
    store_period_rows(
        tenant.pk,
        (
            (
                one,
                summary.summarise(
                    Period.parse(one.period), facts, deadline_at=one.effective_at
                ),
                0,
            )
            for one in opened
        ),
    )


def _columns(found: Summary | ServerSummary) -> dict[str, object]:
    values = {name: getattr(found, name) for name in found.__dataclass_fields__}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
    }
