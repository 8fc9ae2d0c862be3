"""From a figure of *Billing data* to the people behind it."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from tests.billing.statements.statement_tenants import (
    FIRST,
    LAST,
    NAMES,
    issue_version,
    open_tenant,
    send_all,
)
from tests.browser.conftest import Open
from tests.browser.page_checks import check_page

pytestmark = pytest.mark.browser

PAGE = "/billing-data/2026-05"


def test_an_admin_goes_from_a_peak_to_the_names(db: None, open_page: Open) -> None:
    company = open_tenant("A-1")
    send_all(company, last=LAST - timedelta(days=1))
    issue_version(company, reason="the deadline is over")
    page = open_page(company, PAGE)
    check_page(page)
    chart = page.get_by_role("img", name="Daily peaks. Highest peaks: 2 Agents on")
    expect(chart).to_be_visible()
    page.get_by_role("region", name="Figures day by day").get_by_role(
        "link", name="Mon 25 May"
    ).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Mon 25 May 2026")
    check_page(page)
    page.get_by_role("button", name="List names Business Users").click()
    expect(page.locator(".answer")).to_have_text("3 named users.")
    check_page(page)
    for name in NAMES[1], NAMES[3], NAMES[4]:
        expect(page.get_by_role("rowheader", name=name, exact=True)).to_be_visible()
    page.get_by_role("link", name="Mon 25 May").click()
    assert page.url.endswith(f"/days/{FIRST}?version=latest")


def test_the_hours_of_a_line_have_an_address(db: None, open_page: Open) -> None:
    company = open_tenant("A-1")
    send_all(company)
    page = open_page(company, PAGE, role="viewer")
    page.get_by_role("navigation", name="Choose a licence").get_by_role(
        "link", name="Business Users"
    ).click()
    assert page.url.endswith("?line=business#hours")
    heading = "Peak of Business Users by hour and day"
    expect(page.get_by_role("heading", name=heading)).to_be_visible()
    page.get_by_text("Show as a table").click()
    cells = page.get_by_role("region", name="Peaks by hour and day", exact=True)
    expect(cells.get_by_role("cell", name="3").first).to_be_visible()
    check_page(page)


def test_the_rules_of_counting_are_collapsed_and_printed(
    db: None, open_page: Open
) -> None:
    company = open_tenant("A-1")
    send_all(company)
    page = open_page(company, PAGE, role="viewer")
    rule = page.get_by_text("reached or exceeded at each of 1,800 consecutive seconds")
    expect(rule).not_to_be_visible()
    page.emulate_media(media="print")
    expect(rule).to_be_visible()
    page.emulate_media(media="screen")
    page.get_by_text("How these figures are counted").click()
    expect(rule).to_be_visible()
    check_page(page)
