"""Presents the charts of a statement, each with a title and a describing sentence."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.utils.translation import gettext

from billing.coverage.periods import zone_named
from billing.periods.text import month_text
from billing.statements import text
from billing.statements.charts.bars import Peaks
from billing.statements.charts.daily_peaks import (
    DailyPeaksChart,
    DayMark,
    DayPeaks,
    daily_peaks,
)
from billing.statements.charts.heat_map import (
    HeatMap,
    HourPeak,
    heat_map,
    highest_peaks,
)
from billing.statements.charts.period_peaks import (
    PeriodPeaks,
    PeriodPeaksChart,
    period_peaks,
)
from billing.statements.compute.lines import AGENT, BUSINESS
from billing.statements.overview import PeriodFigures
from portal.templatetags.shown import day as day_text
from portal.templatetags.shown import grouped

Document = Mapping[str, Any]

_LAST_HOUR = 23

# States of listed server-days whose files are not here.
_LACKING = ("missing", "partial", "with_us", "lost")


@dataclass(frozen=True, slots=True)
class ShownChart:
    """A chart with its title and one sentence for screen readers."""

    chart: DailyPeaksChart | HeatMap | PeriodPeaksChart
    title: str
    sentence: str


@dataclass(frozen=True, slots=True)
class HourRow:
    """A row of the table beside the heat map: the peaks of an hour, by day."""

    hour: str
    peaks: Sequence[int | None]


@dataclass(frozen=True, slots=True)
class ShownHours:
    """The heat map of a line with its table; `notes` say where a clock was changed."""

    shown: ShownChart
    days: Sequence[date]
    rows: Sequence[HourRow]
    notes: Sequence[str]


def days_with_figures(document: Document) -> set[str]:
    """Return the days of the period that have figures.

    They have usage, or a server-day that is covered and not lost: of lost files nothing
    is known.
    """
    listed = document["completeness"]["days"]
    lost = Counter(one["day"] for one in listed if one["state"] == "lost")
    return {
        day["day"]
        for day in document["days"]
        if day["covered"] > lost[day["day"]] or has_usage(day)
    }


def has_usage(day: Document) -> bool:
    """Return whether somebody was logged in on a day."""
    return any(line["named_users"] or line["used_seconds"] for line in day["lines"])


def daily_chart(document: Document) -> ShownChart:
    """Return the chart of the peaks of each day of the period."""
    days = []
    known = days_with_figures(document)
    listed = document["completeness"]["days"]
    lacking = {one["day"] for one in listed if one["state"] in _LACKING}
    for one in document["days"]:
        peaks = {line["id"]: line["peak"] for line in one["lines"]}
        is_known = one["day"] in known
        days.append(
            DayPeaks(
                day=date.fromisoformat(one["day"]),
                peaks=Peaks(
                    peaks[AGENT] if is_known else None,
                    peaks[BUSINESS] if is_known else None,
                ),
                mark=_mark_of(one, lacking),
            )
        )
    return ShownChart(
        daily_peaks(days), gettext("Daily peaks"), _highest_days_text(days)
    )


def _mark_of(day: Document, lacking: Collection[str]) -> DayMark | None:
    if day["day"] in lacking:
        return DayMark.MISSING
    return DayMark.PENDING if day["covered"] < day["owed"] else None


def _highest_days_text(days: Sequence[DayPeaks]) -> str:
    agents = max(days, key=lambda one: one.peaks.agents or 0)
    business = max(days, key=lambda one: one.peaks.business or 0)
    shown = text.users_text(agents.peaks.agents or 0, business.peaks.business or 0)
    parts = [
        gettext("%(users)s on %(day)s") % {"users": users, "day": day_text(one.day)}
        for one, value, users in (
            (agents, agents.peaks.agents, shown["agents"]),
            (business, business.peaks.business, shown["business"]),
        )
        if value
    ]
    if not parts:
        return gettext("Nobody was logged in on any day.")
    return gettext("Highest peaks: %(peaks)s.") % {"peaks": ", ".join(parts)}


def hours_chart(document: Document, line: str) -> ShownHours:
    """Return the heat map of a line of the statement, and its table."""
    zone = zone_named(document["period"]["zone"])
    days = [date.fromisoformat(one["day"]) for one in document["days"]]
    peaks: list[HourPeak] = []
    notes: list[str] = []
    known = days_with_figures(document)
    for day, one in zip(days, document["days"], strict=True):
        if one["day"] not in known:
            continue
        found = [
            HourPeak(day, _hour_of(hour["starts_at"], day, zone), _peak_of(hour, line))
            for hour in one["hours"]
        ]
        peaks += found
        notes += _clock_notes(day, [peak.hour for peak in found])
    chart = heat_map(days, peaks)
    name = text.line_text(line)
    title = gettext("Peak of %(line)s by hour and day") % {"line": name}
    return ShownHours(
        shown=ShownChart(chart, title, _highest_hour_text(peaks, name)),
        days=days,
        rows=list(_hour_rows(days, peaks)),
        notes=notes,
    )


def _hour_of(instant: str, day: date, zone: Any) -> int:
    """Return the hour that the wall clock shows, within the day.

    Where the clock is set back at midnight, it shows an hour of the next day.
    """
    shown = datetime.fromisoformat(instant).astimezone(zone)
    return shown.hour if shown.date() == day else _LAST_HOUR


def _peak_of(hour: Document, line: str) -> int:
    return next((one["peak"] for one in hour["lines"] if one["id"] == line), 0)


def _clock_notes(day: date, hours: Sequence[int]) -> Iterator[str]:
    """Yield sentences on hours that a day lacks or has twice."""
    shown = {"day": day_text(day)}
    for hour in range(24):
        values = {**shown, "hour": f"{hour:02}:00"}
        if hour not in hours:
            text_of_gap = gettext("On %(day)s the hour from %(hour)s does not exist.")
            yield text_of_gap % values
        elif hours.count(hour) > 1:
            text_of_both = gettext(
                "On %(day)s the clock is set back: the row of %(hour)s shows the higher"
                " of two peaks."
            )
            yield text_of_both % values


def _hour_rows(days: Sequence[date], peaks: Sequence[HourPeak]) -> Iterator[HourRow]:
    highest = highest_peaks(peaks)
    for hour in range(24):
        yield HourRow(f"{hour:02}:00", [highest.get((day, hour)) for day in days])


def _highest_hour_text(peaks: Sequence[HourPeak], line: str) -> str:
    highest = max(peaks, key=lambda one: one.value, default=None)
    if highest is None or not highest.value:
        return gettext("%(line)s: nobody was logged in.") % {"line": line}
    sentence = gettext(
        "%(line)s: the highest peak, %(count)s, is on %(day)s at %(hour)s."
    )
    return sentence % {
        "line": line,
        "count": grouped(highest.value),
        "day": day_text(highest.day),
        "hour": f"{highest.hour:02}:00",
    }


def periods_chart(periods: Sequence[PeriodFigures]) -> ShownChart:
    """Return the chart of the peaks of some periods, oldest first."""
    found = [
        PeriodPeaks(one.period, _peaks_of(one), one.version is not None)
        for one in periods
    ]
    highest = max(found, key=lambda one: one.peaks.agents or 0)
    sentence = gettext("Highest peak of Agents: %(count)s in %(month)s.")
    return ShownChart(
        period_peaks(found),
        gettext("Peaks by period"),
        sentence
        % {
            "count": grouped(highest.peaks.agents or 0),
            "month": month_text(highest.period),
        },
    )


def _peaks_of(one: PeriodFigures) -> Peaks:
    if not one.overview["files"]:
        return Peaks(None, None)
    peaks = {line["id"]: line["peak"] for line in one.overview["lines"]}
    return Peaks(peaks[AGENT], peaks[BUSINESS])
