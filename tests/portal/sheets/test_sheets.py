"""Tables as CSV and XLSX: types, separators, and texts that look like formulas."""

import csv
import gc
import io
import logging
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from portal.sheets.csv_text import SEMICOLON, csv_pieces, separator_for
from portal.sheets.table import Cell, InstantHead, Table, shown_rows
from portal.sheets.xlsx import xlsx_pieces
from tests.portal.sheets.xlsx_files import SheetCell, sheet_cells

AT = datetime(2026, 6, 1, 7, 5, 9, 123, tzinfo=UTC).astimezone(
    ZoneInfo("Europe/Berlin")
)

# What a sheet has to hold as the text that it is.
TEXTS = [
    *(
        "007",
        "MAR1",
        "1E5",
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "https://a.example",
    ),
    *(
        "mailto:a@b.example",
        "TRUE",
        " =1",
        "\uff1d1",
        "a;b,c",
        'say "yes"',
        "M\u00fcller",
    ),
    *("two\nlines", "\u6f22\u5b57", "{=1}", "00:01", "1/2", "internal:Sheet1!A1"),
]


def sheet(table: Table) -> list[list[SheetCell]]:
    return sheet_cells(b"".join(xlsx_pieces(table)))


def table_of(*cells: Cell, zone: str = "") -> Table:
    return Table([f"h{number}" for number in range(len(cells))], [cells], zone)


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_stays_a_text_in_a_sheet(text: str) -> None:
    _, ((kind, value, _),) = sheet(table_of(text))
    assert kind == "inlineStr"
    assert value == text


def test_numbers_days_and_instants_have_their_types_in_a_sheet() -> None:
    heads, cells = sheet(
        Table(
            ["Size", "Day", InstantHead("Received"), "None", "Large"],
            [[1_048_576, date(2026, 5, 7), AT, None, 2**60]],
            zone="Europe/Berlin",
        )
    )
    assert [value for _, value, _ in heads][2] == "Received (Europe/Berlin)"
    # Days since 1900; an instant as the clocks of its zone show it.
    assert cells == [
        ("n", "1048576", ""),
        ("n", "46149", "yyyy-mm-dd"),
        ("n", "46174.37857638889", "yyyy-mm-dd hh:mm:ss"),
        # A spreadsheet would round it.
        ("inlineStr", str(2**60), ""),
    ]


def test_a_text_that_is_too_long_for_a_cell_is_cut() -> None:
    _, ((_, value, _),) = sheet(table_of("x" * 40_000))
    assert value == "x" * 32_766 + "\u2026"


def test_a_csv_writes_days_and_instants_in_one_way() -> None:
    text = "".join(csv_pieces(table_of(7, date(2026, 5, 7), AT, None, "a,b")))
    assert text == (
        '\ufeffh0,h1,h2,h3,h4\r\n7,2026-05-07,2026-06-01T09:05:09+02:00,,"a,b"\r\n'
    )


@pytest.mark.parametrize("text", TEXTS)
def test_a_csv_has_no_formula_with_either_separator(text: str) -> None:
    for separator in ",;\t":
        written = "".join(csv_pieces(table_of(text), separator=separator))
        _, (cell,) = csv.reader(io.StringIO(written, newline=""), delimiter=separator)
        # A tab separates cells for other spreadsheets: the rest is a formula there.
        assert cell in (text, f"'{text}", text.replace("\t=", "'\t'="))
        is_formula = text.lstrip(" ")[0] in "=+-@\t\uff1d"
        assert cell.startswith("'") is is_formula


@pytest.mark.parametrize("written", ",;\t")
@pytest.mark.parametrize("expected", ",;\t")
@pytest.mark.parametrize(
    "text", ["a;=1", "a,+1", "a\t-1", "a; =1", 'a;"=1"', "a,\uff1d1", "a\n=1", "a\r@b"]
)
def test_a_csv_has_no_formula_for_a_spreadsheet_with_another_separator(
    written: str, expected: str, text: str
) -> None:
    line = "".join(csv_pieces(Table(["h"], [["x", text]]), separator=written))
    reader = csv.reader(io.StringIO(line, newline=""), delimiter=expected)
    for cell in (cell for row in reader for cell in row):
        assert cell.strip(' "')[:1] not in {*"=+-@\uff1d"}


def test_a_csv_changes_no_text_behind_its_own_separator() -> None:
    text = "".join(csv_pieces(table_of("a,=1; b", "x-1;2"), separator=","))
    assert text.splitlines()[1] == '"a,=1; b",x-1;2'


def test_rows_that_fail_leave_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rows() -> Iterator[list[Cell]]:
        yield ["x" * 100_000]
        raise OSError

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(OSError):  # noqa: PT011 - raised above, without a text
        sheet(Table(["h"], rows()))
    gc.collect()
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("languages", "separator"),
    [
        *(("", ","), ("en-GB,en;q=0.9", ","), ("*", ","), ("ja", ","), ("zh-CN", ",")),
        *(
            ("de", ";"),
            ("de-DE,de;q=0.9,en;q=0.8", ";"),
            ("de-CH", ";"),
            ("FR-fr", ";"),
        ),
        *(("en-US,de;q=0.9", ","), ("es-ES", ";"), ("es-MX,es;q=0.9", ",")),
        *(("pt-BR;q=1", ";"), (" it ", ";"), ("d", ","), (";;;,,,", ",")),
    ],
)
def test_the_language_of_the_reader_determines_the_separator(
    languages: str, separator: str
) -> None:
    assert separator_for(languages) == separator


def test_one_row_that_cannot_be_shown_ends_no_list(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def cells(item: int) -> Sequence[Cell]:
        return [item, 6 // item]

    with caplog.at_level(logging.ERROR, "portal.sheets.table"):
        rows = [*shown_rows([3, 0, 1], cells)]
    assert rows[0] == [3, 2]
    assert rows[1] == [
        "This row cannot be shown. The reason is in the log of the portal."
    ]
    assert rows[2] == [1, 6]
    assert "ZeroDivisionError" in caplog.text


def test_a_list_that_cannot_be_read_is_cut_and_not_ended() -> None:
    def items() -> object:
        yield 1
        raise ConnectionError

    found = shown_rows(items(), lambda item: [item])  # type: ignore[arg-type]  # fails
    assert next(found) == [1]
    with pytest.raises(ConnectionError):
        next(found)


def test_a_csv_with_semicolons_has_no_comma_between_cells() -> None:
    written = "".join(csv_pieces(table_of("a", 1), separator=SEMICOLON))
    assert written == "\ufeffh0;h1\r\na;1\r\n"
