"""Presents a statement as its pages show it: figures, days, differences."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from django.utils.translation import gettext, ngettext

from billing.calendar_view.table import days_text
from billing.coverage.periods import Period
from billing.models import StatementState
from billing.periods.text import span_text
from billing.statements import text
from billing.statements.chart_presenters import (
    daily_chart,
    days_with_figures,
    hours_chart,
    periods_chart,
)
from billing.statements.comparison import compare
from billing.statements.compute.lines import AGENT
from billing.statements.difference_presenters import (
    HASH_CHARACTERS,
    MOST_DIFFERENCES,
    all_causes,
    shown_differences,
)
from billing.statements.figure_presenters import (
    hour_lines,
    period_rows,
    shown_day,
    shown_lines,
)
from billing.statements.page_queries import NamedFile, PeriodFigures, StatementFacts
from billing.statements.queries import DRAFT, LATEST, ServedStatement
from portal.templatetags.shown import grouped

Document = Mapping[str, Any]

# Counts of the server-days that are covered: nothing more is needed for them.
_COVERED = ("received", "silent", "down", "lost")

# Marks and names of the counts of server-days.
_COUNTS: tuple[tuple[str, str], ...] = (
    ("received", "received"),
    ("silent", "silent"),
    ("down", "excused"),
    ("lost", "excused"),
    ("missing", "missing"),
    ("with_us", "with-us"),
    ("pending", "pending"),
)


@dataclass(frozen=True, slots=True)
class ListedDays:
    """Server-days of one server with the same state and reason."""

    server: str
    days: str
    state: str
    reason: str


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
        "peaks": _peaks(document),
        "sentences": _sentences(document),
        "legend": list(_legend(document["completeness"])),
        "listed": list(_listed(document["completeness"]["days"])),
        "doubts": text.doubt_texts(document["doubtful"]),
        "unclassified": _unclassified(document),
        "unreadable": _unreadable(document, facts.files),
        "main_differences": [one for one in differences if one.is_main],
        "more_differences": [one for one in differences if not one.is_main],
        "causes": all_causes(document, facts.files),
        "difference_count": len(document["differences"]),
        "has_more_differences": len(document["differences"]) > MOST_DIFFERENCES,
        "query": _query(served, facts),
        "version_query": _version_query(served, facts),
        "stem": f"statement-{head.tenant}-{head.period}-{head.version or head.state}",
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


def _peaks(document: Document) -> list[tuple[str, datetime]]:
    return [
        (line.name, line.peak_at)
        for line in shown_lines(document)
        if line.peak_at is not None and not line.is_add_on and line.held is not None
    ]


def _sentences(document: Document) -> Iterator[str]:
    """Yield sentences on how complete the period is."""
    complete = document["completeness"]
    owed, covered = complete["owed"], sum(complete[name] for name in _COVERED)
    if not owed:
        yield gettext("No server-days are owed in this period.")
        return
    sentence = ngettext(
        "%(covered)s of %(owed)s server-day is covered.",
        "%(covered)s of %(owed)s server-days are covered.",
        owed,
    )
    yield sentence % {"covered": grouped(covered), "owed": grouped(owed)}
    for name, sentence in (
        ("missing", gettext("Missing: %(count)s.")),
        ("with_us", gettext("Waiting for the billing team: %(count)s.")),
        ("pending", gettext("Not over yet: %(count)s.")),
        ("lost", gettext("Excused as lost, not counted: %(count)s.")),
    ):
        if complete[name]:
            yield sentence % {"count": grouped(complete[name])}


def _legend(complete: Document) -> Iterator[tuple[str, str, int]]:
    for name, mark in _COUNTS:
        if complete[name]:
            yield mark, text.count_text(name), complete[name]


def _listed(days: Iterable[Document]) -> Iterator[ListedDays]:
    """Yield the listed server-days, grouped by server, state and reason."""

    def sort_key(one: Document) -> tuple[str, str, str]:
        return one["server"], one["state"], one["reason"]

    def group_key(one: Document) -> tuple[str, str, str]:
        state = text.server_day_text(one["state"])
        return one["server"], state, one["reason"]

    ordered = sorted(days, key=sort_key)
    for (server, state, reason), found in groupby(ordered, group_key):
        named = [date.fromisoformat(one["day"]) for one in found]
        yield ListedDays(server, days_text(named), state, reason)


def _unclassified(document: Document) -> str:
    keys = document["catalogue"]["unclassified"]
    return text.unclassified_text(keys) if keys else ""


def _unreadable(document: Document, files: Mapping[str, NamedFile]) -> str:
    names = [
        files[one].name if one in files else one[:HASH_CHARACTERS]
        for one in document["files"]["unreadable"]
    ]
    return text.unreadable_text(names) if names else ""
