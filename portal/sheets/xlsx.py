"""Writes tables as XLSX, with types: numbers, days, instants, and texts as they are."""

import tempfile
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from xlsxwriter import Workbook

from portal.sheets.table import Cell, InstantHead, Table

# Rows of one sheet. It is written before its first byte is sent, which takes a second
# for 10,000 rows of a receipt.
ROWS_AT_MOST = 50_000

# Excel's limit for the text of a cell; a longer one would be left out.
_CHARACTERS = 32_767

# Integers that a spreadsheet, which counts in floats, holds exactly.
_EXACT = 2**53

_PIECE = 64 * 1024
_WIDTH = 18

# Nothing is guessed from a text: no formula, no link, no number.
_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
    "default_date_format": "yyyy-mm-dd",
}


def xlsx_pieces(table: Table) -> Iterator[bytes]:
    """Yield the bytes of a workbook with one sheet. Memory is that of one row.

    A spreadsheet has no zones: instants are as clocks of their zone show them, and the
    heads of their columns name it.
    """
    # The workbook writes its rows to a file of its own, which nobody would remove if
    # the rows cannot be read to the end.
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as file:
        with Workbook(file, {**_OPTIONS, "tmpdir": folder}) as workbook:
            _fill(workbook, table)
        file.seek(0)
        while piece := file.read(_PIECE):
            yield piece


def _fill(workbook: Any, table: Table) -> None:
    sheet = workbook.add_worksheet()
    instant = workbook.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
    sheet.set_column(0, len(table.heads), _WIDTH)
    sheet.freeze_panes(1, 0)
    heads = [_head(head, table.zone) for head in table.heads]
    sheet.write_row(0, 0, heads, workbook.add_format({"bold": True}))
    for number, cells in enumerate(table.rows, start=1):
        for column, cell in enumerate(cells):
            _write(sheet, number, column, cell, instant)


def _head(head: str, zone: str) -> str:
    return f"{head} ({zone})" if isinstance(head, InstantHead) and zone else str(head)


def _write(sheet: Any, row: int, column: int, cell: Cell, instant: Any) -> None:
    if cell is None:
        return
    if isinstance(cell, datetime):
        local = cell.replace(tzinfo=None, microsecond=0)
        sheet.write_datetime(row, column, local, instant)
    elif isinstance(cell, date):
        sheet.write_datetime(row, column, cell)
    elif isinstance(cell, int) and abs(cell) <= _EXACT:
        sheet.write_number(row, column, cell)
    else:
        sheet.write_string(row, column, _cut(str(cell)))


def _cut(text: str) -> str:
    return text if len(text) <= _CHARACTERS else f"{text[: _CHARACTERS - 1]}…"
