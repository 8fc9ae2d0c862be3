"""Where the drop zone, what is missing and the calendar are on the upload page."""

from datetime import date
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Open
from tests.browser.folder_drop import UPLOAD
from tests.builders import Company

pytestmark = pytest.mark.browser

PHONE = {"width": 360, "height": 740}

# Days until here are received, so that the first missing one is far to the right.
LAST = date(2026, 5, 18)


def box(page: Page, selector: str) -> dict[str, Any]:
    found = page.locator(selector).bounding_box()
    assert found is not None, selector
    return dict(found)


def is_in_view(page: Page, cell: str) -> bool:
    """Whether a cell is in the part of its frame that the names leave free."""
    frame, names = box(page, ".frame"), box(page, ".calendar tbody th")
    found = box(page, cell)
    left = frame["x"] + names["width"]
    right = frame["x"] + frame["width"]
    return bool(left <= found["x"] and found["x"] + found["width"] <= right)


def test_the_drop_zone_is_beside_what_is_missing_and_before_the_calendar(
    open_page: Open, alice: Company
) -> None:
    for data in alice.server.days(date(2026, 4, 28), LAST):
        alice.send(data)
    page = open_page(alice, UPLOAD, viewport={"width": 1280, "height": 900})
    expect(page.locator("#drop")).to_contain_text("anywhere on this page")
    missing, drop = box(page, "#period-missing"), box(page, "#drop")
    assert drop["x"] > missing["x"] + missing["width"]
    assert abs(drop["y"] - missing["y"]) < 2
    # Its buttons are on the first screen, which the whole page once was above it.
    assert drop["y"] + 150 < 900

    page = open_page(alice, UPLOAD, viewport=PHONE)
    drop = box(page, "#drop")
    assert drop["y"] + drop["height"] <= box(page, ".frame")["y"]
    assert page.locator("td.is-missing .cell[tabindex='0']").count() == 1
    assert is_in_view(page, "td.is-missing .cell >> nth=0")
    # April is out of view by then; the name of the month that is shown is not cut.
    frame, month = box(page, ".frame"), box(page, ".calendar .month >> nth=1 >> span")
    assert page.evaluate("document.querySelector('.frame').scrollLeft") > 100
    assert frame["x"] <= month["x"] < frame["x"] + 10


def without_missing_days(route: Route) -> None:
    """Give a period of which one late day is not over yet, whatever today is."""
    text = route.fetch().text()
    before, middle, after = text.partition("2026-05-20#behind")
    assert middle
    begin = before.rindex("is-missing")
    before = f"{before[:begin]}is-pending{before[begin + len('is-missing') :]}"
    text = before + middle + after
    route.fulfill(body=text.replace("is-missing", "is-received"))


def test_without_missing_days_the_calendar_shows_the_day_that_is_not_over(
    open_page: Open, alice: Company
) -> None:
    page = open_page(alice, "/", viewport=PHONE)
    page.route("**/upload?period=*", without_missing_days)
    page.goto(UPLOAD)
    assert is_in_view(page, "td.is-pending .cell >> nth=0")
