"""The tables of a statement over the API: CSV, FOCUS-shaped CSV, the list of files."""

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine

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
from tests.billing.statements.schema_checks import (
    Document,
    check_files,
    check_statement,
)
from tests.billing.statements.statement_tenants import (
    AFTER,
    LAST,
    MEMBERS,
    ApiReader,
    issue_version,
    open_tenant,
    send_all,
    send_day,
)
from tests.builders import Company
from tests.portal.sheets.xlsx_files import sheet_cells

# Texts that spreadsheets read as formulas.
FORMULAS = ("=1+1", "@SUM(A1)", "+1", "-1", "\uff1d1+1")


@pytest.fixture(autouse=True)
def _after_the_period() -> Iterator[None]:
    with time_machine.travel(AFTER, tick=False):
        yield


@pytest.fixture
def company(db: None) -> Company:
    """A tenant with an issued version and a draft."""
    company = open_tenant("A-1", name='Alice, "the" \u5c71\n& Sons')
    send_all(company, last=LAST - timedelta(days=1))
    issue_version(company, reason="the deadline is over")
    send_day(company, LAST, shift=900)
    return company


@pytest.fixture
def viewer(company: Company) -> ApiReader:
    return MEMBERS["viewer"](company)


def days_of(statement: Document) -> Iterator[tuple[str, Any]]:
    for day in statement["days"]:
        yield "day", day
    for day in statement["outside"]:
        yield day["side"], day


@pytest.mark.parametrize("version", ["1", "draft"])
def test_the_csv_has_each_figure_of_the_document(
    viewer: ApiReader, version: str
) -> None:
    statement = check_statement(viewer.statement("", version=version).content)
    response = viewer.statement(".csv", version=version)
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    name = {"1": "v1"}.get(version, version)
    expected = f'attachment; filename="statement-A-1-2026-05-{name}.csv"'
    assert response["Content-Disposition"] == expected
    rows = line_rows(read_rows(response.content))
    lines = [*statement["lines"], {"id": "total", **statement["totals"]}]
    for line in lines:
        row = rows.pop(("period", "", line["id"]))
        assert f"{row['starts_at']}/{row['ends_at']}" == span(statement["period"])
        for name in FIGURES:
            assert figure_of(row, name) == line.get(name), (line["id"], name)
        assert row["tenant_name"] == statement["tenant"]["name"]
        assert figure_of(row, "version") == statement["statement"]["version"]
        assert row["state"] == statement["statement"]["state"]
    for scope, day in days_of(statement):
        for line in day["lines"]:
            row = rows.pop((scope, day["day"], line["id"]))
            assert f"{row['starts_at']}/{row['ends_at']}" == span(day)
            for name in FIGURES:
                assert figure_of(row, name) == line.get(name), (day["day"], name)
    assert rows == {}


@pytest.mark.parametrize("version", ["1", "draft"])
def test_a_sheet_and_a_csv_with_semicolons_have_the_rows_of_the_csv(
    viewer: ApiReader, version: str
) -> None:
    plain = viewer.statement(".csv", version=version)
    heads, *rows = csv.reader(
        io.StringIO(plain.content.decode("utf-8-sig"), newline="")
    )
    german = viewer.statement(".csv", version=version, separator="semicolon")
    text = german.content.decode("utf-8-sig")
    assert text.splitlines()[0] == ";".join(heads)
    found = viewer.statement(".csv", version=version, format="xlsx")
    assert found["Content-Disposition"].endswith('.xlsx"')
    assert len({one["ETag"] for one in (plain, german, found)}) == 3
    written, *cells = sheet_cells(found.content)
    instants = {"starts_at", "ends_at", "peak_at", "held_30min_from"}
    assert [value for _, value, _ in written] == [
        f"{head} (UTC)" if head in instants else head for head in heads
    ]
    assert len(cells) == len(rows)
    # Figures are numbers, and what the CSV has in a row is in the sheet's, in order.
    for row, sheet in zip(rows, cells, strict=True):
        given = [cell for cell in row if cell]
        assert len(given) == len(sheet)
        for cell, (kind, value, style) in zip(given, sheet, strict=True):
            if style:
                assert (kind, style[:10]) == ("n", "yyyy-mm-dd")
            else:
                assert cell in (value, f"'{value}")
                assert (kind == "n") is cell.isdigit()


