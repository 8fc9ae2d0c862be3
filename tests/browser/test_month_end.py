"""The page *Month end* follows a run by itself, and without JavaScript by a link."""

import re

import pytest
from playwright.sync_api import expect

from billing.statements import month_end
from billing.statements.month_end import RunRequest
from tests.billing.statements.statement_tenants import AFTER, MAY, open_tenant, send_all
from tests.browser.conftest import Open
from tests.browser.page_checks import check_page
from tests.builders import Company

pytestmark = pytest.mark.browser

PAGE = f"/staff/month-end?period={MAY}"


def start_run() -> None:
    wanted = RunRequest(period=MAY, is_issuing=True, by="clara", at=AFTER)
    month_end.start(wanted, wakes=False)


def finish_run() -> None:
    assert month_end.work(now=lambda: AFTER, has_time=lambda: True) == 1


def test_the_page_follows_a_run(clerk: Company, open_page: Open) -> None:
    send_all(open_tenant("A-1"))
    start_run()
    page = open_page(clerk, PAGE, role="clerk")
    expect(page.get_by_text("Running: 0 of 1 tenant done.")).to_be_visible()
    check_page(page)
    page.get_by_text("Start another run").click()
    page.get_by_role("textbox", name="Reason").fill("a late file")
    finish_run()
    ended = page.get_by_role("status").get_by_text("The last run has ended: 1 of 1")
    expect(ended).to_be_visible()
    expect(page.locator(".answer")).to_have_text("1 of 1 statement is issued.")
    expect(
        page.get_by_role("row", name=re.compile("A-1 Issued, version 1"))
    ).to_be_visible()
    expect(page.get_by_role("link", name="Reload")).to_have_count(0)
    # The form is left as it is.
    expect(page.get_by_role("textbox", name="Reason")).to_have_value("a late file")
    expect(page.get_by_role("textbox", name="Reason")).to_be_focused()
    check_page(page)


def test_without_javascript_a_link_reloads_the_page(
    clerk: Company, open_page: Open
) -> None:
    send_all(open_tenant("A-1"))
    start_run()
    page = open_page(clerk, PAGE, role="clerk", java_script_enabled=False)
    finish_run()
    page.get_by_role("link", name="Reload").click()
    expect(page.get_by_text("The last run has ended: 1 of 1")).to_be_visible()
