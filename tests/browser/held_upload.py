"""Pauses an upload in the middle, for tests of interruptions."""

from datetime import date
from pathlib import Path

from playwright.sync_api import Page, Route, expect

from tests.browser.folder_drop import PATIENCE_MS, drop, wait_for_end, write_days
from tests.builders import Company

ALL = 14

# Files that pass before a test's trouble begins.
BEFORE = 4


def write_all(company: Company, folder: Path) -> Path:
    """Write the files of the first days of a period."""
    write_days(folder, company.server, last=date(2026, 5, 11))
    return folder


class UploadGate:
    """Lets some files pass to the portal, and holds the others on their way."""

    def __init__(self, page: Page, *, passing: int) -> None:
        self.passing = passing
        self.held: list[Route] = []
        page.route("**/api/v1/files/*.usg", self._meet)

    def _meet(self, route: Route) -> None:
        if route.request.method != "PUT" or self.passing > 0:
            self.passing -= 1
            route.continue_()
        else:
            self.held.append(route)

    def release(self, passing: int = 1_000) -> None:
        """Let go of those that are held, and let more pass."""
        self.passing = passing
        held, self.held = self.held, []
        for route in held:
            route.continue_()

    def cut(self) -> None:
        """Break the line for those that are held; those after them pass."""
        self.passing = 1_000
        held, self.held = self.held, []
        for route in held:
            route.abort("internetdisconnected")


def drop_to_the_middle(page: Page, folder: Path) -> UploadGate:
    gate = UploadGate(page, passing=BEFORE)
    drop(page, folder)
    accepted = page.locator(".verdict .verdict-label", has_text="Accepted")
    expect(accepted).to_have_count(BEFORE, timeout=PATIENCE_MS)
    return gate


def assert_all_here(page: Page, alice: Company) -> None:
    summary = wait_for_end(page)
    expect(summary.get_by_role("heading")).to_contain_text("14 files, all here")
    assert len(alice.files()) == ALL