def test_an_unknown_format_of_a_table_is_refused(viewer: ApiReader) -> None:
    for query in ({"format": "ods"}, {"separator": "|"}):
        response = viewer.statement(".csv", **query)
        assert (response.status_code, response.json()["code"]) == (
            422,
            "input-invalid",
        )


@pytest.mark.parametrize("version", ["1", "draft"])
def test_the_focus_shaped_csv_has_the_quantities_of_the_document(
    viewer: ApiReader, version: str
) -> None:
    statement = check_statement(viewer.statement("", version=version).content)
    response = viewer.statement(".focus.csv", version=version)
    assert response["Content-Disposition"].endswith('.focus.csv"')
    rows = focus_rows(read_rows(response.content))
    columns = next(iter(rows.values()))
    assert not any("Cost" in name or "Price" in name for name in columns)
    charged = [(statement["period"], OF_PERIOD, statement["lines"])]
    charged += [(day, OF_DAY, day["lines"]) for _, day in days_of(statement)]
    for of, metrics, lines in charged:
        for line in lines:
            for metric, unit in metrics.items():
                row = rows.pop((span(of), line["id"], metric))
                assert figure_of(row, "ConsumedQuantity") == line[metric]
                assert row["ConsumedUnit"] == unit
                assert row["ResourceId"] == f"A-1/{line['id']}"
                assert row["x_FiguresSha256"] == statement["figures_sha256"]
                assert row["BillingPeriodStart"] == statement["period"]["starts_at"]
                assert row["BillingPeriodEnd"] == statement["period"]["ends_at"]
    assert rows == {}


def test_corrections_name_the_quantity_that_is_replaced(
    company: Company, viewer: ApiReader
) -> None:
    before = focus_rows(read_rows(viewer.statement(".focus.csv").content))
    issue_version(company, reason="a late file")
    after = focus_rows(read_rows(viewer.statement(".focus.csv").content))
    assert before.keys() == after.keys()
    corrected = 0
    for key, row in after.items():
        old, new = before[key]["ConsumedQuantity"], row["ConsumedQuantity"]
        if old == new:
            assert (row["ChargeClass"], row["x_ReplacedQuantity"]) == ("", ""), key
        else:
            corrected += 1
            assert row["ChargeClass"] == "Correction", key
            assert row["x_ReplacedQuantity"] == old, key
    assert corrected > 0
    assert {row["ChargeClass"] for row in before.values()} == {""}


@pytest.mark.parametrize("name", FORMULAS)
def test_spreadsheets_do_not_read_names_as_formulas(db: None, name: str) -> None:
    company = open_tenant("A-1", name=name)
    reader = MEMBERS["viewer"](company)
    for issued in (False, True):
        if issued:
            issue_version(company, reason="no files")
        for address, column in (
            (".csv", "tenant_name"),
            (".focus.csv", "BillingAccountName"),
        ):
            response = reader.statement(address)
            assert {row[column] for row in read_rows(response.content)} == {f"'{name}"}
    assert check_statement(reader.statement().content)["tenant"]["name"] == name


def test_the_list_of_files_is_what_the_statement_was_computed_from(
    company: Company, viewer: ApiReader
) -> None:
    for version, count in (("1", 2), ("draft", 3)):
        statement = check_statement(viewer.statement("", version=version).content)
        response = viewer.statement("/files", version=version)
        assert response["Content-Type"] == "application/json"
        listed = check_files(response.content, statement)["files"]
        files = company.files()[:count]
        assert [one["sha256"] for one in listed] == [
            bytes(file.sha256).hex() for file in files
        ]
        assert [one["size"] for one in listed] == [file.size for file in files]
        assert [one["day"] for one in listed] == [str(file.day) for file in files]
        assert {one["server"] for one in listed} == {"IC01"}


def test_a_statement_without_files_has_an_empty_list(db: None) -> None:
    reader = MEMBERS["viewer"](open_tenant("A-1"))
    statement = check_statement(reader.statement().content)
    response = reader.statement("/files")
    assert check_files(response.content, statement) == {"files": []}
