"""The bar for selected tenants on the billing desk never covers a row of the list."""

from random import Random

import pytest
from playwright.sync_api import Page, expect

from portal.db import unit_of_work
from tests.billing.desk.stored_summaries import random_summary, store_tenant
from tests.browser.conftest import Open
from tests.browser.page_checks import check_page
from tests.builders import Company

pytestmark = pytest.mark.browser

# A desk's screen and a phone's.
WINDOWS = ({"width": 1280, "height": 700}, {"width": 360, "height": 740})

DESK = "/staff/?period=2026-05"

# Names the rows that something else covers once they are scrolled into view.
_COVERED = """rows => rows.filter(row => {
  row.scrollIntoView({ block: "nearest" });
  const { left, width, bottom } = row.getBoundingClientRect();
  const seen = document.elementFromPoint(left + width / 2, bottom - 3);
  return !row.contains(seen);
}).map(row => row.querySelector("th").textContent)"""


def covered_rows(page: Page) -> list[str]:
    found: list[str] = page.locator("table.desk tbody tr").evaluate_all(_COVERED)
    return found


@pytest.fixture
def many(clerk: Company) -> None:
    rng = Random(3)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        for number in range(18):
            store_tenant(number, random_summary(rng))


@pytest.mark.usefixtures("many")
def test_nothing_covers_a_row_with_and_without_a_selection(
    open_page: Open, clerk: Company
) -> None:
    page = open_page(clerk, DESK, role="clerk")
    bar = page.get_by_role("region", name="With the selected tenants")
    boxes = page.get_by_role("checkbox", name="Select ")
    for window in WINDOWS:
        page.set_viewport_size(window)  # type: ignore[arg-type]  # a plain dict of both
        expect(bar).to_be_hidden()
        assert covered_rows(page) == []
        boxes.nth(1).check()
        expect(bar).to_be_in_viewport()
        assert covered_rows(page) == []
        page.get_by_role("button", name="Clear the selection").click()
    boxes.nth(1).check()
    check_page(page)


@pytest.mark.usefixtures("many")
def test_without_script_the_bar_follows_the_list(
    open_page: Open, clerk: Company
) -> None:
    page = open_page(clerk, DESK, role="clerk", java_script_enabled=False)
    bar = page.get_by_role("region", name="With the selected tenants")
    place = bar.evaluate("bar => getComputedStyle(bar).position")
    assert place == "static"
    expect(bar.get_by_role("button", name="Remind now")).to_be_visible()
