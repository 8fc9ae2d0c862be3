"""Reads XLSX files as they are stored, without a library that would guess types."""

import io
import zipfile
from xml.etree import ElementTree

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"

# Type, value and number format of a cell.
SheetCell = tuple[str, str, str]


def sheet_cells(data: bytes) -> list[list[SheetCell]]:
    """Return type, value and number format of each cell, as the file has them."""
    archive = zipfile.ZipFile(io.BytesIO(data))
    styles = ElementTree.fromstring(archive.read("xl/styles.xml"))
    codes = {
        one.get("numFmtId"): one.get("formatCode")
        for one in styles.iter(f"{MAIN}numFmt")
    }
    (cell_styles,) = styles.iter(f"{MAIN}cellXfs")
    formats = [codes.get(one.get("numFmtId")) or "" for one in cell_styles]
    root = ElementTree.fromstring(archive.read("xl/worksheets/sheet1.xml"))
    assert not [*root.iter(f"{MAIN}f")], "a formula"
    assert not [*root.iter(f"{MAIN}hyperlink")], "a link"
    return [
        [
            (
                one.get("t") or "n",
                "".join(one.itertext()),
                formats[int(one.get("s") or 0)],
            )
            for one in row
        ]
        for row in root.iter(f"{MAIN}row")
    ]
