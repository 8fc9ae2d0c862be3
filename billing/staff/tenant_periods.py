"""Lists a tenant's periods from their stored summaries, for its staff page."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from billing.coverage import summary
from billing.coverage.periods import Period
from billing.coverage.summary import SummaryNumbers
from billing.coverage.turns import Turn
from billing.models import PeriodSummary, TenantPeriod
from billing.periods import marks
from billing.periods import text as period_text
from billing.periods.headline import span_text
from billing.periods.summary_queries import stored_summary
from portal.models import Tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodRow:
    """An opened period; `numbers` is None where no summary is stored yet.

    Counts are of server-days, as stored; `is_updating`: newer files and changes are not
    counted yet.
    """

    period: Period
    name: str
    span: str
    mark: str
    standing: str
    covered: int
    owed: int
    numbers: SummaryNumbers | None
    late_from: datetime
    zone: str
    is_extended: bool
    is_updating: bool


def period_rows(
    tenant: Tenant, opened: Iterable[TenantPeriod], *, at: datetime
) -> list[PeriodRow]:
    """Return the rows of opened periods; two queries, in a unit of work of the tenant.

    Nothing is computed: a list shows stored numbers, and which are being updated.
    """
    named = {one.period: one for one in opened}
    stale = marks.stale_periods(tenant.pk, named)
    stored: Mapping[str, PeriodSummary] = {
        one.period: one
        for one in PeriodSummary.objects.filter(tenant=tenant, period__in=list(named))
    }
    return [
        _row(one, stored.get(name), is_updating=name in stale, at=at)
        for name, one in named.items()
    ]


def _row(
    opened: TenantPeriod, row: PeriodSummary | None, *, is_updating: bool, at: datetime
) -> PeriodRow:
    period = Period.parse(opened.period)
    mark, standing, numbers = "pending", "", None
    if row is not None:
        found = stored_summary(row)
        numbers = summary.numbers_at(found, at=at)
        deadline_at = opened.effective_at
        may_upload = bool(numbers.missing) or found.lacks_servers
        mark, standing = period_text.badge(
            summary.standing_at(found, deadline_at=deadline_at, at=at),
            turn=Turn.TENANT if may_upload else Turn.STAFF,
        )
    return PeriodRow(
        period=period,
        name=period_text.month_text(period),
        span=span_text(period),
        mark=mark,
        standing=standing,
        covered=row.covered if row else 0,
        owed=row.owed if row else 0,
        numbers=numbers,
        late_from=opened.effective_at,
        zone=opened.zone,
        is_extended=opened.extended_to is not None,
        is_updating=is_updating,
    )
