"""A deadline is shown in the tenant's zone, and in the reader's where that differs."""

import re
from functools import partial

import pytest
from playwright.sync_api import Request, expect

from tests.browser.conftest import Open
from tests.builders import Company

pytestmark = pytest.mark.browser


def note(asked: list[str], request: Request) -> None:
    asked.append(request.url)


PATHS = ("/", "/upload?period=2126-05")


@pytest.mark.parametrize("role", ["admin", "viewer"])
def test_who_reads_in_another_zone_is_told_what_their_clock_shows(
    open_page: Open, alice: Company, role: str
) -> None:
    for path in PATHS:
        page = open_page(alice, path, role=role, timezone_id="America/New_York")
        own_time = page.locator(".own-time")
        # Midnight in Berlin is six in the evening before, in New York.
        expect(own_time).to_have_count(1)
        expect(own_time).to_contain_text(
            re.compile(r"That is \d+ \w+, 1[78]:00 in New York\.")
        )
        assert "Berlin" in own_time.locator("xpath=..").inner_text()


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Europe/Paris"])
def test_who_reads_by_the_same_clock_is_told_once(
    open_page: Open, alice: Company, zone: str
) -> None:
    for path in PATHS:
        page = open_page(alice, path, timezone_id=zone)
        expect(page.locator("time[data-told]")).to_have_count(1)
        expect(page.locator(".own-time")).to_have_count(0)


def test_without_script_the_tenants_zone_is_told(
    open_page: Open, alice: Company
) -> None:
    for path in PATHS:
        page = open_page(
            alice, path, timezone_id="Asia/Tokyo", java_script_enabled=False
        )
        expect(page.get_by_text("in Berlin").first).to_be_visible()
        expect(page.locator(".own-time")).to_have_count(0)


def test_a_page_begins_with_one_module_and_all_names_change_with_their_content(
    open_page: Open, alice: Company
) -> None:
    for role in ("admin", "viewer"):
        page = open_page(alice, "/healthz", role=role)
        asked: list[str] = []
        page.on("request", partial(note, asked))
        page.goto("/upload")
        page.wait_for_load_state("networkidle")
        assert page.locator("script[type=module]").count() == 1
        modules = [url for url in asked if url.endswith(".mjs")]
        for name in ("calendar", "reader-time"):
            assert sum(f"/portal/{name}." in url for url in modules) == 1
        assert all(re.search(r"\.[0-9a-f]{12}\.mjs$", url) for url in modules)
