"""A watched folder: new files are sent, safe ones can be deleted."""

from datetime import date
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from portal.db import unit_of_work
from tests.browser.axe import assert_accessible
from tests.browser.conftest import Open, session_cookie
from tests.browser.folder_drop import sent_by, wait_for_end, write_days
from tests.browser.watched_folder import names, open_with_folder, put
from tests.builders import Company
from tests.journeys.live_server import RunningPortal
from usage.forwarding import forward
from usage.models import Forwarding
from usage.storage import archive

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("charlie_sees_nothing")]


@pytest.fixture(autouse=True)
def _bucket(db: None) -> None:
    archive.prepare()


def forward_all() -> None:
    while forward.forward_waiting(now=timezone.now):
        pass


def look_for_deletable(page: Page) -> Locator:
    page.get_by_role("button", name="Find files that are safe to delete").click()
    return page.get_by_role("dialog")


def test_what_is_new_in_a_kept_folder_is_sent(
    open_page: Open, alice: Company, tmp_path: Path
) -> None:
    files = a_few_days(alice, tmp_path)
    later = {name: files.pop(name) for name in list(files)[-1:]}
    page = open_with_folder(open_page, alice, files)
    wait_for_end(page)
    put(page, later)
    sent = sent_by(page)
    page.get_by_role("button", name="Look for new files").click()
    folder = page.locator("#folder")
    expect(folder).to_contain_text("1 file in it is new")
    wait_for_end(page)
    assert sent == list(later)
    # Nothing is confirmed in the archive yet, so nothing may go.
    dialog = look_for_deletable(page)
    expect(folder).to_contain_text("No file in the folder is safe to delete yet")
    expect(dialog).to_be_hidden()


@pytest.fixture
def safe_but_one(
    open_page: Open, alice: Company, tmp_path: Path
) -> tuple[Page, dict[str, bytes]]:
    """A page with a kept folder: all but the last file are confirmed in S3."""
    files = a_few_days(alice, tmp_path)
    for name, data in list(files.items())[:-1]:
        alice.send(data, name=name)
    forward_all()
    cut = next(iter(files.values()))[:-9]
    others = {"ic.log": b"not a usage file", "cut.usg": cut}
    page = open_with_folder(open_page, alice, files | others)
    wait_for_end(page)
    return page, files


def test_what_could_be_deleted_is_listed_first_and_nothing_else(
    safe_but_one: tuple[Page, dict[str, bytes]],
) -> None:
    page, files = safe_but_one
    dialog = look_for_deletable(page)
    expect(dialog.get_by_role("heading")).to_contain_text("Delete 5 files")
    expect(dialog.get_by_role("button", name="Keep all files")).to_be_focused()
    expect(dialog.get_by_role("listitem")).to_have_count(5)
    for name in ("cut.usg", "ic.log", list(files)[-1]):
        expect(dialog).not_to_contain_text(name)
    assert_accessible(page)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert len(names(page)) == 8


def test_what_has_changed_since_it_was_listed_is_not_deleted(
    safe_but_one: tuple[Page, dict[str, bytes]], alice: Company
) -> None:
    page, files = safe_but_one
    changing, unconfirmed, *_, unsent = files
    dialog = look_for_deletable(page)
    expect(dialog.get_by_role("listitem")).to_have_count(5)
    put(page, {changing: b"changed since"})
    unconfirm(alice, files[unconfirmed])
    dialog.get_by_role("button", name="Delete 5 files").click()
    folder = page.locator("#folder")
    expect(folder).to_contain_text("3 files were deleted")
    expect(folder).to_contain_text(f"{changing}: it has changed since")
    expect(folder).to_contain_text(f"{unconfirmed}: the portal no longer says")
    expect(folder.get_by_role("button", name="safe to delete")).to_be_focused()
    left = ["cut.usg", "ic.log", changing, unconfirmed, unsent]
    assert names(page) == sorted(left)


def a_few_days(company: Company, tmp_path: Path) -> dict[str, bytes]:
    return write_days(tmp_path / "ic", company.server, last=date(2026, 5, 3))


def unconfirm(company: Company, data: bytes) -> None:
    with unit_of_work.acting_for(company.id):
        row = Forwarding.objects.select_related("file").get(file__tail=data[-64:])
        Forwarding.objects.filter(pk=row.pk).update(state="waiting", ended_at=None)


def test_the_folder_is_there_for_whoever_opened_it_until_it_is_let_go(
    open_page: Open,
    alice: Company,
    charlie: Company,
    tmp_path: Path,
    portal: RunningPortal,
) -> None:
    files = write_days(tmp_path / "ic", alice.server)
    page = open_with_folder(open_page, alice, dict(list(files.items())[:2]))
    wait_for_end(page)
    sent = sent_by(page)
    page.reload()
    expect(page.get_by_role("heading", name="is kept open")).to_be_visible()
    expect(page.get_by_text("2 files are already here")).to_be_visible()
    assert sent == []
    page.context.add_cookies([session_cookie(charlie.people["admin"], portal)])
    page.reload()
    expect(page.get_by_role("button", name="Keep a folder open")).to_be_visible()
    expect(page.locator("#folder")).to_be_hidden()
    page.context.add_cookies([session_cookie(alice.people["admin"], portal)])
    page.reload()
    page.get_by_role("button", name="Let go of the folder").click()
    expect(page.locator("#folder")).to_be_hidden()
    page.reload()
    expect(page.get_by_role("button", name="Keep a folder open")).to_be_visible()
    expect(page.locator("#folder")).to_be_hidden()


def test_charlie_can_delete_nothing_that_is_safe_for_alice(
    open_page: Open, alice: Company, charlie: Company, tmp_path: Path
) -> None:
    files = dict(list(write_days(tmp_path / "ic", alice.server).items())[:2])
    for data in files.values():
        alice.send(data)
    forward_all()
    page = open_with_folder(open_page, charlie, files)
    wait_for_end(page)
    look_for_deletable(page)
    expect(page.locator("#folder")).to_contain_text("is safe to delete yet")
    assert names(page) == sorted(files)
