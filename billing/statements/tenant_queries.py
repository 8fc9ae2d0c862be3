"""Queries of the statements of one tenant's newest periods, for the staff."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from billing.coverage.periods import Period
from billing.models import CurrentStatement, StatementState, TenantPeriod
from billing.statements import inputs
from billing.statements.expiry import is_expired
from billing.statements.manifest import NamedFile, causing_sha256s
from billing.statements.page_queries import named_files
from billing.statements.refresh import LARGE

# An instant before every `fresh_until`, so that only changes make statements stale.
_BEFORE_ANY_EXPIRY = datetime(1, 1, 2, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class DraftParts:
    """The parts of a draft that its preview needs: differences, and lines after."""

    differences: Sequence[Mapping[str, Any]]
    lines: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantStatements:
    """The statements of a tenant's newest periods, as they are stored.

    `zones` has the shown periods with their zones, newest first. `currents` lacks
    periods whose statement was never computed, and has the period before the shown
    ones. `stale` are those whose figures are older than the newest change. `drafts` are
    by period; `files` are those that caused their differences, by their SHA-256.
    """

    zones: Mapping[Period, str]
    currents: Mapping[Period, CurrentStatement]
    stale: frozenset[Period]
    drafts: Mapping[Period, DraftParts]
    files: Mapping[str, NamedFile]


def tenant_statements(tenant_id: int, *, most: int, at: datetime) -> TenantStatements:
    """Load the statements of a tenant's `most` newest periods, in five queries.

    Computes nothing. In a unit of work of the tenant.
    """
    opened = TenantPeriod.objects.order_by("-period").values_list("period", "zone")
    zones = {Period.parse(name): zone for name, zone in opened[:most]}
    names = [str(one) for one in zones]
    before = [str(min(zones).previous())] if zones else []
    stored = CurrentStatement.objects.filter(period__in=names + before).defer(*LARGE)
    currents = {Period.parse(one.period): one for one in stored}
    drafts = _drafts(names)
    return TenantStatements(
        zones=zones,
        currents=currents,
        stale=frozenset(_changed(tenant_id, names))
        | {period for period, one in currents.items() if is_expired(one, at=at)},
        drafts=drafts,
        files=named_files(
            {
                sha256
                for draft in drafts.values()
                for sha256 in causing_sha256s(draft.differences)
            }
        ),
    )


def _changed(tenant_id: int, names: Sequence[str]) -> Iterator[Period]:
    """Yield the periods that are stale for another reason than time."""
    found = inputs.stale_periods(tenant_id, names, at=_BEFORE_ANY_EXPIRY)
    return map(Period.parse, found)


def _drafts(names: Sequence[str]) -> dict[Period, DraftParts]:
    found = CurrentStatement.objects.filter(
        period__in=names, state=StatementState.DRAFT
    ).values_list("period", "differences", "overview__lines")
    return {
        Period.parse(name): DraftParts(differences, lines)
        for name, differences, lines in found
    }
