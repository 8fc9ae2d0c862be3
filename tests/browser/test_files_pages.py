"""Files, a file, *Safe to delete*: in a real browser, in every window."""

import re
from datetime import date, timedelta

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.builders import Company
from tests.usage.files.customer_pages import confirm

pytestmark = pytest.mark.browser

DAY = date(2026, 5, 1)


@pytest.fixture
def filled(alice: Company) -> Company:
    """A company with a file of each kind, one of them with a very long name."""
    for number in range(3):
        data = alice.server.day(DAY + timedelta(days=number))
        alice.send(data, name=f"IC01_{number}_{'long' * 40 * (number == 1)}.usg")
    confirm(alice)
    alice.send(alice.server.day(DAY + timedelta(days=3)), name="waiting.usg")
    alice.send(alice.writer("IC77").day(DAY), name="held.usg")
    alice.send(b"PK\x03\x04", name="rejected.usg")
    return alice


def test_keys_alone_narrow_the_list_and_open_a_file(
    open_page: Open, filled: Company
) -> None:
    page = open_page(filled, "/files", role="viewer")
    page.get_by_label("Verdict").focus()
    page.keyboard.type("Held")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Show these files")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("row", name="held.usg")).to_be_visible()
    expect(page.get_by_role("row", name="waiting.usg")).to_have_count(0)
    page.get_by_role("link", name="held.usg").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("turn of your tenant admins")).to_be_visible()


def test_without_script_files_are_found_and_receipts_downloaded(
    open_page: Open, filled: Company
) -> None:
    page = open_page(filled, "/files", role="viewer", java_script_enabled=False)
    page.get_by_label("Verdict").select_option("Rejected")
    page.get_by_role("button", name="Show these files").click()
    expect(page.get_by_role("row")).to_have_count(2)
    with page.expect_download() as download:
        page.get_by_role("link", name="This list, CSV").click()
    assert "rejected.usg" in download.value.path().read_text(encoding="utf-8-sig")
    page.get_by_role("link", name="rejected.usg").click()
    expect(page.get_by_text(re.compile("file-zip"))).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Receipt, PDF").click()
    assert download.value.path().read_bytes().startswith(b"%PDF")
    page.goto("/safe-to-delete")
    with page.expect_download() as download:
        page.get_by_role("link", name="Checksums of all servers").click()
    assert download.value.suggested_filename == "SHA256SUMS"
    assert download.value.path().read_text(encoding="utf-8").count("\n") == 3


def test_charlie_sees_no_file_of_alices(
    open_page: Open, filled: Company, charlie: Company
) -> None:
    [held] = [file for file in filled.files() if file.name == "held.usg"]
    page = open_page(charlie, "/files")
    expect(page.get_by_text("No files yet")).to_be_visible()
    page.goto(f"/files/{held.pk}")
    expect(page.get_by_text("There is nothing here.")).to_be_visible()
    assert "IC77" not in page.content()
