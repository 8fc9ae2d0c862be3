"""Checks that every page on a way must pass: accessible, and fits a narrow screen."""

from playwright.sync_api import Page

from tests.browser.axe import assert_accessible

NARROW = {"width": 320, "height": 700}


def look_at(page: Page) -> None:
    """Every page on the way is accessible, and fits a narrow screen."""
    assert_accessible(page)
    size = page.viewport_size
    assert size is not None
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]  # a plain dict of both
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= NARROW["width"], page.url
    page.set_viewport_size(size)
