"""Writes a statement as PDF, from what is frozen with a version and nothing else.

The document, the CSV file and the list of files are attached to it, byte for byte.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext, override

from billing.coverage.periods import Period
from billing.models import StatementState
from billing.periods.text import month_text
from billing.statements import paper_tables, text
from billing.statements.chart_presenters import ShownHours, daily_chart, hours_chart
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
from portal.paper.letters import isolated
from portal.paper.typesetting import Attachment, Manuscript, typeset
from portal.templatetags.shown import grouped, megabytes, zoned_text

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
        Unavailable: other documents are being typeset for too long.

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
        "facts": list(_facts(document, source)),
        "notices": list(_notices(document, source.files)),
        "lines": paper_tables.lines_table(document) if _has_files(document) else None,
        "differences": paper_tables.differences(document, source.files),
        "daily": {
            "title": daily.title,
            "sentence": daily.sentence,
            "key": gettext(
                "Filled bars: Agents. Hollow bars: Business Users. A cross below a day:"
                " usage files are missing. A dot: the day is not over."
            ),
        },
        "maps": [_map(name, one, document) for name, one in maps],
        "days": paper_tables.days_table(document) if _has_files(document) else None,
        "server_days": _server_days(document),
        "doubts": text.doubt_texts(document["doubtful"]),
        "words": _words(),
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
    number = statement["number"] or zoned_text(as_of, document["period"]["zone"])
    return {
        "title": f"{kind}: {document['tenant']['name']}",
        "kind": kind,
        "state": state,
        "is_issued": statement["state"] == StatementState.ISSUED,
        "answer": text.answer_text(document),
        "lead": list(_lead(document)),
        "foot": f"{_customer(document)} · {kind} · {state} · {isolated(number)}",
    }


def _customer(document: Document) -> str:
    tenant = document["tenant"]
    return f"{isolated(tenant['name'])}, {isolated(tenant['number'])}"


def _lead(document: Document) -> Iterator[str]:
    for name, at in first_peaks(document):
        sentence = gettext("The peak of %(name)s was on %(shown_at)s.")
        shown_at = zoned_text(at, document["period"]["zone"])
        yield sentence % {"name": name, "shown_at": shown_at}
    yield from completeness_sentences(document)


def _facts(document: Document, source: PaperSource) -> Iterator[tuple[str, str]]:
    statement, period = document["statement"], document["period"]
    yield gettext("Customer"), _customer(document)
    named = Period.parse(period["name"])
    yield (
        gettext("Period"),
        gettext("%(first)s to %(last)s, days and times of %(zone)s")
        % {
            "first": date_format(named.starts_on, "j F Y"),
            "last": date_format(named.ends_on, "j F Y"),
            "zone": period["zone"],
        },
    )
    at = zoned_text(source.as_of, period["zone"])
    if statement["number"]:
        yield gettext("Statement"), isolated(statement["number"])
        yield gettext("Issued"), at
    else:
        yield gettext("Figures as of"), at
    if statement["replaces"]:
        replaced = gettext("version %(version)s, SHA-256 %(sha256)s")
        yield gettext("Replaces"), replaced % statement["replaces"]
    if statement["reason"]:
        yield gettext("Reason"), isolated(" ".join(statement["reason"].split()))
    files, catalogue = document["files"], document["catalogue"]
    shown = {"shown": grouped(files["count"]), "size": megabytes(files["bytes"])}
    count = ngettext(
        "%(shown)s file, %(size)s", "%(shown)s files, %(size)s", files["count"]
    )
    yield gettext("Computed from"), count % shown
    version = gettext("version %(number)s") % {"number": catalogue["version"]}
    yield gettext("Catalogue"), version
    yield gettext("SHA-256 of the figures"), document["figures_sha256"]
    sha256 = hashlib.sha256(source.document).hexdigest()
    yield gettext("SHA-256 of the JSON"), sha256


def _notices(document: Document, files: bytes) -> Iterator[str]:
    state = document["statement"]["state"]
    if state == StatementState.PROVISIONAL:
        yield gettext(
            "Provisional: these figures change as files arrive, until the statement is"
            " issued."
        )
    elif state == StatementState.DRAFT:
        last = document["statement"]["replaces"]["version"]
        sentence = gettext(
            "Draft: the figures known now differ from those of version %(last)s. They"
            " apply once they are issued as the next version."
        )
        yield sentence % {"last": last}
    sentences = (
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
        "key": gettext("The darker and thicker a cell, the more users at once."),
        "sentence": " ".join([hours.shown.sentence, times, *hours.notes]),
    }


def _svg(template: str, shown: object) -> str:
    # The fonts of a page come from its stylesheet.
    context = {"shown": shown, "font": "Noto Sans"}
    return render_to_string(f"{_CHARTS}/{template}.html", context).strip()


def _server_days(document: Document) -> Sequence[Sequence[str]]:
    return [
        [isolated(one.server), one.days, one.state, isolated(one.reason)]
        for one in listed_days(document["completeness"]["days"])
    ]


def _words() -> Mapping[str, str | list[str]]:
    """Return the words of the template itself."""
    return {
        "lines": gettext("By licence"),
        "rule": gettext(
            "A user who held an Agent licence at any time in the period is a named"
            " Agent and not a named Business User. Peaks count users by the licences"
            " that they hold at that second."
        ),
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
        "statement": gettext("Statement"),
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
