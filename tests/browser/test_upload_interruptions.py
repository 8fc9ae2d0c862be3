"""Interrupted uploads: no network, no session, *Back*, a closed tab, no script."""

import time
from collections import Counter
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Dialog, Page, Route, expect

from portal.models import Session
from tests.browser.axe import assert_accessible
from tests.browser.conftest import Open, session_cookie
from tests.browser.folder_drop import UPLOAD, drop, sent_by, verdicts, wait_for_end
from tests.browser.held_upload import (
    ALL,
    BEFORE,
    assert_all_here,
    drop_to_the_middle,
    write_all,
)
from tests.builders import Company
from tests.journeys.live_server import RunningPortal

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("charlie_sees_nothing")]

# How long the line is away: longer than browsers and patience take for a hiccup.
OFFLINE_S = 20


@pytest.fixture
def folder(alice: Company, tmp_path: Path) -> Path:
    return write_all(alice, tmp_path / "ic")


def test_twenty_seconds_without_a_line_are_waited_for_and_only_the_rest_is_sent(
    open_page: Open, alice: Company, folder: Path
) -> None:
    page = open_page(alice, UPLOAD)
    gate = drop_to_the_middle(page, folder)
    here = {name for name, word in verdicts(page) if word == "Accepted"}
    page.context.set_offline(True)
    since = time.monotonic()
    gate.cut()
    assert_shows_waiting(page)
    page.get_by_role("button", name="Try the connection now").press("Enter")
    assert_accessible(page)
    expect(page.get_by_role("button", name="Pause the upload")).to_be_enabled()
    page.wait_for_timeout(max(0, OFFLINE_S - (time.monotonic() - since)) * 1000)
    assert_shows_waiting(page)
    assert len(alice.files()) == BEFORE
    sent = sent_by(page)
    page.context.set_offline(False)
    assert_all_here(page, alice)
    assert sorted(sent) == sorted({path.name for path in folder.iterdir()} - here)
    expect(page.locator("#period td.is-received")).to_have_count(ALL)


def assert_shows_waiting(page: Page) -> None:
    """Without a line the list is kept, nothing is called lost, and it is said why."""
    expect(page.locator("#run-title")).to_have_text("Upload waiting")
    expect(page.get_by_role("heading", name="There is no connection")).to_be_visible()
    expect(page.get_by_text("goes on by itself as soon as")).to_be_visible()
    waiting = page.locator(".verdict .verdict-label", has_text="Waiting")
    expect(waiting).to_have_count(ALL - BEFORE)
    assert Counter(word for _, word in verdicts(page))["Accepted"] == BEFORE
    expect(page.locator("#run")).to_contain_text("4 of 14 files")
    assert not page.locator(".verdict.is-missing").count()


def test_an_expired_sign_in_keeps_the_list_and_goes_on_for_its_owner_alone(
    open_page: Open,
    alice: Company,
    charlie: Company,
    folder: Path,
    portal: RunningPortal,
) -> None:
    page = open_page(alice, UPLOAD)
    gate = drop_to_the_middle(page, folder)
    Session.objects.all().delete()
    gate.release()
    expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
    expect(page.locator("#run")).to_contain_text("4 of 14 files have their verdict")
    link = page.get_by_role("link", name="Sign in in a new tab")
    # Back to the tenant that the files are for, whichever comes first after signing in.
    assert link.get_attribute("href") == f"/sign-in?next=/signed-in%3Ffor%3D{alice.id}"
    assert link.get_attribute("target") == "_blank"
    assert len(verdicts(page)) == ALL
    assert_accessible(page)

    page.context.add_cookies([session_cookie(charlie.people["admin"], portal)])
    page.get_by_role("button", name="Go on, I am signed in").click()
    expect(page.get_by_role("heading", name="Somebody else is")).to_be_visible()
    assert charlie.files() == []
    page.context.add_cookies([session_cookie(alice.people["admin"], portal)])
    page.get_by_role("button", name="Go on, I am signed in as before").click()
    assert_all_here(page, alice)


def test_coming_back_from_signing_in_is_noticed(
    open_page: Open, alice: Company, folder: Path, portal: RunningPortal
) -> None:
    page = open_page(alice, UPLOAD)
    gate = drop_to_the_middle(page, folder)
    page.context.clear_cookies()
    gate.cut()
    expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
    page.context.add_cookies([session_cookie(alice.people["admin"], portal)])
    page.evaluate("dispatchEvent(new Event('focus'))")
    assert_all_here(page, alice)


