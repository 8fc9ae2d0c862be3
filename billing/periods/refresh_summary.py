"""Refreshes the stored summary of each opened period when its facts change.

In the transaction that makes the change, under the tenant's lock. The summary leaves
out files that nobody has judged yet, which prove nothing: as a rule they are judged
within the request that brings them, and what must be right beyond doubt (a flag, a
mail) looks at them itself.
"""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import date, datetime, timedelta
from functools import partial

from django.db.models import Q

from billing.coverage.facts import TenantFacts
from billing.coverage.licences import mode_on
from billing.coverage.periods import Period
from billing.coverage.summary import Summary, summarise
from billing.lateness import update_flags
from billing.models import LicenceChange, PeriodSummary, TenantPeriod
from billing.periods import load_facts
from billing.periods.load_facts import LoadedFacts
from portal.models import Tenant
from usage.files import chains
from usage.models import UsageFile

# What a file proves reaches to its neighbours, and its instants may lie on other days
# than the one it is for.
_ROOM = timedelta(days=2)

_FIELDS = ("deadline_at", *Summary.__dataclass_fields__)


def compute_summary(tenant: Tenant, opened: TenantPeriod) -> Summary:
    """Compute one period's summary from all facts, in a fixed set of queries."""
    loaded = load_facts.load_facts(
        tenant, deadlines=[opened.effective_at], with_unjudged=False
    )
    return _computed(loaded, opened)


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
    _store(tenant, ((one, _summarised(one, facts)) for one in opened))


def refresh_summaries(
    tenant: Tenant, opened: Iterable[TenantPeriod], *, at: datetime
) -> None:
    """Store the summaries of some periods as of `at`, in the running unit of work.

    Under the tenant's lock. Also updates the late flags of these periods.
    """
    periods = list(opened)
    if not periods:
        return
    loaded = load_facts.load_facts(
        tenant, deadlines=[one.effective_at for one in periods], with_unjudged=False
    )
    stored = _store(tenant, ((one, _computed(loaded, one)) for one in periods))
    update_flags.update_flags(tenant.pk, {row.period: row for row in stored}, at=at)


def _store(
    tenant: Tenant, found: Iterable[tuple[TenantPeriod, Summary]]
) -> list[PeriodSummary]:
    rows = [
        PeriodSummary(
            tenant=tenant,
            period=opened.period,
            deadline_at=opened.effective_at,
            **_columns(one),
        )
        for opened, one in found
    ]
    PeriodSummary.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["period", "tenant"],
        update_fields=_FIELDS,
    )
    return rows


def refresh_all(tenant: Tenant, *, at: datetime) -> None:
    """Store the summaries of all opened periods: licences, servers, zones changed."""
    refresh_summaries(tenant, TenantPeriod.objects.filter(tenant=tenant), at=at)


def refresh_around(file: UsageFile, *, at: datetime) -> None:
    """Store the summaries of the periods that a file can have changed."""
    first, last = _reach(file)
    wanted = Q(tenant=file.tenant_id)
    if first is not None:
        wanted &= Q(period__gte=str(Period.containing(first - _ROOM)))
    if last is not None:
        wanted &= Q(period__lte=str(Period.containing(last + _ROOM)))
    refresh_summaries(file.tenant, TenantPeriod.objects.filter(wanted), at=at)


def stored_summary(row: PeriodSummary) -> Summary:
    """Return a stored row as the summary that it was made from."""
    values = {name: getattr(row, name) for name in Summary.__dataclass_fields__}
    lists = (
        *("missing_from", "fault_from", "with_us_from"),
        *("late", "graced", "graced_until"),
    )
    return Summary(**(values | {name: tuple(values[name]) for name in lists}))


def _computed(loaded: LoadedFacts, opened: TenantPeriod) -> Summary:
    facts = loaded.facts(
        Period.parse(opened.period), deadline_at=opened.effective_at, zone=opened.zone
    )
    return _summarised(opened, facts)


def _summarised(opened: TenantPeriod, facts: TenantFacts) -> Summary:
    period = Period.parse(opened.period)
    return summarise(period, facts, deadline_at=opened.effective_at)


def _columns(found: Summary) -> dict[str, object]:
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in asdict(found).items()
    }


def _reach(file: UsageFile) -> tuple[date | None, date | None]:
    """Return the first and last day that a file can affect.

    From its predecessor to its successor in its series; None where it has none: what
    comes first or last in a chain decides about all days before or after it.
    """
    if file.series is None or file.sequence is None or file.server is None:
        return None, None
    if file.came_at < file.server.created_at:
        # It decides since when the server was known, for all periods.
        return None, None
    before, after = chains.neighbours_of(file)
    if any(one is not None and one.zone != file.zone for one in (before, after)):
        # The zone that a server was last seen in ends all its days that are missing.
        return None, None
    days = _days(file)
    first = min([*days, *before.days]) if before else None
    last = max([*days, *after.days]) if after else None
    return first, last


def _days(file: UsageFile) -> list[date]:
    instants = [at for at in (file.opened_at, file.closed_at) if at is not None]
    days = [at.date() for at in instants]
    return [*days, file.day] if file.day is not None else days
