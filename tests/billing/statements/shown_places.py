"""Reads the figures of a statement from each place that shows them.

Each place has a reader, and the figures or texts that are expected of it. `wrong` names
the function that a test gives other figures, to see that they are noticed: the places
of a provisional statement are made anew for each reader.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from html import unescape
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.billing.statements.csv_tables import (
    FIGURES,
    OF_DAY,
    OF_PERIOD,
    figure_of,
    focus_rows,
    line_rows,
    read_rows,
    span,
)
from tests.billing.statements.emulated_months import APRIL
from tests.billing.statements.page_tables import figures_on, rows_of, section
from tests.billing.statements.statement_tenants import ApiReader
from tests.portal.paper.pdf_files import pdf_text

Document = Mapping[str, Any]
Shown = Mapping[Any, Any]

LINES = ("agent", "business")

# Where there is no figure.
NONE = "\N{EN DASH}"

_BAR = r'class="(?:agent|business)"[^>]* height="([\d.]+)"'


@dataclass(frozen=True, slots=True)
class Place:
    """A place that shows figures, and how it is made wrong.

    It is read as figures by name, or as a text; of that, parts in their order are
    expected.
    """

    name: str
    read: Callable[[ApiReader], Shown | str]
    expected: Callable[[Document], Shown | Sequence[str]]
    wrong: tuple[str, str]


def agree(shown: Shown | str, expected: Shown | Sequence[str]) -> bool:
    if not isinstance(shown, str):
        return shown == expected
    rest = shown
    for part in expected:
        _, found, rest = rest.partition(part)
        if not found:
            return False
    return True


def grouped(value: int) -> str:
    return f"{value:,}"


def hours(seconds: int) -> str:
    return f"{seconds / 3600:,.1f} h" if not 0 < seconds < 180 else "under 0.1 h"


def line_of(figures: Document, line: str) -> Document:
    [found] = [one for one in figures["lines"] if one["id"] == line]
    return dict(found)


def page_of(reader: ApiReader, query: str = "") -> str:
    return str(reader.client.get(f"/billing-data/2026-04{query}").content.decode())


def page_tables(reader: ApiReader) -> Shown:
    return figures_on(page_of(reader), days=list(APRIL.days()))


def expected_tables(document: Document) -> Shown:
    found: dict[tuple[str, str | None, str], str] = {}
    lines = [line for line in document["lines"] if line["id"] in LINES]
    lines += [line for line in document["lines"][2:] if line["named_users"]]
    for line in [*lines, {"id": "total", **document["totals"]}]:
        for name in ("named_users", "peak", "logins"):
            found[line["id"], None, name] = grouped(line[name])
        found[line["id"], None, "hours"] = hours(line["used_seconds"])
    keys = [(line, name) for line in LINES for name in ("peak", "named_users")]
    keys += [("total", "logins"), ("total", "hours")]
    for day in document["days"]:
        for (line, name), shown in zip(keys, day_cells(day), strict=True):
            found[line, day["day"], name] = shown
    return found


def is_known(day: Document) -> bool:
    return bool(day["covered"] or any(line["logins"] for line in day["lines"]))


def day_cells(day: Document) -> list[str]:
    """Return what the row of a day shows: peaks, named users, logins, hours."""
    if not is_known(day):
        return [NONE] * 6
    of = [line_of(day, line) for line in LINES]
    cells = [grouped(one[name]) for one in of for name in ("peak", "named_users")]
    logins = sum(one["logins"] for one in of)
    seconds = sum(one["used_seconds"] for one in of)
    return [*cells, grouped(logins), hours(seconds)]


def daily_bars(reader: ApiReader) -> Shown:
    """Read the texts of the bars, and their heights as shares of the highest one."""
    html = section(page_of(reader), "daily")
    _, *titles = re.findall(r"<title>(.*?)</title>", html)
    heights = [float(one) for one in re.findall(_BAR, html)]
    found = dict(enumerate(unescape(one) for one in titles))
    return {**found, "heights": shares(heights)}


def expected_bars(document: Document) -> Shown:
    peaks = [
        (day["day"], [line_of(day, line)["peak"] for line in LINES])
        for day in document["days"]
        if is_known(day)
    ]
    titles = {
        index: f"{date.fromisoformat(day):%a %-d %B}: {grouped(one)}, {grouped(other)}"
        for index, (day, (one, other)) in enumerate(peaks)
    }
    heights = [float(value) for _, pair in peaks for value in pair]
    # Heights are drawn with a few digits only.
    return {**titles, "heights": pytest.approx(shares(heights), abs=0.005)}


def shares(heights: Sequence[float]) -> list[float]:
    highest = max(heights)
    return [one / highest for one in heights]


def hour_table(reader: ApiReader) -> Shown:
    found: dict[tuple[str, date, str], str] = {}
    for line in LINES:
        html = section(page_of(reader, f"?line={line}"), "hours")
        for hour, *cells in rows_of(html):
            for day, shown in zip(APRIL.days(), cells, strict=True):
                if shown != NONE:
                    found[line, day, hour] = shown
    return found


def hour_cells(reader: ApiReader) -> Shown:
    """Read the values of the drawn cells, of which each is above 0."""
    found = {}
    for line in LINES:
        html = section(page_of(reader, f"?line={line}"), "hours")
        _, *titles = re.findall(r"<title>(.*?)</title>", html)
        found[line] = sorted(titles)
    return found


def expected_hours(document: Document) -> Shown:
    zone = ZoneInfo(document["period"]["zone"])
    found: dict[tuple[str, date, str], int] = {}
    for day in filter(is_known, document["days"]):
        for hour in day["hours"]:
            local = datetime.fromisoformat(hour["starts_at"]).astimezone(zone)
            peaks = {one["id"]: one["peak"] for one in hour["lines"]}
            for line in LINES:
                key = (line, date.fromisoformat(day["day"]), f"{local:%H}:00")
                found[key] = max(found.get(key, 0), peaks.get(line, 0))
    return {key: grouped(value) for key, value in found.items()}


def expected_cells(document: Document) -> Shown:
    found = expected_hours(document)
    return {
        line: sorted(
            shown for (of, _, _), shown in found.items() if of == line and shown != "0"
        )
        for line in LINES
    }


def written_pdf(reader: ApiReader) -> str:
    return pdf_text(reader.get("/statements/2026-04.pdf").content)


def expected_pdf_lines(document: Document) -> Sequence[str]:
    zone = ZoneInfo(document["period"]["zone"])
    parts = []
    names = {"agent": "Agents", "business": "Business Users", "total": "All users"}
    lines = [line_of(document, name) for name in LINES]
    for line in [*lines, {"id": "total", **document["totals"]}]:
        at = datetime.fromisoformat(line["peak_at"]).astimezone(zone)
        held = grouped(line["held_30min"]) if "held_30min" in line else NONE
        parts.append(
            f"{names[line['id']]} {grouped(line['named_users'])}"
            f" {grouped(line['peak'])} {at:%a %-d %B %Y, %H:%M %Z} {held}"
            f" {grouped(line['logins'])} {hours(line['used_seconds'])}"
        )
    return parts


def expected_pdf_days(document: Document) -> Sequence[str]:
    parts = ["Day by day"]
    for day in document["days"]:
        parts.append(
            f"{date.fromisoformat(day['day']):%a %-d %B} {' '.join(day_cells(day))}"
            f" {day['covered']} of {day['owed']}"
        )
    return parts


def expected_pdf_chart(document: Document) -> Sequence[str]:
    """The highest bars are labelled, and named in a sentence."""
    highest = {
        line: max(document["days"], key=lambda day: line_of(day, line)["peak"])
        for line in LINES
    }
    values = {
        line: (grouped(line_of(day, line)["peak"]), date.fromisoformat(day["day"]))
        for line, day in highest.items()
    }
    (agents, on), (business, other) = values["agent"], values["business"]
    sentence = (
        f"Highest peaks: {agents} Agents on {on:%a %-d %B},"
        f" {business} Business Users on {other:%a %-d %B}."
    )
    return ["Daily peaks", f" {agents} ", sentence]


def expected_pdf_maps(document: Document) -> Sequence[str]:
    found = expected_hours(document)
    parts = []
    for line, name in zip(LINES, ("Agents", "Business Users"), strict=True):
        of_line = {key: one for key, one in found.items() if key[0] == line}
        highest = max(of_line.values(), key=lambda shown: int(shown.replace(",", "")))
        parts += [f"Peak of {name} by hour", f"{name}: the highest peak, {highest}, is"]
    return parts


def csv_figures(reader: ApiReader) -> Shown:
    rows = line_rows(read_rows(reader.get("/statements/2026-04.csv").content))
    return {
        (line, day or None, name): figure_of(row, name)
        for (_, day, line), row in rows.items()
        for name in FIGURES
    }


def expected_csv(document: Document) -> Shown:
    lines = [(None, line) for line in document["lines"]]
    lines += [(None, {"id": "total", **document["totals"]})]
    lines += [(day["day"], line) for day in document["days"] for line in day["lines"]]
    return {
        (line["id"], day, name): line.get(name)
        for day, line in lines
        for name in FIGURES
    }


def focus_figures(reader: ApiReader) -> Shown:
    rows = read_rows(reader.get("/statements/2026-04.focus.csv").content)
    return {
        key: figure_of(row, "ConsumedQuantity") for key, row in focus_rows(rows).items()
    }


def expected_focus(document: Document) -> Shown:
    found = {
        (span(document["period"]), line["id"], name): line[name]
        for line in document["lines"]
        for name in OF_PERIOD
    }
    return found | {
        (span(day), line["id"], name): line[name]
        for day in document["days"]
        for line in day["lines"]
        for name in OF_DAY
    }


def api_document(reader: ApiReader) -> Shown:
    return dict(json.loads(reader.get("/statements/2026-04").content))


_PACKAGE = "billing.statements"
_TABLES = f"{_PACKAGE}.tables"
PLACES: Sequence[Place] = (
    Place(
        "page, lines",
        page_tables,
        expected_tables,
        (f"{_PACKAGE}.presenters", "shown_lines"),
    ),
    Place(
        "page, days",
        page_tables,
        expected_tables,
        (f"{_PACKAGE}.presenters", "shown_day"),
    ),
    Place(
        "page, chart of days",
        daily_bars,
        expected_bars,
        (f"{_PACKAGE}.presenters", "daily_chart"),
    ),
    Place(
        "page, table of hours",
        hour_table,
        expected_hours,
        (f"{_PACKAGE}.presenters", "hours_chart"),
    ),
    Place(
        "page, chart of hours",
        hour_cells,
        expected_cells,
        (f"{_PACKAGE}.presenters", "hours_chart"),
    ),
    Place(
        "PDF, lines",
        written_pdf,
        expected_pdf_lines,
        (f"{_PACKAGE}.paper_tables", "shown_lines"),
    ),
    Place(
        "PDF, days",
        written_pdf,
        expected_pdf_days,
        (f"{_PACKAGE}.paper_tables", "shown_day"),
    ),
    Place(
        "PDF, chart of days",
        written_pdf,
        expected_pdf_chart,
        (f"{_PACKAGE}.paper", "daily_chart"),
    ),
    Place(
        "PDF, charts of hours",
        written_pdf,
        expected_pdf_maps,
        (f"{_PACKAGE}.paper", "hours_chart"),
    ),
    Place("CSV", csv_figures, expected_csv, (_TABLES, "_csv_rows")),
    Place("FOCUS", focus_figures, expected_focus, (_TABLES, "_focus_rows")),
    Place("JSON", api_document, dict, (f"{_PACKAGE}.queries", "as_bytes")),
)


def changed(value: Any) -> Any:
    """Return figures that are larger by one, everywhere within."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, Mapping):
        return {
            name: one if name in ("version", "rules") else changed(one)
            for name, one in value.items()
        }
    if isinstance(value, list):
        return [changed(one) for one in value]
    return value
