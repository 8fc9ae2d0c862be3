"""Every list for download: as CSV with the reader's separator, and as XLSX."""

import csv
import io
import re
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.test import Client

from portal.http import sheets
from portal.models import StaffRole
from tests.billing.lateness.late_tenants import CHECKED, open_short, run_check
from tests.billing.reminders.tenant_with_gaps import open_periods
from tests.billing.staff.staff_clients import signed_in, staff
from tests.builders import Company
from tests.portal.sheets.xlsx_files import SheetCell, sheet_cells
from usage.models import UsageFile

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
DAY = re.compile(r"\d{4}-\d\d-\d\d")
LISTS = ["files", "safe", "receipt", "receipts", "desk", "late"]


@pytest.fixture(autouse=True)
def _after_the_check() -> Iterator[None]:
    with time_machine.travel(CHECKED, tick=False):
        yield


@pytest.fixture
def late(db: None, settings: Any) -> Company:
    """A late tenant whose number a spreadsheet would change."""
    settings.INBOX_BUCKET = ""
    company = open_short("007")
    company.send(company.writer("MAR1").day(CHECKED.date()), name="=1+1.usg")
    open_periods()
    assert run_check(CHECKED) == 1
    return company


class Downloads:
    """The lists of one tenant, as its admin and as a clerk download them."""

    def __init__(self, company: Company) -> None:
        self._own = signed_in(company.people["admin"])
        self._clerk = signed_in(staff(StaffRole.CLERK))
        with_file = UsageFile.objects.using("owner")
        self._file = str(with_file.values_list("pk", flat=True)[0])

    def get(self, name: str, language: str = "", **query: str) -> Any:
        headers = {"Accept-Language": language} if language else {}
        if name == "receipts":
            fields = {"ids": self._file, "format": "csv", **query}
            return self._own.post("/files/receipt", fields, headers=headers)
        client, path = self._places()[name]
        if name == "receipt":
            query = {"format": "csv", **query}
        return client.get(path, query, headers=headers)

    def _places(self) -> dict[str, tuple[Client, str]]:
        return {
            "files": (self._own, "/files/list.csv"),
            "safe": (self._own, "/safe-to-delete/list.csv"),
            "receipt": (self._own, f"/files/{self._file}/receipt"),
            "desk": (self._clerk, "/staff/desk.csv"),
            "late": (self._clerk, "/staff/late.csv"),
        }


def content(response: Any) -> bytes:
    assert response.status_code == 200, response.content
    if response.streaming:
        return b"".join(response.streaming_content)
    return bytes(response.content)


def csv_rows(response: Any, separator: str) -> list[list[str]]:
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    text = content(response).decode("utf-8-sig")
    return [*csv.reader(io.StringIO(text, newline=""), delimiter=separator)]


def as_in_csv(cell: SheetCell) -> str:
    """Return a cell as a CSV has it, but for days and instants."""
    kind, value, _ = cell
    is_formula = kind == "inlineStr" and value.lstrip(" ").startswith(("=", "-", "+"))
    return f"'{value}" if is_formula else value


def test_every_list_has_the_separator_of_the_reader_and_the_same_rows_as_a_sheet(
    late: Company,
) -> None:
    downloads = Downloads(late)
    for name in LISTS:
        plain = csv_rows(downloads.get(name), ",")
        assert len(plain[0]) > 10, name
        german = csv_rows(downloads.get(name, "de-DE,de;q=0.9,en;q=0.8"), ";")
        assert german == plain, name
        for given, separator in (("comma", ","), ("semicolon", ";"), ("tab", "\t")):
            found = csv_rows(downloads.get(name, "de", separator=given), separator)
            assert found == plain, (name, given)
        response = downloads.get(name, format="xlsx")
        assert response["Content-Type"] == XLSX
        assert '.xlsx"' in response["Content-Disposition"]
        assert "no-store" in response["Cache-Control"]
        heads, *rows = sheet_cells(content(response))
        for written, head in zip(heads, plain[0], strict=True):
            assert written[1] in (head, f"{head} (Europe/Berlin)"), name
        assert len(rows) == len(plain) - 1
        texts = {as_in_csv(cell) for row in rows for cell in row}
        for row in plain[1:]:
            short = {cell for cell in row if cell and not DAY.match(cell)}
            assert short <= texts, (name, short - texts)


def test_names_that_look_like_numbers_stay_texts_in_a_sheet(late: Company) -> None:
    downloads = Downloads(late)
    for name, texts in (
        ("files", {"=1+1.usg", "MAR1"}),
        ("receipts", {"=1+1.usg", "MAR1"}),
        ("desk", {"007"}),
        ("late", {"007"}),
    ):
        cells = sheet_cells(content(downloads.get(name, format="xlsx")))
        strings = {value for row in cells for kind, value, _ in row if kind != "n"}
        assert texts <= strings, name
        formats = {style for row in cells for _, _, style in row}
        assert "yyyy-mm-dd hh:mm:ss" in formats, name


@pytest.mark.parametrize("query", [{"format": "xls"}, {"separator": ";"}])
def test_an_unknown_format_is_refused(late: Company, query: dict[str, str]) -> None:
    downloads = Downloads(late)
    for name in LISTS:
        assert downloads.get(name, **query).status_code == 422, name


def test_a_list_that_is_too_long_for_a_sheet_is_refused_before_it_is_sent(
    late: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheets, "ROWS_AT_MOST", 0)
    downloads = Downloads(late)
    for name in ("files", "desk", "late"):
        response = downloads.get(name, format="xlsx")
        assert response.status_code == 422, name
        assert "too many for XLSX" in response.content.decode()
        assert content(downloads.get(name))
