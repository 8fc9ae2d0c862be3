"""Presents a statement as its pages show it: figures, days, differences."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from billing.statements.compute.lines import AGENT, BUSINESS
from billing.statements.page_queries import NamedFile, StatementFacts
from billing.statements.queries import DRAFT, LATEST, ServedStatement
from portal.templatetags.shown import grouped

Document = Mapping[str, Any]

# Differences on a page; the JSON has all of them.
_MOST_DIFFERENCES = 300

# Files that are named as the cause of a difference; the others are counted.
_MOST_CAUSES = 3

# Characters of a SHA-256 that stand for a file without a known name.
HASH_LETTERS = 12

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


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFigures:
    """A line of the period; `held` is None for the totals."""

    name: str
    is_add_on: bool
    named_users: int
    peak: int
    peak_at: datetime | None
    held: int | None
    logins: int
    hours: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFigures:
    """A day, of the period or outside of it (`side`): peaks, named users, sums."""

    day: date
    side: str
    agent: Mapping[str, int]
    business: Mapping[str, int]
    logins: int
    hours: str
    owed: int
    covered: int


@dataclass(frozen=True, slots=True)
class ListedDays:
    """Server-days of one server with the same state and reason."""

    server: str
    days: str
    state: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownDifference:
    """A figure before and after; `files`, `more_files` and `others` are the causes."""

    figure: str
    day: date | None
    hour: datetime | None
    before: str | datetime
    after: str | datetime
    files: Sequence[NamedFile]
    more_files: int
    others: Sequence[str]


def statement_context(
    document: Document, served: ServedStatement, facts: StatementFacts
) -> dict[str, Any]:
    """Return the context of a statement's page."""
    head, period = served.head, Period.parse(document["period"]["name"])
    mark, state = text.state_text(head.state, head.version)
    differences = list(_differences(document, facts.files))
    return {
        **period_context(period, facts),
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
        "lines": list(_lines(document)),
        "days": [_day(one) for one in document["days"]],
        "outside": [_day(one) for one in document["outside"]],
        "legend": list(_legend(document["completeness"])),
        "listed": list(_listed(document["completeness"]["days"])),
        "doubts": text.doubt_texts(document["doubtful"]),
        "unclassified": _unclassified(document),
        "unreadable": _unreadable(document, facts.files),
        "of_period": [one for one in differences if one.day is None],
        "of_days": [one for one in differences if one.day is not None],
        "difference_count": len(document["differences"]),
        "has_more_differences": len(document["differences"]) > _MOST_DIFFERENCES,
        "query": _query(served, facts),
        "stem": f"statement-{head.tenant}-{head.period}-{head.version or head.state}",
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


def named_sha256s(document: Document) -> set[str]:
    """Return the SHA-256 of the files that a page of a document names."""
    causes = (cause for one in document["differences"] for cause in one["because"])
    files = (cause.partition(":") for cause in causes)
    found = {rest for kind, _, rest in files if kind == "file"}
    return found | set(document["files"]["unreadable"])


def _query(served: ServedStatement, facts: StatementFacts) -> str:
    """Return the query of the downloads of the version that is shown."""
    head = served.head
    version = head.version or (DRAFT if facts.versions else LATEST)
    return urlencode({"version": version, "tenant": head.tenant})


def _peaks(document: Document) -> list[tuple[str, datetime]]:
    return [
        (line.name, line.peak_at)
        for line in _lines(document)
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


def _lines(document: Document) -> Iterator[LineFigures]:
    """Yield the lines, without add-ons that nobody used; the totals are last."""
    for line in document["lines"]:
        is_add_on = line["id"] not in (AGENT, BUSINESS)
        if not is_add_on or line["named_users"]:
            yield _line(text.line_text(line["id"]), line, is_add_on=is_add_on)
    yield _line(gettext("All users"), document["totals"])


def _line(name: str, of: Document, *, is_add_on: bool = False) -> LineFigures:
    peak_at = of["peak_at"]
    return LineFigures(
        name=name,
        is_add_on=is_add_on,
        named_users=of["named_users"],
        peak=of["peak"],
        peak_at=datetime.fromisoformat(peak_at) if peak_at else None,
        held=of.get("held_30min"),
        logins=of["logins"],
        hours=text.hours_text(of["used_seconds"]),
    )


def _day(of: Document) -> DayFigures:
    lines = {line["id"]: line for line in of["lines"]}
    agent, business = lines[AGENT], lines[BUSINESS]
    return DayFigures(
        day=date.fromisoformat(of["day"]),
        side=of.get("side", ""),
        agent=agent,
        business=business,
        logins=agent["logins"] + business["logins"],
        hours=text.hours_text(agent["used_seconds"] + business["used_seconds"]),
        owed=of["owed"],
        covered=of["covered"],
    )


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
        files[one].name if one in files else one[:HASH_LETTERS]
        for one in document["files"]["unreadable"]
    ]
    return text.unreadable_text(names) if names else ""


def _differences(
    document: Document, files: Mapping[str, NamedFile]
) -> Iterator[ShownDifference]:
    """Yield up to `_MOST_DIFFERENCES`, those of the whole period first."""
    by_day = sorted(document["differences"], key=lambda one: one["day"] is not None)
    for one in by_day[:_MOST_DIFFERENCES]:
        hashes = [
            cause.partition(":")[2]
            for cause in one["because"]
            if cause.startswith("file:")
        ]
        yield ShownDifference(
            figure=text.field_text(one["line"], one["field"]),
            day=date.fromisoformat(one["day"]) if one["day"] else None,
            hour=datetime.fromisoformat(one["hour"]) if one["hour"] else None,
            before=text.value_text(one["field"], one["before"]),
            after=text.value_text(one["field"], one["after"]),
            files=[
                files.get(sha256) or NamedFile("", sha256[:HASH_LETTERS], "")
                for sha256 in hashes[:_MOST_CAUSES]
            ],
            more_files=max(0, len(hashes) - _MOST_CAUSES),
            others=[
                text.cause_text(cause)
                for cause in one["because"]
                if not cause.startswith("file:")
            ],
        )
