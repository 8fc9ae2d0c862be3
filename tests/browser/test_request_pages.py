"""A customer requests to owe less, and a clerk approves it; also without script."""

from datetime import UTC, date, datetime
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from billing.coverage.periods import Period
from tests.browser.axe import assert_accessible
from tests.browser.conftest import Open
from tests.builders import Company
from tests.usage.files.customer_pages import page as page_of

pytestmark = pytest.mark.browser

MAY = Period(2026, 5)
SENT = datetime(2026, 6, 2, tzinfo=UTC)


def test_an_excuse_from_the_lack_to_the_clerks_answer(
    open_page: Open, alice: Company, clerk: Company
) -> None:
    for data in alice.server.days(MAY.starts_on, date(2026, 5, 25)):
        alice.send(data, at=SENT)
    page = open_page(alice, f"/upload?period={MAY}", java_script_enabled=False)
    page.get_by_role("link", name="Request an excuse IC01: 26 to 27 May").click()
    expect(page.get_by_label("Tue 26 May 2026")).to_be_checked()
    page.get_by_label("Tue 26 May 2026").uncheck()
    page.get_by_label("The server was down").check()
    page.get_by_label("Reason").fill("The fan was replaced.")
    page.get_by_role("button", name="Request an excuse for these days").click()
    expect(page.get_by_role("status")).to_contain_text(
        "is waiting for the billing team"
    )
    expect(page.locator(".log")).to_contain_text("27 May 2026")

    desk = open_page(clerk, "/staff/held", role="clerk", java_script_enabled=False)
    asked = desk.get_by_role("region", name="Excuses")
    asked.get_by_role("link", name="IC01").click()
    assert desk.url.endswith(f"/staff/tenants/{quote(alice.number)}/to-decide#excuse-1")
    desk.get_by_role("button", name="Approve the excuse").click()
    expect(desk.get_by_role("status")).to_contain_text("The excuse is approved.")
    shown = page_of(alice, f"/upload?period={MAY}")
    assert "IC01, Wed 27 May: excused" in shown
    assert "26 May" in shown


def test_licences_from_the_request_to_the_clerks_answer(
    open_page: Open, alice: Company, clerk: Company
) -> None:
    page = open_page(alice, "/licences")
    page.get_by_label("I3_FEATURE_USAGE_TRACKING_LOCAL").uncheck()
    page.get_by_label("I3_FEATURE_USAGE_TRACKING_UPLOAD").check()
    page.get_by_label("From this day on").fill("2026-05-10")
    page.get_by_label("Reason").fill("Our servers send by themselves now.")
    page.get_by_role("button", name="Change the licences").click()
    expect(page.get_by_role("status")).to_contain_text(
        "is waiting for the billing team"
    )
    assert_accessible(page)

    desk = open_page(clerk, f"/staff/tenants/{alice.number}/to-decide", role="clerk")
    assert_accessible(desk)
    desk.get_by_role("button", name="Approve these licences").click()
    expect(desk.get_by_role("status")).to_contain_text("as it was asked for")
    page.goto("/licences")
    expect(page.locator(".answer")).to_contain_text("Automated upload since")
