"""Queries of the statement pages: periods, named files, unknown keys."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db.models import Count, F, Func, Max, Min

from billing.coverage.periods import Period
from billing.models import (
    CurrentStatement,
    Statement,
    StatementState,
    TenantPeriod,
)
from billing.statements import queries
from billing.statements.charts.period_peaks import PERIODS
from billing.statements.manifest import NamedFile
from billing.statements.overview import PeriodFigures
from billing.statements.refresh import LARGE
from portal.errors import Refused
from portal.models import Tenant
from portal.typed_text.clean import one_line
from usage.models import KEPT, UsageFile


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementFacts:
    """What a page shows besides a document.

    `zone` is the one stored with the period, or the tenant's if the period is not open.
    `periods` are those that the tenant has opened, `versions` the issued ones of the
    period; both newest first. `earlier` are the figures of the periods before, oldest
    first. `has_draft`: the stored figures differ from those of the last version.
    `files` are those that the page names, by their SHA-256.
    """

    tenant: Tenant
    zone: str
    periods: list[Period]
    earlier: list[PeriodFigures]
    versions: list[Statement]
    has_draft: bool
    files: Mapping[str, NamedFile]


@dataclass(frozen=True, slots=True)
class UnclassifiedKey:
    """A key of current statements without a kind: tenants, first and last period."""

    licence_key: str
    tenants: int
    first_period: str
    last_period: str


def find_tenant(number: str) -> Tenant:
    """Return a tenant, in a unit of work of the staff.

    Raises:
        Refused: there is no tenant with this number.

    """
    tenant = Tenant.objects.filter(number=one_line(number)).first()
    if tenant is None:
        raise Refused("not-found")
    return tenant


def statement_facts(period: Period, sha256s: Iterable[str]) -> StatementFacts:
    """Load the facts of a page, in the unit of work of the tenant."""
    stored = CurrentStatement.objects.filter(period=str(period))
    tenant = Tenant.objects.get()
    opened = TenantPeriod.objects.order_by("-period").values_list("period", "zone")
    zones = {Period.parse(name): zone for name, zone in opened}
    return StatementFacts(
        tenant=tenant,
        zone=zones.get(period, tenant.zone),
        periods=list(zones),
        earlier=earlier_figures(period, most=PERIODS - 1),
        versions=queries.versions_of(period),
        has_draft=stored.filter(state=StatementState.DRAFT).exists(),
        files=named_files(sha256s),
    )


def earlier_figures(period: Period, *, most: int) -> list[PeriodFigures]:
    """Return the figures of the last periods before one, oldest first.

    In the unit of work of the tenant. Periods without an issued version, whose figures
    were never computed, are left out.
    """
    earlier = {"period__lt": str(period)}
    currents = CurrentStatement.objects.filter(**earlier).order_by("-period")[:most]
    found = {
        name: PeriodFigures(Period.parse(name), None, overview)
        for name, overview in currents.values_list("period", "overview")
    }
    issued = Statement.objects.filter(**earlier).order_by("-period", "-version")
    last = issued.distinct("period").values_list("period", "version", "overview")
    for name, version, overview in last[:most]:
        found[name] = PeriodFigures(Period.parse(name), version, overview)
    return [found[name] for name in sorted(found)][-most:]


def newest_shown_period() -> Period | None:
    """Return the newest period with an issued version or a file, else the newest one.

    None if the tenant of the unit of work has opened no period.
    """
    with_files = CurrentStatement.objects.filter(file_count__gt=0)
    names = [
        with_files.aggregate(last=Max("period"))["last"],
        Statement.objects.aggregate(last=Max("period"))["last"],
    ]
    name = max((one for one in names if one), default=None)
    if name is None:
        name = TenantPeriod.objects.aggregate(last=Max("period"))["last"]
    return Period.parse(name) if name else None


def stored_statement(period: Period) -> CurrentStatement | None:
    """Return the stored current statement, if any, without its large columns."""
    found = CurrentStatement.objects.filter(period=str(period))
    return found.defer(*LARGE).first()


def last_issued(period: Period) -> PeriodFigures | None:
    """Return the figures of the last issued version; in a unit of work of a tenant."""
    found = Statement.objects.filter(period=str(period)).order_by("-version")
    last = found.values_list("version", "overview").first()
    return PeriodFigures(period, *last) if last else None


def unclassified_keys() -> list[UnclassifiedKey]:
    """Return the keys without a kind in current statements, most tenants first.

    In a unit of work of the staff.
    """
    rows = (
        CurrentStatement.objects.exclude(unclassified=[])
        .annotate(licence_key=Func(F("unclassified"), function="unnest"))
        .values_list("licence_key")
        .annotate(
            tenants=Count("tenant", distinct=True),
            first=Min("period"),
            last=Max("period"),
        )
        .order_by("-tenants", "licence_key")
    )
    return [UnclassifiedKey(*row) for row in rows]


def named_files(sha256s: Iterable[str]) -> dict[str, NamedFile]:
    """Return stored files by their SHA-256, in the unit of work of the tenant."""
    wanted = [bytes.fromhex(one) for one in sha256s]
    if not wanted:
        return {}
    kept = UsageFile.objects.filter(sha256__in=wanted, state__in=KEPT)
    found = kept.select_related("server").only("name", "sha256", "server__name")
    return {
        bytes(one.sha256).hex(): NamedFile(
            str(one.pk), one.name, one.server.name if one.server else ""
        )
        for one in found
    }
