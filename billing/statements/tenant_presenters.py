"""Presents the statements of a tenant's newest periods for the staff."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext

from billing.coverage.periods import Period
from billing.models import CurrentStatement, StatementState
from billing.statements import staff_presenters, text
from billing.statements.comparison import signed
from billing.statements.difference_presenters import (
    ShownCauses,
    ShownDifference,
    all_causes,
    shown_differences,
)
from billing.statements.queries import DRAFT
from billing.statements.tenant_queries import TenantStatements


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantStatementRow:
    """The statement of a period; `current` is None where no figures are stored.

    `version` is that of the link. `issued` is the last issued version of a draft.
    Changes are those of the peaks since the previous period, empty without one.
    `prevents` is what prevents issuing; `keys` are unclassified licence keys.
    """

    period: Period
    current: CurrentStatement | None
    mark: str
    state: str
    version: str
    issued: int | None
    agent_change: str
    business_change: str
    is_unusual: bool
    prevents: str
    keys: str
    is_updating: bool
    is_closed_incomplete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftPreview:
    """What issuing a draft would change: its main differences, and why.

    `last` is the issued version that they are from; `more` counts other differences.
    """

    period: Period
    zone: str
    last: int
    differences: Sequence[ShownDifference]
    causes: ShownCauses
    more: int
    is_updating: bool


def tenant_context(found: TenantStatements) -> dict[str, Any]:
    """Return the context of the section about a tenant's statements."""
    return {
        "statements": [_row(period, found) for period in found.zones],
        "previews": list(_previews(found)),
    }


def _row(period: Period, found: TenantStatements) -> TenantStatementRow:
    current = found.currents.get(period)
    mark, state = "pending", gettext("Not computed yet")
    if current is not None:
        mark, state = text.state_text(current.state, current.version)
    agent_change, business_change, is_unusual = _changes(period, found)
    is_updating = current is not None and period in found.stale
    is_draft = current is not None and current.state == StatementState.DRAFT
    return TenantStatementRow(
        period=period,
        current=current,
        mark=mark,
        state=state,
        version=DRAFT if is_draft else "",
        issued=current.version if current and is_draft else None,
        agent_change=agent_change,
        business_change=business_change,
        is_unusual=is_unusual,
        prevents=_prevents(current, is_updating=is_updating),
        keys=", ".join(current.unclassified) if current else "",
        is_updating=is_updating,
        is_closed_incomplete=bool(
            current and current.state == StatementState.ISSUED and current.lacking
        ),
    )


def _prevents(current: CurrentStatement | None, *, is_updating: bool) -> str:
    if current is None:
        return ""
    return staff_presenters.issue_terms(current, is_updating=is_updating).text


def _changes(period: Period, found: TenantStatements) -> tuple[str, str, bool]:
    """Return the changes of both peaks, and whether that of Agents is unusual."""
    current, before = found.currents.get(period), found.currents.get(period.previous())
    if current is None or before is None or not before.file_count:
        return "", "", False
    agents, is_unusual = staff_presenters.agent_change(current, before.agent_peak)
    business = signed(current.business_peak - before.business_peak) if agents else ""
    return agents, business, is_unusual


def _previews(found: TenantStatements) -> Iterator[DraftPreview]:
    for period, zone in found.zones.items():
        draft, current = found.drafts.get(period), found.currents.get(period)
        if draft is None or current is None:
            continue
        parts = {
            "differences": draft.differences,
            "lines": draft.lines,
            "period": {"zone": zone},
        }
        main = [one for one in shown_differences(parts, found.files) if one.is_main]
        yield DraftPreview(
            period=period,
            zone=zone,
            last=current.version,
            differences=main,
            causes=all_causes(parts, found.files),
            more=len(draft.differences) - len(main),
            is_updating=period in found.stale,
        )
