"""The desk shows the state of each tenant's statement, and leads to it."""

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billing.models import CurrentStatement
from billing.periods import refresh as summary_refresh
from billing.statements import refresh
from portal.db import unit_of_work
from tests.billing.statements.statement_pages import page, words
from tests.billing.statements.statement_tenants import (
    AFTER,
    FIRST,
    LAST,
    MAY,
    issue_version,
    open_tenant,
    send_all,
    send_day,
    send_unknown_key,
)
from tests.builders import Company

DESK = f"/staff/?period={MAY}"
STATEMENT = f"/staff/tenants/A-1/statements/{MAY}"


@pytest.fixture(autouse=True)
def _at() -> Any:
    with time_machine.travel(AFTER, tick=False):
        yield


@pytest.fixture
def company(db: None) -> Company:
    return open_tenant("A-1")


def compute(company: Company) -> None:
    """Compute the statement and the summary, as the workers do."""
    refresh.fresh_statement(company.id, MAY, at=AFTER)
    summary_refresh.refresh_all(seconds=60)


def cell(client: Client) -> str:
    """Return what the desk shows of the statement of the only tenant."""
    html = page(client, DESK)
    html = html[html.index('data-label="Statement"') :].partition(">")[2]
    return words(f"<main{html.partition('</td>')[0]}</main>")


def issue_incomplete(company: Company) -> None:
    send_day(company, FIRST)
    issue_version(company, reason="the deadline is over")


def change_after_issue(company: Company) -> None:
    issue_incomplete(company)
    send_day(company, LAST)


def issue_complete(company: Company) -> None:
    send_all(company)
    issue_version(company)


@pytest.mark.parametrize(
    ("prepare", "shown"),
    [
        (send_all, "Ready to issue"),
        (issue_complete, "Issued, version 1"),
        (issue_incomplete, "Issued, version 1 issued incomplete"),
        (change_after_issue, "Changed since issue version 1 is issued"),
        (lambda company: send_day(company, FIRST), "Not complete"),
        (send_unknown_key, "Blocked unknown licence keys"),
    ],
)
def test_the_desk_shows_the_state_of_the_statement(
    company: Company, clerk: Client, prepare: Callable[[Company], Any], shown: str
) -> None:
    prepare(company)
    compute(company)
    assert cell(clerk) == shown


def test_a_statement_that_was_never_computed_has_no_state(
    company: Company, clerk: Client
) -> None:
    summary_refresh.refresh_all(seconds=60)
    assert cell(clerk) == "Not computed yet"


def test_a_running_period_is_provisional(company: Company, clerk: Client) -> None:
    send_all(company)
    compute(company)
    with unit_of_work.acting_for(company.id, holding=True):
        CurrentStatement.objects.update(is_over=False)
    assert cell(clerk) == "Provisional the period is not over"


def test_figures_older_than_a_change_or_their_time_are_marked(
    company: Company, clerk: Client
) -> None:
    send_all(company)
    compute(company)
    with unit_of_work.acting_for(company.id, holding=True):
        CurrentStatement.objects.update(fresh_until=AFTER)
    assert cell(clerk) == "Provisional being updated"
    found = words(page(clerk, f"/staff/month-end?period={MAY}"))
    assert "Provisional being updated 2 3 0 The figures are being updated" in found
    assert "A-1" not in words(page(clerk, f"/staff/month-end?period={MAY}&kind=ready"))
    with unit_of_work.acting_for(company.id, holding=True):
        CurrentStatement.objects.update(fresh_until=None)
    assert cell(clerk) == "Ready to issue"
    assert "A-1" in words(page(clerk, f"/staff/month-end?period={MAY}&kind=ready"))
    with unit_of_work.acting_for(company.id, holding=True):
        CurrentStatement.objects.update(generation=-1)
    send_day(company, FIRST, shift=9)
    assert cell(clerk) == "Provisional being updated"


def test_the_state_leads_to_the_statement(company: Company, clerk: Client) -> None:
    change_after_issue(company)
    compute(company)
    assert f'href="{STATEMENT}?version=draft"' in page(clerk, DESK)
    issue_version(company, reason="late file")
    html = page(clerk, f"{DESK}&standing=complete&q=a-1")
    assert f'href="{STATEMENT}"' in html
    # The link of the name has the way back.
    assert f'href="/staff/tenants/A-1?period={MAY}&amp;from=' in html


def test_the_export_has_the_state(company: Company, clerk: Client) -> None:
    issue_complete(company)
    compute(company)
    answer: Any = clerk.get(f"/staff/desk.csv?period={MAY}")
    data = b"".join(answer.streaming_content).decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(data))
    assert row["Statement"] == "Issued, version 1"


def test_statements_cost_no_further_queries(company: Company, clerk: Client) -> None:
    def counted() -> int:
        page(clerk, DESK)
        with CaptureQueriesContext(connection) as captured:
            page(clerk, DESK)
        return len(captured)

    summary_refresh.refresh_all(seconds=60)
    without = counted()
    issue_complete(company)
    for number in ("B-2", "C-3"):
        other = open_tenant(number, name=number)
        send_all(other)
        compute(other)
    assert counted() == without
