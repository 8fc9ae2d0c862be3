"""Reads the CSV exports of a statement as rows by their column heads."""

import csv
import io
from collections.abc import Mapping
from typing import Any

Row = Mapping[str, str]

FIGURES = (
    *("named_users", "logins", "rows", "used_seconds", "row_seconds"),
    *("peak", "peak_at", "peak_seconds", "peak_runs", "held_30min", "held_30min_from"),
)

# The metrics of the FOCUS-shaped export, with their units: of the period, of a day.
OF_PERIOD = {
    "peak": "Users",
    "named_users": "Users",
    "held_30min": "Users",
    "logins": "Logins",
    "used_seconds": "Seconds",
}
OF_DAY = {"peak": "Users", "logins": "Logins", "used_seconds": "Seconds"}


def read_rows(content: bytes) -> list[Row]:
    """Return the rows; each has as many cells as there are column heads."""
    text = content.decode("utf-8-sig")
    assert content.startswith(b"\xef\xbb\xbf")
    heads, *lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert len(set(heads)) == len(heads)
    return [dict(zip(heads, line, strict=True)) for line in lines]


def figure_of(row: Row, name: str) -> Any:
    """Return a cell as the figure of the JSON document."""
    text = row[name]
    return None if text == "" else int(text) if text.isdecimal() else text


def line_rows(rows: list[Row]) -> dict[tuple[str, str, str], Row]:
    """Return the rows of the figures by scope, day and line."""
    found = {(row["scope"], row["day"], row["line"]): row for row in rows}
    assert len(found) == len(rows)
    return found


def focus_rows(rows: list[Row]) -> dict[tuple[str, str, str], Row]:
    """Return the rows of the FOCUS-shaped export by start, line and metric."""
    found = {
        (
            f"{row['ChargePeriodStart']}/{row['ChargePeriodEnd']}",
            row["SkuId"],
            row["x_Metric"],
        ): row
        for row in rows
    }
    assert len(found) == len(rows)
    return found


def span(of: Mapping[str, Any]) -> str:
    return f"{of['starts_at']}/{of['ends_at']}"
