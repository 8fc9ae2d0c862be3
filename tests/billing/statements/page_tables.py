"""Reads the figures of the page of a statement from its tables."""

import re
from datetime import date
from html import unescape

# Names of lines on the page, where these are not licence keys.
_LINES = {"Agents": "agent", "Business Users": "business", "All users": "total"}

# Columns of the two tables; None is not compared.
_OF_LINE = ("named_users", "peak", None, None, "logins", "hours")
_OF_DAY = (
    *(("agent", "peak"), ("agent", "named_users")),
    *(("business", "peak"), ("business", "named_users")),
    *(("total", "logins"), ("total", "hours")),
)

# What a person reads, by line, day (None: the period) and figure.
ShownFigures = dict[tuple[str, str | None, str], str]


def figures_on(html: str, *, days: list[date]) -> ShownFigures:
    """Return the figures of both tables; `days` are those of the period, in order."""
    found: ShownFigures = {}
    for name, *cells in rows_of(section(html, "lines")):
        line = _LINES.get(name) or f"add_on:{name.split()[0]}"
        for field, shown in zip(_OF_LINE, cells, strict=True):
            if field is not None:
                found[line, None, field] = shown
    rows = rows_of(section(html, "days"))
    for day, (_, *cells, _) in zip(days, rows, strict=True):
        for (line, field), shown in zip(_OF_DAY, cells, strict=True):
            found[line, day.isoformat(), field] = shown
    return found


def section(html: str, name: str) -> str:
    start = html.index(f'aria-labelledby="{name}"')
    return html[start : html.index("</section>", start)]


def rows_of(section: str) -> list[list[str]]:
    body = section[section.index("<tbody>") :]
    rows = re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)
    return [
        [
            _text(cell)
            for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)
        ]
        for row in rows
    ]


def _text(html: str) -> str:
    return " ".join(
        unescape(re.sub(r"<[^>]+>", " ", re.sub("</?bdi>", "", html))).split()
    )
