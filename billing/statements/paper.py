"""Writes a statement as PDF, from what is frozen with a version and nothing else.

The document, the CSV file and the list of files are attached to it, byte for byte.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.translation import gettext, override

from billing.coverage.periods import Period
from billing.models import StatementState
from billing.periods.text import month_text
from billing.statements import counting_text, paper_facts, paper_tables, text
from billing.statements.chart_presenters import ShownHours, daily_chart, hours_chart
from billing.statements.charts.heat_map import HeatMap
from billing.statements.completeness_presenters import (
    completeness_sentences,
    listed_days,
    unclassified_sentence,
    unreadable_sentence,
)
from billing.statements.compute.lines import AGENT, BUSINESS
from billing.statements.document import version_name
from billing.statements.figure_presenters import first_peaks
from billing.statements.manifest import numbered_names
from portal.paper.characters import isolated
from portal.paper.typesetting import Attachment, Manuscript, typeset
from portal.templatetags.shown import grouped, zoned_text

Document = Mapping[str, Any]

_CHARTS = "billing/statements/charts"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperSource:
    """What the PDF of a version is made from: bytes, and the instant of its figures.

    `as_of` is the instant of issuing; of a statement that is not issued, that of its
    computation.
    """

    document: bytes
    csv: bytes
    files: bytes
    as_of: datetime


def as_pdf(source: PaperSource) -> bytes:
    """Return the PDF of a statement; equal sources give equal bytes.

    Raises:
        Unavailable: see `portal.paper.typesetting.typeset`.
        TypesettingError: the typesetter has failed.

    """
    with override(settings.LANGUAGE_CODE):
        return typeset(_manuscript(source))


def _manuscript(source: PaperSource) -> Manuscript:
    document: Document = json.loads(source.document)
    maps = _maps(document)
    daily = daily_chart(document)
    pictures = {"daily": _svg("daily-peaks", daily)}
    pictures |= {f"hours-{name}": _svg("heat-map", one.shown) for name, one in maps}
    data = {
        **_head(document, source.as_of),
        "facts": list(paper_facts.facts(document, source.document, source.as_of)),
        "notices": list(_notices(document, source.files)),
        "lines": paper_tables.lines_table(document) if _has_files(document) else None,
        "differences": paper_tables.differences(document, source.files),
        "daily": {
            "title": daily.title,
            "sentence": daily.sentence,
            "key": gettext(
                "Filled bars: Agents. Hollow bars: Business Users. A cross below a day:"
                " usage files are missing or lost. A dot: the day is not over."
            ),
        },
        "maps": [_map(name, one, document) for name, one in maps],
        "days": paper_tables.days_table(document) if _has_files(document) else None,
        "server_days": _server_days(document),
        "doubts": text.doubt_texts(document["doubtful"]),
        "rules": counting_text.counting_rules(),
        "labels": _labels(),
    }
    return Manuscript(
        template="statement.typ",
        data=data,
        at=source.as_of,
        pictures=pictures,
        attachments=_attachments(document, source),
    )


def _has_files(document: Document) -> bool:
    return bool(document["files"]["count"])


def _head(document: Document, as_of: datetime) -> dict[str, Any]:
    statement, period = document["statement"], Period.parse(document["period"]["name"])
    _, state = text.state_text(statement["state"], statement["version"])
    kind = gettext("Billing data, %(month)s") % {"month": month_text(period)}
    customer = paper_facts.customer_text(document)
    number = statement["number"] or zoned_text(as_of, document["period"]["zone"])
    return {
        "title": f"{kind}: {document['tenant']['name']}",
        "kind": kind,
        "state": state,
        "is_issued": statement["state"] == StatementState.ISSUED,
        "answer": text.answer_text(document),
        "lead": list(_lead(document)),
        "foot": f"{customer} · {kind} · {state} · {isolated(number)}",
    }


def _lead(document: Document) -> Iterator[str]:
    for name, at in first_peaks(document):
        sentence = gettext("The peak of %(name)s was on %(shown_at)s.")
        shown_at = zoned_text(at, document["period"]["zone"])
        yield sentence % {"name": name, "shown_at": shown_at}
    yield from completeness_sentences(document)


def _notices(document: Document, files: bytes) -> Iterator[str]:
    sentences = (
        text.state_notice(document),
        unclassified_sentence(document),
        unreadable_sentence(document, numbered_names(files)),
    )
    yield from (isolated(one) for one in sentences if one)


def _maps(document: Document) -> list[tuple[str, ShownHours]]:
    """Return the heat maps of the lines that somebody used, by the id of the line."""
    used = [
        line["id"]
        for line in document["lines"]
        if line["id"] in (AGENT, BUSINESS) and line["peak"]
    ]
    return [(line, hours_chart(document, line)) for line in used]


def _map(name: str, hours: ShownHours, document: Document) -> dict[str, str]:
    zone = document["period"]["zone"]
    times = gettext("Times are in %(zone)s.") % {"zone": zone}
    return {
        "picture": f"hours-{name}",
        "title": hours.shown.title,
        "key": _key(hours),
        "sentence": " ".join([hours.shown.sentence, times, *hours.notes]),
    }


def _key(hours: ShownHours) -> str:
    chart = hours.shown.chart
    levels = chart.levels if isinstance(chart, HeatMap) else ()
    counts = [
        gettext("from %(count)s") % {"count": grouped(one.minimum)} for one in levels
    ]
    text_of_key = gettext("Users, from light and thin to dark and thick: %(counts)s.")
    return text_of_key % {"counts": ", ".join(counts)}


def _svg(template: str, shown: object) -> str:
    # The fonts of a page come from its stylesheet.
    context = {"shown": shown, "font": "Noto Sans"}
    return render_to_string(f"{_CHARTS}/{template}.html", context).strip()


def _server_days(document: Document) -> Sequence[Sequence[str]]:
    return [
        [isolated(one.server), one.days, one.state, isolated(one.reason)]
        for one in listed_days(document["completeness"]["days"])
    ]


def _labels() -> Mapping[str, str | list[str]]:
    """Return the headings and notes of the template."""
    return {
        "lines": gettext("By licence"),
        "note": counting_text.figures_note(),
        "charts": gettext("Days and hours"),
        "days": gettext("Day by day"),
        "days_note": gettext(
            "Named users of days do not add up to those of the period."
        ),
        "server_days": gettext("Server-days"),
        "server_days_heads": [
            gettext("Server"),
            gettext("Days"),
            gettext("State"),
            gettext("Reason"),
        ],
        "doubts": gettext("Rows to check"),
        "doubts_note": gettext("These rows are counted; this list changes no figure."),
        "causes": gettext("Causes, by number:"),
        "statement": gettext("Statement"),
        "rules": gettext("How these figures are counted"),
        "attached": gettext(
            "Attached to this document: the whole statement as JSON, its figures as"
            " CSV, and the list of the counted files."
        ),
    }


def _attachments(document: Document, source: PaperSource) -> list[Attachment]:
    statement = document["statement"]
    name = version_name(
        tenant=document["tenant"]["number"],
        period=document["period"]["name"],
        version=statement["version"],
        state=statement["state"],
    )
    return [
        Attachment(
            f"statement-{name}.json",
            "application/json",
            gettext("The whole statement, with hours and differences"),
            source.document.decode(),
        ),
        Attachment(
            f"statement-{name}.csv",
            "text/csv",
            gettext("The figures of the period and of each day"),
            source.csv.decode(),
        ),
        Attachment(
            f"statement-{name}.files.json",
            "application/json",
            gettext("The usage files that were counted, with their SHA-256"),
            source.files.decode(),
        ),
    ]
