"""Writes tables as CSV: UTF-8, and no cell that a spreadsheet takes for a formula."""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime

from portal.sheets.table import Cell, Table

# The byte-order mark, by which spreadsheets recognise UTF-8.
BYTE_ORDER_MARK = "\ufeff"

COMMA, SEMICOLON, TAB = ",", ";", "\t"

# A spreadsheet reads a cell that begins like this as a formula, whoever wrote it; the
# wide forms are those of Japanese keyboards.
_FORMULA = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    "\uff1d",
    "\uff0b",
    "\uff0d",
    "\uff20",
)

# A spreadsheet that expects another separator splits a text there, and at its line
# breaks: in the middle of a cell the quotes around a text have no effect.
_FORMULA_BEHIND = {
    separator: re.compile(
        f'(?<=[{others}\r\n])(?=[ "]*[=+\\-@\uff1d\uff0b\uff0d\uff20])'
    )
    for separator, others in ((COMMA, ";\t"), (SEMICOLON, ",\t"), (TAB, ",;"))
}

# Languages that write a decimal comma. Their spreadsheets separate cells by semicolons,
# and open a CSV with commas in one column.
_WITH_DECIMAL_COMMA = frozenset(
    {
        *("af", "bg", "bs", "ca", "cs", "da", "de", "el", "es", "et", "eu", "fi", "fr"),
        *("gl", "hr", "hu", "id", "is", "it", "lt", "lv", "mk", "nb", "nl", "nn", "no"),
        *("pl", "pt", "ro", "ru", "sk", "sl", "sq", "sr", "sv", "tr", "uk", "vi"),
    }
)
# Regions of these that write a decimal point.
_WITH_DECIMAL_POINT = frozenset(
    {
        *("es-419", "es-do", "es-gt", "es-hn", "es-mx", "es-ni", "es-pa", "es-pe"),
        *("es-pr", "es-sv", "es-us"),
    }
)


def separator_for(languages: str) -> str:
    """Return the separator for an Accept-Language header; a comma without one."""
    first = languages.partition(",")[0].partition(";")[0].strip().lower()
    has_comma = first.partition("-")[0] in _WITH_DECIMAL_COMMA
    return SEMICOLON if has_comma and first not in _WITH_DECIMAL_POINT else COMMA


def csv_pieces(table: Table, *, separator: str = COMMA) -> Iterator[str]:
    """Yield a table: a piece for each row, the first with its heads."""
    yield BYTE_ORDER_MARK + csv_row(table.heads, separator=separator)
    for row in table.rows:
        yield csv_row(row, separator=separator)


def csv_row(cells: Iterable[Cell], *, separator: str = COMMA) -> str:
    """Write one line. Days and instants are as in RFC 3339: 2026-05-07T09:00:00+02:00.

    A text that looks like a formula begins with an apostrophe. So does the rest of a
    text behind another separator or a line break, if that rest looks like a formula.
    """
    written = io.StringIO()
    writer = csv.writer(written, delimiter=separator)
    writer.writerow([_written(cell, separator) for cell in cells])
    return written.getvalue()


def _written(cell: Cell, separator: str) -> str | int | None:
    if isinstance(cell, datetime):
        return cell.isoformat(timespec="seconds")
    if isinstance(cell, date):
        return cell.isoformat()
    if not isinstance(cell, str):
        return cell
    text = _FORMULA_BEHIND[separator].sub("'", cell)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text
