"""Presents statements for the staff: the month end, its runs, the catalogue."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext

from billing.models import (
    CurrentStatement,
    LicenceKind,
    MonthEndOutcome,
    StatementState,
    TenantPeriod,
)
from billing.periods import text as period_text
from billing.statements import issue, staff_text, text
from billing.statements.catalogue import CatalogueChange
from billing.statements.comparison import is_unusual, signed
from billing.statements.compute.catalogue import Catalogue
from billing.statements.month_end import RunProgress
from billing.statements.month_end_queries import MonthEndFacts
from billing.statements.queries import DRAFT
from portal.models import Tenant

# Outcomes that the month end does not list as obstacles; figures that are being updated
# may have another one afterwards.
_DONE = frozenset({MonthEndOutcome.COMPUTED, MonthEndOutcome.UNCHANGED})


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthEndRow:
    """A tenant at the month end; `current` is None where no figures are stored.

    `prevents` is what prevents issuing; empty if nothing does, or if the last version
    has these figures. `more` lists unclassified keys. `version` is that of the link.
    `missing` counts server-days as the desk does, None without a summary; `waiting` has
    the faults and the days that wait. `change` is that of the peak of Agents since the
    previous period, empty without one.
    """

    tenant: Tenant
    current: CurrentStatement | None
    mark: str
    state: str
    prevents: str
    more: str
    version: str
    is_updating: bool
    is_closed_incomplete: bool
    missing: int | None
    waiting: str
    change: str
    is_unusual: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueTerms:
    """Whether a clerk can issue a statement; `text` is the obstacle or condition."""

    text: str
    may_issue: bool
    is_incomplete: bool


@dataclass(frozen=True, slots=True)
class CatalogueVersionRow:
    """A version of the catalogue with the keys and kinds that it changed."""

    change: CatalogueChange
    kinds: Sequence[tuple[str, str]]


def month_end_rows(
    opened: Iterable[TenantPeriod], facts: MonthEndFacts
) -> Iterator[MonthEndRow]:
    """Yield the rows of a page of tenants."""
    for one in opened:
        current = facts.currents.get(one.tenant_id)
        version = facts.versions.get(one.tenant_id)
        mark, state = "pending", gettext("Not computed yet")
        outcome, more, shown = MonthEndOutcome.COMPUTED, "", ""
        before = facts.previous_peaks.get(one.tenant_id)
        if current is not None:
            mark, state = text.state_text(current.state, version)
            outcome = issue.outcome_of(current, with_reason=False)
            more = ", ".join(current.unclassified)
            shown = DRAFT if current.state == StatementState.DRAFT else ""
        change, unusual = agent_change(current, before)
        numbers = facts.numbers.get(one.tenant_id)
        is_updating = one.tenant_id in facts.updating
        yield MonthEndRow(
            tenant=one.tenant,
            current=current,
            mark=mark,
            state=state,
            prevents=_prevents(outcome, is_updating=is_updating),
            more=more if outcome is MonthEndOutcome.UNCLASSIFIED else "",
            version=shown,
            is_updating=is_updating,
            is_closed_incomplete=bool(
                current and current.state == StatementState.ISSUED and current.lacking
            ),
            missing=numbers.missing if numbers else None,
            waiting=period_text.waiting_text(numbers) if numbers else "",
            change=change,
            is_unusual=unusual,
        )


def _prevents(outcome: MonthEndOutcome, *, is_updating: bool) -> str:
    if outcome not in _DONE:
        return str(outcome.label)
    return gettext("the figures are being updated") if is_updating else ""


def agent_change(
    current: CurrentStatement | None, before: int | None
) -> tuple[str, bool]:
    """Return the signed change of the peak of Agents, and whether it is unusual.

    `before` is the peak of the previous period. The change is empty if either is not
    known; it is unusual only once the period is over.
    """
    if current is None or before is None or not current.file_count:
        return "", False
    peak, is_over = current.agent_peak, current.is_over and not current.pending
    return signed(peak - before), is_over and is_unusual(peak, before)


def issue_terms(current: CurrentStatement, *, is_updating: bool = False) -> IssueTerms:
    """Return whether a clerk can issue a current statement, as it is stored.

    While it `is_updating`, what would allow issuing does not count.
    """
    outcome = issue.outcome_of(current, with_reason=True)
    if is_updating and outcome in _DONE:
        updating = staff_text.updating_text()
        return IssueTerms(text=updating, may_issue=False, is_incomplete=False)
    is_incomplete = outcome is MonthEndOutcome.INCOMPLETE
    may_issue = is_incomplete or outcome is MonthEndOutcome.COMPUTED
    sentences = [staff_text.outcome_text(outcome)]
    if may_issue and current.state == StatementState.DRAFT:
        sentences.append(staff_text.outcome_text(MonthEndOutcome.CHANGED))
    return IssueTerms(
        text=" ".join(sentences),
        may_issue=may_issue,
        is_incomplete=is_incomplete,
    )


def run_context(progress: RunProgress | None) -> dict[str, Any]:
    """Return the context of the last run of a period; None if there was no run."""
    if progress is None:
        return {"progress": None}
    outcomes = [
        (str(MonthEndOutcome(outcome).label), count)
        for outcome, count in progress.outcomes.items()
    ]
    return {"progress": progress, "run": progress.run, "outcomes": outcomes}


def catalogue_kinds(catalogue: Catalogue) -> list[tuple[str, str]]:
    """Return the keys of a catalogue with the names of their kinds, by key."""
    return [
        (key, str(LicenceKind(kind).label))
        for key, kind in sorted(catalogue.kinds.items())
    ]


def version_rows(changes: Iterable[CatalogueChange]) -> list[CatalogueVersionRow]:
    """Return versions of the catalogue with the names of the kinds they changed."""
    return [
        CatalogueVersionRow(
            change,
            [
                (key, str(LicenceKind(kind).label))
                for key, kind in sorted(change.changed.items())
            ],
        )
        for change in changes
    ]
