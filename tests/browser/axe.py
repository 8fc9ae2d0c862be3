"""Runs axe on a page: accessible to screen readers and to low vision."""

from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

# WCAG 2.0 to 2.2, levels A and AA, and what axe calls best practice besides.
TAGS = [
    *("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"),
    "best-practice",
]
OPTIONS = {
    "runOnly": {"type": "tag", "values": TAGS},
    "resultTypes": ["violations"],
    # Off unless asked for: nothing to press is smaller than 24 px or too near another.
    "rules": {"target-size": {"enabled": True}},
}

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def violations(page: Page) -> list[str]:
    """Return what axe finds wrong with the page as it stands, a line each."""
    found = Axe().run(page, options=OPTIONS).response["violations"]
    return [
        f"{one['id']} ({one['impact']}): {node['target']} {node['html'][:200]}"
        for one in found
        for node in one["nodes"]
    ]


def assert_accessible(page: Page) -> None:
    """Find nothing wrong, neither light nor dark; the page is left as it came."""
    for scheme in SCHEMES:
        # Without motion: a button on its way from one colour to the other is neither.
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert violations(page) == [], f"{scheme}: {page.url}"
    page.emulate_media(color_scheme=None, reduced_motion=None)
