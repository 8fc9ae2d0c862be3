"""Checks that every page on a walk must pass: accessible, fits a narrow screen."""

from playwright.sync_api import Page

from tests.browser.axe import assert_accessible

NARROW = {"width": 320, "height": 700}


def check_page(page: Page) -> None:
    """Every page on the way is accessible, and fits a narrow screen."""
    assert_accessible(page)
    size = page.viewport_size
    assert size is not None
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]  # a plain dict of both
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= NARROW["width"], page.url
    page.set_viewport_size(size)
