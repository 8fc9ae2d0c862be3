"""Answers that never arrive, or that something other than the portal gives."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.axe import assert_accessible
from tests.browser.conftest import Open
from tests.browser.folder_drop import (
    FIRST,
    PATIENCE_MS,
    UPLOAD,
    drop,
    wait_for_end,
    write_days,
)
from tests.browser.held_upload import ALL, assert_all_here, write_all
from tests.builders import Company

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("charlie_sees_nothing")]

HTML = "<!doctype html><html><body><h1>Blocked by policy</h1></body></html>"

# What a proxy does to the file of each day, and the text that the page shows.
PROXY: dict[str, dict[str, Any]] = {
    "IC01_2026-04-28.usg": {"status": 413, "body": HTML},
    "IC01_2026-04-29.usg": {"status": 403, "body": HTML},
    # As a 502, which no test may see: tried again, and not for ever.
    "IC01_2026-04-30.usg": {"status": 429, "body": HTML},
    "IC01_2026-05-01.usg": {"status": 200, "body": HTML},
}

SAID = {
    "IC01_2026-04-28.usg": "refused the file (status 413)",
    "IC01_2026-04-29.usg": "refused the file (status 403)",
    "IC01_2026-04-30.usg": "could not reach it, in several tries (status 429)",
    "IC01_2026-05-01.usg": "answered with a page of its own",
}

# Answers, and the failure that each is.
CODES = [
    [407, False, {}, "blocked-sign-in"],
    [511, False, {}, "blocked-sign-in"],
    [413, False, {}, "blocked-size"],
    [405, False, {}, "blocked"],
    [403, False, {"code": "denied"}, "blocked"],
    [502, False, {}, "unreached"],
    [504, False, {}, "unreached"],
    [200, True, {}, "blocked-page"],
    [401, False, {}, "blocked"],
    [401, False, {"code": "x", "title": "x", "advice": "x"}, ""],
    [413, False, {"code": "x", "title": "x", "advice": "x"}, ""],
    [200, False, {"files": []}, ""],
]


@pytest.fixture
def folder(alice: Company, tmp_path: Path) -> Path:
    return write_all(alice, tmp_path / "ic")


def row(page: Page, name: str) -> Locator:
    return page.locator(".verdict", has_text=name)


def test_a_lost_answer_is_noticed_and_delays_no_other_file(
    open_page: Open, alice: Company, folder: Path
) -> None:
    name = "IC01_2026-05-03.usg"
    page = open_page(alice, "/")
    page.clock.install()
    page.goto(UPLOAD)
    sent: list[str] = []

    def swallow(route: Route) -> None:
        if route.request.method == "PUT" and route.request.url.endswith(name):
            # It arrives, and its answer does not.
            alice.send((folder / name).read_bytes(), name=name)
            sent.append(name)
        else:
            route.continue_()

    page.route("**/api/v1/files/*.usg", swallow)
    page.evaluate(
        "() => { window.seen = ''; new MutationObserver(() => {"
        " window.seen += document.querySelector('#run').textContent; })"
        ".observe(document.querySelector('#run'), {subtree: true, childList: true,"
        " characterData: true}); }"
    )
    drop(page, folder)
    accepted = page.locator(".verdict .verdict-label", has_text="Accepted")
    expect(accepted).to_have_count(ALL - 1, timeout=PATIENCE_MS)
    expect(row(page, name)).to_contain_text(re.compile("Sending|Checking"))
    page.clock.fast_forward(31_000)
    assert_all_here(page, alice)
    assert "no answer for 30 s; trying again" in page.evaluate("window.seen")
    expect(row(page, name)).to_contain_text("Accepted")
    # The page checked the file by its content, and did not send it again.
    assert sent == [name]
    # Rows of 758 bytes add up to the total as they are shown.
    expect(row(page, name).locator(".verdict-size")).to_have_text(re.compile("^1.KB$"))
    total = page.locator("#run [data-at=bytes]")
    expect(total).to_have_text(re.compile("^14.KB of 14.KB$"))


def test_answers_of_a_proxy_are_reported_as_such_also_after_a_reload(
    open_page: Open, alice: Company, folder: Path
) -> None:
    page = open_page(alice, UPLOAD, viewport={"width": 1280, "height": 900})
    page.route("**/api/v1/files/*.usg", act_as_proxy)
    drop(page, folder)
    summary = wait_for_end(page, timeout=2 * PATIENCE_MS)
    title = summary.get_by_role("heading")
    expect(title).to_contain_text("4 files need attention")
    for name, text in SAID.items():
        expect(row(page, name)).to_contain_text(text)
        expect(row(page, name)).to_contain_text("administrator")
    codes = page.evaluate(INTERFERENCE, CODES)
    assert codes == [code for *_, code in CODES]

    assert_in_view_and_alarming(page, summary)
    summary.get_by_role("button", name="Mail me the receipt").click()
    expect(summary).to_contain_text("The receipt is on its way to admin@")
    expect(title).to_be_visible()
    page.reload()
    assert_told_after_a_reload(summary)
    assert_accessible(page)
    address = summary.get_by_role("link", name="colleague").get_attribute("href")
    page = open_page(alice, str(address), role="viewer")
    assert_told_to_a_colleague(page)


def test_a_file_that_arrived_is_not_failed_because_its_answers_were_lost(
    open_page: Open, alice: Company, tmp_path: Path
) -> None:
    (name,) = write_days(tmp_path / "ic", alice.server, last=FIRST)
    page = open_page(alice, UPLOAD)

    def store_and_answer_for_the_portal(route: Route) -> None:
        if route.request.method != "PUT":
            route.continue_()
            return
        alice.send((tmp_path / "ic" / name).read_bytes(), name=name)
        route.fulfill(status=429, content_type="text/html", body=HTML)

    page.route("**/api/v1/files/*.usg", store_and_answer_for_the_portal)
    drop(page, tmp_path / "ic")
    summary = wait_for_end(page, timeout=2 * PATIENCE_MS)
    expect(summary.get_by_role("heading")).to_contain_text("1 file, all here")
    expect(row(page, name)).to_contain_text("Accepted")


def test_a_report_that_is_refused_does_not_keep_the_upload_from_its_end(
    open_page: Open, alice: Company, tmp_path: Path
) -> None:
    write_days(tmp_path / "ic", alice.server, last=FIRST)
    page = open_page(alice, UPLOAD)
    refused: list[str] = []

    def refuse_items(route: Route) -> None:
        if json.loads(route.request.post_data or "{}")["items"]:
            refused.append(route.request.url)
            told = {"code": "input-invalid", "title": "x", "advice": "x"}
            route.fulfill(status=422, json=told)
        else:
            route.continue_()

    page.route("**/report", refuse_items)
    drop(page, tmp_path / "ic")
    summary = wait_for_end(page)
    # The link is there once the end of the upload is stored.
    summary.get_by_role("link", name="colleague").click()
    expect(page).to_have_url(re.compile("/uploads/"))
    expect(page.get_by_role("main")).to_contain_text("1 file, all here")
    assert len(refused) == 1


def test_half_a_surrogate_pair_in_a_name_is_replaced_before_it_is_sent(
    open_page: Open, alice: Company
) -> None:
    page = open_page(alice, UPLOAD)
    names = ["half \ud83d.usg", "\ude00.usg", "whole \U0001f600.usg"]
    expected = ["half \ufffd.usg", "\ufffd.usg", "whole \U0001f600.usg"]
    for is_old in (False, True):
        assert page.evaluate(SENDABLE, [json.dumps(names), is_old]) == expected


def assert_told_after_a_reload(summary: Locator) -> None:
    expect(summary.get_by_role("heading")).to_contain_text("4 files need attention")
    for name, text in SAID.items():
        line = summary.get_by_role("row", name=name)
        expect(line).to_contain_text(text)
        expect(line).to_contain_text("Reported by the sender.")


def assert_told_to_a_colleague(page: Page) -> None:
    """Problems come first, then the files that are here."""
    rows = page.get_by_role("row")
    expect(rows).to_have_count(1 + ALL)
    for place, name in enumerate(SAID, start=1):
        expect(rows.nth(place)).to_contain_text(name)
    expect(rows.nth(ALL)).to_contain_text("counts for May 2026")


def act_as_proxy(route: Route) -> None:
    name = route.request.url.rsplit("/", 1)[-1]
    if route.request.method == "PUT" and name in PROXY:
        route.fulfill(content_type="text/html", **PROXY[name])
    else:
        route.continue_()


def assert_in_view_and_alarming(page: Page, summary: Locator) -> None:
    box, first = summary.bounding_box(), page.locator(".verdict").first.bounding_box()
    assert box is not None
    assert first is not None
    assert 0 <= box["y"] <= first["y"] <= 900
    expect(summary).to_have_class(re.compile("is-missing"))
    assert summary.locator("h2 use").get_attribute("href") == "#m-missing"


# Names as they are in the address of a file; an older browser lacks `toWellFormed`.
SENDABLE = """
async ([names, isOld]) => {
  const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
  const { Item } = await import(loaded.find((one) => /upload.items/.test(one)));
  if (isOld) delete String.prototype.toWellFormed;
  return JSON.parse(names).map((name) =>
    decodeURIComponent(encodeURIComponent(new Item(0, { name }).name)));
}
"""

INTERFERENCE = """
async (answers) => {
  const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
  const { interference } = await import(loaded.find((one) => /exchange/.test(one)));
  return answers.map(([status, isRedirected, body]) =>
    interference({ status, isRedirected, body }, "files"));
}
"""
