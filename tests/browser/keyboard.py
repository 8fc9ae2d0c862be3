"""Operates a page by keyboard alone."""

import pytest
from playwright.sync_api import Page

# What a reader says of the element that has the focus, near enough.
NAME = """
() => {
  const one = document.activeElement;
  // Nothing has the focus; the text of the whole page is no name.
  if (one === document.body) return "";
  const name = one.ariaLabel || one.labels?.[0]?.textContent || one.textContent;
  return name.split(/\\s+/).join(" ").trim();
}
"""

# Stops of the longest page, and room.
STOPS = 60


def press_to(page: Page, words: str, *, key: str = "Tab") -> None:
    """Press the Tab key until what has these words has the focus."""
    for _ in range(STOPS):
        page.keyboard.press(key)
        if words in page.evaluate(NAME):
            return
    pytest.fail(f"the key {key} never reaches {words!r}")
