"""The section *Billing data* on a tenant's staff page: stored statements, previews."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billing.coverage.periods import Period
from billing.models import CurrentStatement
from billing.periods import open_periods
from billing.periods import refresh as period_refresh
from billing.statements import refresh
from portal.db import unit_of_work
from portal.models import StaffRole, Tenant
from tests.billing.staff.staff_clients import signed_in, staff
from tests.billing.statements.statement_pages import page, words
from tests.billing.statements.statement_tenants import (
    AFTER,
    BUSINESS,
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
from usage.usg import Sessions

HERE = "/staff/tenants/A-1"
STATEMENT = f"{HERE}/statements/2026-05"
MINUS = "\N{MINUS SIGN}"


@pytest.fixture(autouse=True)
def _at() -> Any:
    with time_machine.travel(AFTER, tick=False):
        yield


@pytest.fixture
def company(db: None) -> Company:
    return open_tenant("A-1")


def compute(company: Company) -> None:
    refresh.fresh_statement(company.id, MAY, at=AFTER)


def section(client: Client) -> str:
    """Return the HTML of the section."""
    html = page(client, HERE)
    start = html.index('aria-labelledby="statements"')
    return html[start : html.index('aria-labelledby="deadlines"')]


def read(client: Client) -> str:
    return words(f"<main>{section(client)}</main>")


def store_before(company: Company, *, agents: int, business: int) -> None:
    """Store the statement of the period before, with these peaks."""
    with unit_of_work.acting_for(company.id, holding=True):
        row = CurrentStatement.objects.get(period=str(MAY))
        row.pk, row.period = None, "2026-04"
        row.agent_peak, row.business_peak = agents, business
        row.save(force_insert=True)


def make_draft(company: Company) -> None:
    """Issue a version without the last day, whose file has three more users."""
    send_all(company, last=LAST - timedelta(days=1))
    issue_version(company, reason="the deadline is over")
    more = Sessions(
        users=["ada", "bert", "cleo", "dora"],
        licence_sets=[list(BUSINESS)],
        user=[0, 1, 2, 3],
        licences=[0] * 4,
        login=[3_600] * 4,
        logout=[7_200] * 4,
        flags=[0] * 4,
    )
    file, _ = company.send(company.server.day(LAST, sessions=more), at=AFTER)
    assert file.state == "accepted"
    compute(company)


def test_a_period_whose_statement_was_never_computed_is_listed(
    company: Company, clerk: Client
) -> None:
    found = read(clerk)
    assert "May 2026 2026-05 Not computed yet" in found
    assert "A run of the month end computes the figures." in found
    assert "being updated" not in found.partition("Below a peak")[0]


def test_each_period_has_its_state_peaks_and_changes(
    company: Company, clerk: Client
) -> None:
    send_all(company)
    compute(company)
    row = "2026-05 Provisional 2 3 This statement can be issued."
    assert row in read(clerk)
    store_before(company, agents=3, business=1)
    row = f"2026-05 Provisional 2 {MINUS}1 3 +2 This statement can be issued."
    assert row in read(clerk)
    issue_version(company)
    assert "2026-05 Issued, version 1 2" in read(clerk)
    assert f'href="{STATEMENT}"' in section(clerk)


def test_half_the_peak_of_agents_is_unusual(company: Company, clerk: Client) -> None:
    send_all(company)
    compute(company)
    store_before(company, agents=4, business=3)
    assert f"2 unusual change: {MINUS}2 3 0" in read(clerk)


def test_what_prevents_issuing_is_shown(company: Company, clerk: Client) -> None:
    send_day(company, FIRST)
    compute(company)
    assert "The period is not complete. Wait for the missing files," in read(clerk)
    issue_version(company, reason="the deadline is over")
    assert "issued incomplete" in read(clerk)


def test_unclassified_keys_are_named(company: Company, clerk: Client) -> None:
    send_unknown_key(company)
    compute(company)
    found = read(clerk)
    assert "Classify them in the catalogue first. I3_ACCESS_NEW" in found


def test_a_draft_has_a_preview_of_its_changes(company: Company, clerk: Client) -> None:
    make_draft(company)
    html, found = section(clerk), read(clerk)
    assert "2026-05 Draft version 1 is issued 2 4" in found
    assert "May 2026: changes since version 1 Causes: " in found
    assert (
        "Business Users, peak 3 \N{RIGHTWARDS ARROW} 4 (first reached on Wed 27 May)"
        in found
    )
    assert "Business Users, named users 3 \N{RIGHTWARDS ARROW} 7" in found
    # Only main differences are listed; files of a tenant have no page for the staff.
    assert "Server-days, IC01" not in found
    assert "more differences" in found
    assert "/files/" not in html
    for query in ("?version=1", "?version=draft", "?version=draft#differences"):
        assert f'href="{STATEMENT}{query}"' in html


def test_without_a_draft_there_is_no_preview(company: Company, clerk: Client) -> None:
    send_all(company)
    issue_version(company)
    assert "changes since version" not in read(clerk)


def test_the_page_computes_nothing_and_marks_old_figures(
    company: Company, clerk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_draft(company)
    send_day(open_tenant("B-2"), FIRST)
    assert "2026-05 Draft version 1 is issued 2 4" in read(clerk)
    monkeypatch.setattr(refresh, "refresh_period", lambda *_, **__: 1 / 0)
    with unit_of_work.acting_for(company.id, holding=True):
        CurrentStatement.objects.update(generation=-1)
    found = read(clerk)
    assert "Draft version 1 is issued being updated 2 4" in found
    assert "The draft is being updated; these are its last figures." in found
    assert "The figures are being updated. They can be issued once" in found


def test_queries_do_not_depend_on_periods_and_drafts(
    company: Company, clerk: Client
) -> None:
    def counted() -> int:
        # A stale summary is computed, with queries of its own.
        period_refresh.refresh_all(seconds=60)
        page(clerk, HERE)
        with CaptureQueriesContext(connection) as captured:
            page(clerk, HERE)
        return len(captured)

    make_draft(company)
    few = counted()
    with unit_of_work.acting_for(company.id, holding=True):
        row = CurrentStatement.objects.get()
        for month in (3, 4, 6, 7):
            open_periods.open_period(
                Tenant.objects.get(), Period(2026, month), at=AFTER
            )
            row.pk, row.period = None, f"2026-{month:02}"
            row.save(force_insert=True)
    assert "July 2026: changes since version 1" in read(clerk)
    assert "March 2026: changes since version 1" in read(clerk)
    # Overdue periods cost three queries, however many they are.
    assert counted() == few + 3


def test_an_auditor_reads_the_section(company: Company) -> None:
    send_all(company)
    compute(company)
    assert "2026-05 Provisional" in read(signed_in(staff(StaffRole.AUDITOR)))
