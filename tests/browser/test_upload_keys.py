"""An upload by keyboard alone, and its announcements to a screen reader."""

from collections import Counter
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.folder_drop import PATIENCE_MS, UPLOAD, wait_for_end
from tests.browser.held_upload import ALL, UploadGate, write_all
from tests.browser.keyboard import press_to
from tests.builders import Company

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("charlie_sees_nothing")]

# Less than the first quarter, which would be said instead of how it began.
FIRST = 3

LISTEN = """
() => {
  window.said = [];
  const live = "[role=status], [role=alert], [role=log], [aria-live], output";
  for (const one of document.querySelectorAll(live)) {
    const note = () => one.textContent.trim() && said.push(one.textContent.trim());
    const all = {childList: true, characterData: true, subtree: true};
    new MutationObserver(note).observe(one, all);
  }
}
"""


def test_an_upload_needs_no_mouse_and_each_step_is_said_once(
    open_page: Open, alice: Company, tmp_path: Path
) -> None:
    files = sorted(write_all(alice, tmp_path / "ic").iterdir())
    page = open_page(alice, UPLOAD)
    expect(page.locator("#drop")).to_be_visible()
    page.evaluate(LISTEN)
    gate = UploadGate(page, passing=FIRST)
    choose(page, files)
    pause_and_go_on(page, gate)
    summary = wait_for_end(page)
    expect(summary.get_by_role("heading")).to_be_focused()
    await_announcement(page, f"{ALL} files, all here")
    assert_announced_once(page)

    press_to(page, "Dismiss this summary")
    page.keyboard.press("Enter")
    expect(summary).to_be_hidden()
    expect(page.locator("#pick-folder")).to_be_focused()
    open_and_close_a_cell(page)


def choose(page: Page, files: list[Path]) -> None:
    # Waited for from before: the browser's own dialog would open for nobody.
    with page.expect_file_chooser() as choosing:
        press_to(page, "Choose files")
        page.keyboard.press("Enter")
    choosing.value.set_files(files)
    expect(page.locator("#run-title")).to_be_focused()
    await_announcement(page, f"Upload of {ALL} files begun")


def await_announcement(page: Page, words: str) -> None:
    """Wait until it is said: what follows too soon would be said instead of it."""
    expect(page.locator("#upload-says")).to_contain_text(words)


def pause_and_go_on(page: Page, gate: UploadGate) -> None:
    accepted = page.locator(".verdict .verdict-label", has_text="Accepted")
    expect(accepted).to_have_count(FIRST, timeout=PATIENCE_MS)
    press_to(page, "Pause the upload")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Go on with the upload")).to_be_focused()
    await_announcement(page, "is paused")
    gate.release()
    page.keyboard.press("Enter")


def assert_announced_once(page: Page) -> None:
    announced = Counter(page.evaluate("said"))
    assert set(announced.values()) == {1}, announced
    words = " ".join(announced)
    for step in ("files begun", "is paused", f"{ALL} files, all here"):
        assert step in words, announced
    # The steps of a run, and no number that changes many times a second.
    assert len(announced) <= 7, announced
    assert page.locator("#run [role=status], #run [aria-live]").count() == 0


def open_and_close_a_cell(page: Page) -> None:
    expect(page.locator("#period td.is-received")).to_have_count(ALL)
    press_to(page, "IC01, ", key="Shift+Tab")
    cell = page.locator(".cell:focus")
    first = cell.get_attribute("aria-label")
    page.keyboard.press("ArrowRight")
    assert cell.get_attribute("aria-label") != first
    page.keyboard.press("Enter")
    behind = page.get_by_role("region", name="Behind the open cell")
    expect(behind).to_be_visible(timeout=PATIENCE_MS)
    page.wait_for_load_state()
    press_to(page, "Close")
    page.keyboard.press("Enter")
    expect(behind).to_be_hidden(timeout=PATIENCE_MS)
