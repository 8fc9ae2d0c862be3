"""Presents figures as rows of tables: by line, by day, by period."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.utils.translation import gettext

from billing.coverage.periods import Period
from billing.statements import text
from billing.statements.comparison import ShownComparison
from billing.statements.compute.lines import AGENT, BUSINESS
from billing.statements.overview import PeriodFigures

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFigures:
    """A line of the period; `held` is None for the totals.

    Changes are those since the previous period, empty where it has no figures.
    """

    name: str
    is_add_on: bool
    named_users: int
    named_users_change: str
    peak: int
    peak_change: str
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
    has_figures: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodFiguresRow:
    """A period with its peaks and named users."""

    period: Period
    state: str
    has_files: bool
    agent: Mapping[str, int]
    business: Mapping[str, int]


def shown_lines(
    document: Document, compared: ShownComparison | None = None
) -> Iterator[LineFigures]:
    """Yield the lines, without add-ons that nobody used; the totals are last."""
    for line in document["lines"]:
        is_add_on = line["id"] not in (AGENT, BUSINESS)
        if not is_add_on or line["named_users"]:
            name = text.line_text(line["id"])
            yield _line(name, line["id"], line, compared, is_add_on=is_add_on)
    yield _line(gettext("All users"), "total", document["totals"], compared)


def _line(
    name: str,
    line: str,
    of: Document,
    compared: ShownComparison | None,
    *,
    is_add_on: bool = False,
) -> LineFigures:
    peak_at = of["peak_at"]
    return LineFigures(
        name=name,
        is_add_on=is_add_on,
        named_users=of["named_users"],
        named_users_change=compared.named_users[line] if compared else "",
        peak=of["peak"],
        peak_change=compared.peaks[line] if compared else "",
        peak_at=datetime.fromisoformat(peak_at) if peak_at else None,
        held=of.get("held_30min"),
        logins=of["logins"],
        hours=text.hours_text(of["used_seconds"]),
    )


def first_peaks(document: Document) -> list[tuple[str, datetime]]:
    """Return the names of Agents and Business Users, each with its first peak."""
    return [
        (line.name, line.peak_at)
        for line in shown_lines(document)
        if line.peak_at is not None and not line.is_add_on and line.held is not None
    ]


def hour_lines(document: Document, shown: str) -> list[tuple[str, str, bool]]:
    """Return the lines that have hours: id, name, and whether they are shown."""
    return [
        (line["id"], text.line_text(line["id"]), line["id"] == shown)
        for line in document["lines"]
        if line["peak"] or line["id"] == shown
    ]


def period_rows(periods: Sequence[PeriodFigures]) -> list[PeriodFiguresRow]:
    """Return the periods of the chart as rows of its table, newest first."""
    return [_period_row(one) for one in reversed(periods)]


def _period_row(one: PeriodFigures) -> PeriodFiguresRow:
    lines = {line["id"]: line for line in one.overview["lines"]}
    return PeriodFiguresRow(
        period=one.period,
        state=gettext("version %(version)s") % {"version": one.version}
        if one.version
        else gettext("not issued"),
        has_files=bool(one.overview["files"]),
        agent=lines[AGENT],
        business=lines[BUSINESS],
    )


def shown_day(of: Document, *, has_figures: bool) -> DayFigures:
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
        has_figures=has_figures,
    )
