"""Presents a statement as its pages show it: figures, days, differences."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from billing.coverage.periods import Period
from billing.models import StatementState
from billing.periods.headline import span_text
from billing.statements import counting_text, text
from billing.statements.chart_presenters import (
    daily_chart,
    days_with_figures,
    hours_chart,
    periods_chart,
)
from billing.statements.comparison import compare
from billing.statements.completeness_presenters import (
    completeness_legend,
    completeness_sentences,
    listed_days,
    unclassified_sentence,
    unreadable_sentence,
)
from billing.statements.compute.lines import AGENT
from billing.statements.difference_presenters import (
    MOST_DIFFERENCES,
    all_causes,
    shown_differences,
    unchanged_text,
)
from billing.statements.figure_presenters import (
    first_peaks,
    hour_lines,
    period_rows,
    shown_day,
    shown_lines,
)
from billing.statements.overview import PeriodFigures
from billing.statements.page_queries import StatementFacts
from billing.statements.queries import DRAFT, LATEST, ServedStatement

Document = Mapping[str, Any]


def statement_context(
    document: Document,
    served: ServedStatement,
    facts: StatementFacts,
    *,
    line: str = AGENT,
) -> dict[str, Any]:
    """Return the context of a statement's page, with the hours of a line.

    Of a line that the document does not have, the hours of Agents are shown.
    """
    head, period = served.head, Period.parse(document["period"]["name"])
    mark, state = text.state_text(head.state, head.version)
    differences = list(shown_differences(document, facts.files))
    return {
        **period_context(period, facts),
        **_figures_context(document, served, facts, line),
        "document": document,
        "head": head,
        "customer": facts.tenant,
        # An issued version keeps the zone that it was computed in.
        "zone": document["period"]["zone"],
        "mark": mark,
        "state": state,
        "is_issued": head.state == StatementState.ISSUED,
        "answer": text.answer_text(document),
        "state_notice": text.state_notice(document),
        "peaks": first_peaks(document),
        "sentences": completeness_sentences(document),
        "legend": list(completeness_legend(document["completeness"])),
        "listed": list(listed_days(document["completeness"]["days"])),
        "doubts": text.doubt_texts(document["doubtful"]),
        "unclassified": unclassified_sentence(document),
        "unreadable": unreadable_sentence(document, facts.files),
        "main_differences": [one for one in differences if one.is_main],
        "more_differences": [one for one in differences if not one.is_main],
        "causes": all_causes(document, facts.files),
        "unchanged": unchanged_text(document),
        "difference_count": len(document["differences"]),
        "has_more_differences": len(document["differences"]) > MOST_DIFFERENCES,
        "query": _query(served, facts),
        "version_query": _version_query(served, facts),
    }


def _figures_context(
    document: Document, served: ServedStatement, facts: StatementFacts, line: str
) -> dict[str, Any]:
    """Return the tables and charts of a statement."""
    period = Period.parse(document["period"]["name"])
    compared = compare(served.overview, period, facts.earlier)
    shown = PeriodFigures(period, served.head.version, served.overview)
    periods = [*facts.earlier, shown]
    if line not in {one["id"] for one in document["lines"]}:
        line = AGENT
    known = days_with_figures(document)
    return {
        "figures_note": counting_text.figures_note(),
        "counting_rules": counting_text.counting_rules(),
        "lines": list(shown_lines(document, compared)),
        "compared": compared,
        "daily": daily_chart(document),
        "hours": hours_chart(document, line),
        "hour_lines": hour_lines(document, line),
        "periods_chart": periods_chart(periods),
        "period_rows": period_rows(periods),
        "days": [
            shown_day(one, has_figures=one["day"] in known) for one in document["days"]
        ],
        "outside": [shown_day(one, has_figures=True) for one in document["outside"]],
    }


def period_context(period: Period, facts: StatementFacts) -> dict[str, Any]:
    """Return the context that all pages of a period share."""
    return {
        "period": period,
        "span": span_text(period),
        "zone": facts.zone,
        "periods": facts.periods,
        "before": max((one for one in facts.periods if one < period), default=None),
        "after": min((one for one in facts.periods if one > period), default=None),
        "versions": facts.versions,
        "newest_version": facts.versions[0].version if facts.versions else None,
        "has_draft": facts.has_draft,
    }


def _query(served: ServedStatement, facts: StatementFacts) -> str:
    """Return the query of the downloads of the version that is shown."""
    head = served.head
    version = head.version or (DRAFT if facts.versions else LATEST)
    return urlencode({"version": version, "tenant": head.tenant})


def _version_query(served: ServedStatement, facts: StatementFacts) -> str:
    """Return the query of the page that shows this version; empty for the newest."""
    head = served.head
    if head.state == StatementState.DRAFT:
        return urlencode({"version": DRAFT})
    is_newest = not facts.versions or head.version == facts.versions[0].version
    return "" if is_newest else urlencode({"version": head.version})