def test_back_in_the_middle_is_told_truthfully_and_the_folder_finishes_it(
    open_page: Open, alice: Company, folder: Path
) -> None:
    page = open_page(alice, "/")
    page.goto(UPLOAD)
    gate = drop_to_the_middle(page, folder)
    asked: list[str] = []

    def leave(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", leave)
    page.go_back()
    page.wait_for_url("**/")
    assert asked == ["beforeunload"]
    gate.passing = 1_000
    page.go_forward()
    page.wait_for_url(f"**{UPLOAD}")
    summary = page.locator("#summary")
    expect(summary.get_by_role("heading")).to_contain_text("was interrupted")
    expect(summary).to_contain_text("4 of 14 files had their verdict")
    sent = sent_by(page)
    drop(page, folder)
    wait_for_end(page)
    assert len(sent) <= ALL - BEFORE
    assert len(alice.files()) == ALL


def test_after_a_closed_tab_the_folder_finishes_what_was_left(
    open_page: Open, alice: Company, folder: Path
) -> None:
    page = open_page(alice, UPLOAD)
    context: BrowserContext = page.context
    drop_to_the_middle(page, folder)
    page.close()
    page = context.new_page()
    page.goto(UPLOAD)
    sent = sent_by(page)
    drop(page, folder)
    summary = wait_for_end(page)
    expect(summary.get_by_role("heading")).to_contain_text("14 files, all here")
    assert len(sent) <= ALL - BEFORE
    assert len(alice.files()) == ALL


def test_an_upload_is_paused_goes_on_is_stopped_and_the_rest_is_retried(
    open_page: Open, alice: Company, folder: Path
) -> None:
    page = open_page(alice, UPLOAD)
    gate = drop_to_the_middle(page, folder)
    page.get_by_role("button", name="Pause the upload").press("Enter")
    expect(page.locator("#run-title")).to_have_text("Upload paused")
    go_on = page.get_by_role("button", name="Go on with the upload")
    expect(go_on).to_be_focused()
    sent = sent_by(page)
    gate.release(0)
    accepted = page.locator(".verdict .verdict-label", has_text="Accepted")
    expect(accepted).to_have_count(BEFORE + 4)
    assert sent == []
    gate.passing = 2
    go_on.press("Enter")
    expect(accepted).to_have_count(BEFORE + 6)
    page.get_by_role("button", name="Stop the upload").click()
    expect(page.locator("#run-title")).to_have_text("Upload stopped")
    summary = page.locator("#summary")
    expect(summary).to_contain_text("4 stopped before they were sent")
    gate.release(1_000)
    page.get_by_role("button", name="Retry 4 files that were not sent").click()
    assert_all_here(page, alice)


def test_a_busy_portal_is_left_alone_for_as_long_as_it_asks(
    open_page: Open, alice: Company, folder: Path
) -> None:
    page = open_page(alice, UPLOAD)
    refused: list[str] = []

    def refuse(route: Route) -> None:
        if route.request.method == "PUT" and len(refused) < 2:
            refused.append(route.request.url)
            answer = {"code": "busy", "title": "The portal is busy.", "advice": "Wait."}
            route.fulfill(status=429, headers={"Retry-After": "2"}, json=answer)
        else:
            route.continue_()

    page.route("**/api/v1/files/*.usg", refuse)
    drop(page, folder)
    expect(page.get_by_role("heading", name="The portal is busy")).to_be_visible()
    assert_all_here(page, alice)


# Windows keeps a file from being read while the server still writes it.
HELD_OPEN = """
const read = Blob.prototype.arrayBuffer;
Blob.prototype.arrayBuffer = function () {
  const isHeld = this.name === "IC01_2026-05-11.usg" && !window.isClosed;
  return isHeld
    ? Promise.reject(new DOMException("", "NotReadableError"))
    : read.call(this);
};
"""


def test_a_file_that_is_held_open_or_gone_stops_no_other_and_is_retried(
    open_page: Open, alice: Company, folder: Path
) -> None:
    gone = folder / "IC01_2026-05-10.usg"
    data = gone.read_bytes()
    page = open_page(alice, "/")
    page.add_init_script(HELD_OPEN)
    page.goto(UPLOAD)
    gate = drop_to_the_middle(page, folder)
    gone.unlink()
    gate.release()
    summary = wait_for_end(page)
    expect(summary).to_contain_text("2 not readable, 12 accepted.")
    run = page.locator("#run")
    expect(run).to_contain_text("The file is no longer where it was.")
    expect(run).to_contain_text("Another program holds this file open")
    assert {word for _, word in verdicts(page)[:2]} == {"Not readable"}
    gone.write_bytes(data)
    page.evaluate("window.isClosed = true")
    page.get_by_role("button", name="Retry 2 files that were not sent").click()
    assert_all_here(page, alice)


def test_without_script_a_form_takes_several_files(
    open_page: Open, alice: Company, folder: Path
) -> None:
    page = open_page(alice, UPLOAD, java_script_enabled=False)
    expect(page.locator("#drop")).to_be_hidden()
    page.get_by_label("Usage files").set_input_files(sorted(folder.iterdir())[:3])
    page.get_by_role("button", name="Send the files").click()
    expect(page.get_by_role("heading", name="3 files have their")).to_be_visible()
    expect(page.get_by_role("cell", name="Accepted")).to_have_count(3)
    assert len(alice.files()) == 3


def test_where_the_browser_hashes_nothing_the_page_does_it_by_itself(
    open_page: Open, alice: Company, folder: Path
) -> None:
    page = open_page(alice, "/")
    page.add_init_script("Object.defineProperty(crypto, 'subtle', {value: undefined})")
    page.goto(UPLOAD)
    drop(page, folder)
    assert_all_here(page, alice)
    sent = sent_by(page)
    drop(page, folder)
    expect(page.get_by_text("14 files are already here")).to_be_visible()
    assert sent == []
