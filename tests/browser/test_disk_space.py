"""*Required disk space* can be read by everybody, with warnings, chart and table."""

from datetime import timedelta

import pytest

from tests.browser.axe import assert_accessible
from tests.browser.conftest import Open
from tests.builders import open_company
from tests.usage.disk_space.stored_days import store_days, today_of

pytestmark = pytest.mark.browser


def test_the_page_with_chart_and_warnings_is_accessible(
    db: None, open_page: Open
) -> None:
    company = open_company("C-3", name="Quell", zone="UTC", has_server=False)
    today = today_of(company)
    days = [today - timedelta(days=number) for number in range(1, 61)]
    store_days(company, "IC01", {day: [2_000_000] for day in days} | {days[4]: [2**24]})
    store_days(company, "\u05e9\u05e8\u05ea", {day: [900_000] for day in days})
    store_days(company, "IC03", {})
    page = open_page(company, "/disk-space", viewport={"width": 360, "height": 800})
    page.get_by_text("The weeks as a table").click()
    assert page.locator("svg.chart rect").count() > 20
    assert page.get_by_role("heading", name="Unusual sizes").is_visible()
    assert_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.set_viewport_size({"width": 1280, "height": 800})
    assert_accessible(page)
