"""Figures of an emulated period are the same wherever they are read, and true.

The emulator counts what it writes by its own means (`usage.usg.emulator.truth`). The
files are uploaded, and each place that shows figures is read back.
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest
import time_machine
from django.test import Client

from billing.models import Statement
from billing.statements import issue
from billing.statements.issue import IssueRequest
from billing.statements.text import hours_text
from portal.db import unit_of_work
from portal.templatetags.shown import grouped
from tests.billing.statements.csv_tables import (
    OF_DAY,
    OF_PERIOD,
    figure_of,
    focus_rows,
    line_rows,
    read_rows,
    span,
)
from tests.billing.statements.emulated_months import (
    AFTER,
    APRIL,
    FIELDS,
    TOTAL,
    Emulated,
    Figures,
    emulated_april,
)
from tests.billing.statements.page_tables import figures_on
from tests.billing.statements.schema_checks import (
    Document,
    check_files,
    check_statement,
)
from tests.billing.statements.statement_tenants import (
    MEMBERS,
    ApiReader,
    add_staff,
    person,
)
from tests.builders import Company

SERVERS = ("IC01", "IC02", "IC03")
SEED = 6


@pytest.fixture
def emulated(db: None, tmp_path: Path) -> Emulated:
    return emulated_april(tmp_path / "directory", servers=SERVERS, seed=SEED)


def of_document(statement: Document) -> Figures:
    """Read the figures of a JSON document."""
    assert statement["outside"] == []
    lines: list[tuple[str | None, Document]] = [
        (None, line) for line in statement["lines"]
    ]
    lines += [(None, {"id": TOTAL, **statement["totals"]})]
    lines += [(day["day"], line) for day in statement["days"] for line in day["lines"]]
    return {
        (line["id"], day, name): line[name] for day, line in lines for name in FIELDS
    }


def of_csv(content: bytes) -> Figures:
    """Read the figures of the CSV."""
    return {
        (line, day or None, name): figure_of(row, name)
        for (_, day, line), row in line_rows(read_rows(content)).items()
        for name in FIELDS
    }


def of_focus(content: bytes, period: Document) -> Figures:
    """Read the figures of the FOCUS-shaped CSV; it has some of them, and no totals."""
    days: dict[str, str | None] = {span(day): day["day"] for day in period["days"]}
    days[span(period["period"])] = None
    return {
        (line, days[charged], metric): figure_of(row, "ConsumedQuantity")
        for (charged, line, metric), row in focus_rows(read_rows(content)).items()
        if metric in FIELDS
    }


def check_zeros(found: Figures, truth: Figures) -> None:
    """Check that lines which the truth does not have are empty."""
    for key in found.keys() - truth.keys():
        assert key[0].startswith("add_on:"), key
        assert not found[key], key


def check(content: bytes, csv: bytes, focus: bytes, emulated: Emulated) -> None:
    """Compare a document and its tables with the truth."""
    truth, statement = emulated.figures, check_statement(content)
    document = of_document(statement)
    assert {key: document[key] for key in truth} == truth
    check_zeros(document, truth)
    assert of_csv(csv) == document
    quantities = of_focus(focus, statement)
    assert quantities == {key: document[key] for key in quantities}
    expected = {
        (line["id"], None, name)
        for line in statement["lines"]
        for name in OF_PERIOD.keys() & set(FIELDS)
    } | {
        (line["id"], day["day"], name)
        for day in statement["days"]
        for line in day["lines"]
        for name in OF_DAY
    }
    assert quantities.keys() == expected


@dataclass(frozen=True, slots=True)
class _Answers:
    document: bytes
    csv: bytes
    focus: bytes
    files: bytes


def answers(reader: ApiReader, **query: str) -> _Answers:
    found = [
        reader.get(f"/statements/2026-04{address}?{urlencode(query)}")
        for address in ("", ".csv", ".focus.csv", "/files")
    ]
    assert [one.status_code for one in found] == [200] * 4
    return _Answers(*(one.content for one in found))


def issue_april(company: Company) -> None:
    issue.issue(
        company.id,
        IssueRequest(
            period=APRIL, by="clara", at=AFTER, reason="deadline", with_incomplete=True
        ),
    )


def check_page(client: Client, emulated: Emulated) -> None:
    """Compare the tables of the page with the truth."""
    html = client.get("/billing-data/2026-04").content.decode()
    found = figures_on(html, days=list(APRIL.days()))
    truth = emulated.figures
    for (line, day, field), shown in found.items():
        lines = [line] if (line, day, "logins") in truth else ["agent", "business"]
        name = "used_seconds" if field == "hours" else field
        value = sum(truth[one, day, name] for one in lines)
        expected = hours_text(value) if field == "hours" else grouped(value)
        assert shown == expected, (line, day, field)
    assert len(found) == 4 * 5 + len(list(APRIL.days())) * 6


def check_emulation(statement: Document, emulated: Emulated) -> None:
    """Check that the emulated period has what makes counting hard."""
    [period] = emulated.truth["periods"]
    assert statement["totals"]["rows"] == period["rows"]
    assert statement["files"]["count"] == period["files"] > len(SERVERS) * 28
    assert statement["doubtful"]["cut_by_restart"] > 0
    assert statement["doubtful"]["cut_by_crash"] > 0
    lines = {line["id"]: line for line in statement["lines"]}
    assert all(lines[name]["peak"] > 0 for name in period["lines"])
    assert lines["business"]["row_seconds"] > lines["business"]["used_seconds"]


@time_machine.travel(AFTER, tick=False)
def test_every_place_shows_the_figures_of_the_emulated_period(
    emulated: Emulated,
) -> None:
    company = emulated.company
    reader = MEMBERS["viewer"](company)
    check_page(reader.client, emulated)
    provisional = answers(reader)
    statement = check_statement(provisional.document)
    assert statement["statement"]["state"] == "provisional"
    check_files(provisional.files, statement)
    check_emulation(statement, emulated)
    check(provisional.document, provisional.csv, provisional.focus, emulated)
    # What is issued has the same figures, and is the same wherever it is read.
    issue_april(company)
    check_page(reader.client, emulated)
    issued = answers(reader, version="1")
    assert check_statement(issued.document)["statement"]["state"] == "issued"
    check(issued.document, issued.csv, issued.focus, emulated)
    assert issued.files == provisional.files
    assert issued == answers(reader)
    assert issued == answers(person(add_staff()), tenant=company.number)
    with unit_of_work.acting_for(company.id, reading=True):
        row = Statement.objects.get()
    stored = (row.document, row.csv, row.focus_csv, row.files)
    assert issued == _Answers(*map(bytes, stored))
