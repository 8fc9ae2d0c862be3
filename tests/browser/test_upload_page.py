"""A dropped usage folder shows the verdict of each file in it."""

import json
from datetime import date
from http import HTTPStatus
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Page, Route, expect

from portal.db import unit_of_work
from tests.browser.axe import assert_accessible
from tests.browser.conftest import Open, session_cookie
from tests.browser.folder_drop import (
    UPLOAD,
    drop,
    sent_by,
    verdicts,
    wait_for_end,
    write_days,
)
from tests.builders import Company
from tests.journeys.live_server import RunningPortal
from usage.forwarding import forward
from usage.models import Forwarding
from usage.storage import archive

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("charlie_sees_nothing")]

# The last files come after the deadline.
COMPLETE = "28 April to 27 May is complete, but was late: 30 of 30 server-days."
GAP = [date(2026, 5, day) for day in (6, 7, 8)]


@pytest.fixture
def folder(alice: Company, tmp_path: Path) -> Path:
    """The usage folder of a tenant with gaps, with everything that a file can be."""
    root = tmp_path / "ic"
    genuine = write_days(root, alice.server, without=GAP)
    first, second, third, *_ = genuine
    alice.send(genuine[second], name=second)
    (root / first).rename(root / first.replace(".usg", ".USG"))
    (root / third).write_bytes(genuine[third][:-70])
    unknown = alice.writer("IC09")
    write_days(root / "old", unknown, date(2026, 5, 4), date(2026, 5, 4))
    (root / "old" / third).write_bytes(genuine[third])
    (root / "old" / "copy.usg").write_bytes(genuine[third])
    (root / "ic.log").write_text("not a usage file")
    (root / "empty").mkdir()
    return root


def test_each_file_of_a_folder_with_gaps_has_its_verdict_and_is_in_s3(
    open_page: Open, alice: Company, folder: Path
) -> None:
    page = open_page(alice, UPLOAD)
    expect(page.locator("#period td.is-received")).to_have_count(1)
    sent = sent_by(page)
    drop(page, folder)
    summary = wait_for_end(page)

    assert_accessible(page)
    shown = verdicts(page)
    assert shown[:2] == [
        ("IC01_2026-04-30.usg", "Rejected"),
        ("old/IC09_2026-05-04.usg", "Held"),
    ]
    assert [word for _, word in shown[2:]] == ["Accepted"] * 26
    assert ("IC01_2026-04-28.USG", "Accepted") in shown
    assert len(sent) == 28
    run = page.locator("#run")
    expect(run.get_by_text("The file was cut: 688 of 758 bytes")).to_be_visible()
    expect(run.get_by_text("signed with a key not yet registered")).to_be_visible()
    expect(run.get_by_text("2 files are already here and were not")).to_be_visible()
    expect(run.get_by_text("1 other file was left alone.")).to_be_visible()
    expect(summary.get_by_role("heading")).to_contain_text("2 files need attention")
    expect(summary).to_contain_text("1 rejected, 1 held, 26 accepted, 2 already here.")
    expect(page.locator("#period td.is-received")).to_have_count(27)
    expect(page.locator("#period")).to_contain_text("3 files, numbers 9 to 11")
    assert_in_s3_byte_for_byte(alice, folder)


def test_a_folder_that_is_dropped_again_is_not_sent_again(
    open_page: Open, alice: Company, folder: Path
) -> None:
    states = [
        alice.send(path.read_bytes(), name=path.name)[0].state
        for path in (*folder.rglob("IC*"), folder / "old" / "copy.usg")
        if path.is_file()
    ]
    accepted, held = states.count("accepted"), states.count("held")
    assert accepted + held == 29
    page = open_page(alice, UPLOAD)
    sent = sent_by(page)
    # What was rejected is judged afresh: the reason may be gone.
    drop(page, folder)
    here = f"{accepted} files are already here"
    expect(page.get_by_text(here)).to_be_visible()
    summary = wait_for_end(page)
    # That a file was here before does not hide that it is held.
    counts = f"1 rejected, {held} held, {accepted} already here."
    expect(summary).to_contain_text(counts)
    assert sent == ["IC01_2026-04-30.usg"]


def assert_in_s3_byte_for_byte(company: Company, folder: Path) -> None:
    archive.prepare()
    while forward.forward_waiting(now=timezone.now):
        pass
    with unit_of_work.acting_for(company.id, reading=True):
        rows = list(Forwarding.objects.select_related("file"))
    there = {archive.fetch(row.key) for row in rows}
    here = {path.read_bytes() for path in folder.rglob("IC01*") if path.is_file()}
    cut = {data for data in here if data not in there}
    assert there <= here
    assert len(there) == 27
    assert len(cut) == 1


def test_the_summary_stays_until_it_is_dismissed_and_is_nobody_elses(
    open_page: Open,
    alice: Company,
    charlie: Company,
    tmp_path: Path,
    portal: RunningPortal,
) -> None:
    write_days(tmp_path / "ic", alice.server, last=date(2026, 4, 29))
    for data in alice.server.days(date(2026, 4, 30), date(2026, 5, 27)):
        alice.send(data, at=timezone.now())
    page = open_page(alice, UPLOAD)
    drop(page, tmp_path / "ic")
    summary = wait_for_end(page)
    expect(summary.get_by_role("heading")).to_be_focused()
    expect(summary.get_by_role("heading")).to_contain_text("2 files, all here")
    expect(summary).to_contain_text(COMPLETE)
    page.reload()
    expect(summary.get_by_role("heading")).to_contain_text("2 files, all here")
    expect(summary).to_contain_text(COMPLETE)
    assert_accessible(page)
    sign_in(page, charlie, portal)
    page.reload()
    expect(page.locator("#drop")).to_be_visible()
    expect(summary).to_be_hidden()

    sign_in(page, alice, portal)
    page.reload()
    dismiss_before_it_is_stored(page, tmp_path / "ic")
    page.reload()
    expect(page.locator("#drop")).to_be_visible()
    expect(summary).to_be_hidden()


def dismiss_before_it_is_stored(page: Page, folder: Path) -> None:
    """Dismiss a summary while another one, stored, was in the page."""
    held: list[Route] = []
    page.route("**/report", lambda route: held.append(route))  # noqa: PLW0108 - see below
    drop(page, folder)
    summary = wait_for_end(page)
    summary.get_by_role("button", name="Dismiss this summary").click()
    expect(summary).to_be_hidden()
    assert held
    # Playwright sets an attribute of the handler, and lets go of what it holds.
    with page.expect_response("**/dismiss") as dismissing:
        page.unroute("**/report")
    assert dismissing.value.status == HTTPStatus.NO_CONTENT


def test_an_upload_that_has_ended_is_not_reported_as_unfinished(
    open_page: Open, alice: Company, tmp_path: Path
) -> None:
    write_days(tmp_path / "ic", alice.server, last=date(2026, 4, 29))
    page = open_page(alice, UPLOAD)
    held: list[Route] = []
    page.route("**/report", lambda route: held.append(route))  # noqa: PLW0108 - as above
    drop(page, tmp_path / "ic")
    wait_for_end(page)
    # The page is closed while its last report is on its way.
    with page.expect_request("**/report") as leaving:
        page.evaluate("dispatchEvent(new Event('pagehide'))")
    sent = json.loads(leaving.value.post_data or "")
    assert (sent["is_ended"], sent["is_left"]) == (True, False)
    assert {one["outcome"] for one in sent["items"]} == {"accepted"}


def test_a_receipt_of_the_upload_is_downloaded(
    open_page: Open, alice: Company, tmp_path: Path
) -> None:
    files = write_days(tmp_path / "ic", alice.server, last=date(2026, 4, 29))
    alice.send(files["IC01_2026-04-29.usg"], name="IC01_2026-04-29.usg")
    page = open_page(alice, UPLOAD)
    drop(page, tmp_path / "ic")
    summary = wait_for_end(page)
    with page.expect_download() as downloading:
        summary.get_by_role("button", name="Receipt, CSV").click()
    text = Path(downloading.value.path()).read_text()
    assert all(name in text for name in files)
    with page.expect_download() as downloading:
        summary.get_by_role("button", name="Receipt, PDF").click()
    assert Path(downloading.value.path()).read_bytes().startswith(b"%PDF")
    page.get_by_role("link", name="receipt of IC01_2026-04-28.usg").click()
    page.wait_for_url("**/files/*")
    expect(page.locator("main")).to_contain_text("IC01_2026-04-28.usg")


def sign_in(page: Page, who: Company, portal: RunningPortal) -> None:
    page.context.add_cookies([session_cookie(who.people["admin"], portal)])


def test_files_are_pasted(open_page: Open, alice: Company) -> None:
    page = open_page(alice, UPLOAD)
    page.evaluate(
        "() => { const data = new DataTransfer();"
        " data.items.add(new File(['rubbish'], 'PASTED.USG'));"
        " data.items.add(new File(['other'], 'ic.log'));"
        " dispatchEvent(new ClipboardEvent('paste', {clipboardData: data})); }"
    )
    wait_for_end(page)
    assert verdicts(page) == [("PASTED.USG", "Rejected")]
    expect(page.get_by_text("1 other file was left alone.")).to_be_visible()


def test_a_folder_is_chosen_with_a_button(
    open_page: Open, alice: Company, tmp_path: Path
) -> None:
    write_days(tmp_path / "ic" / "a", alice.server, last=date(2026, 4, 29))
    (tmp_path / "ic" / "a" / "note.txt").write_text("left alone")
    page = open_page(alice, UPLOAD)
    page.locator("#pick-folder").set_input_files(tmp_path / "ic")
    wait_for_end(page)
    assert sorted(name for name, _ in verdicts(page)) == [
        "a/IC01_2026-04-28.usg",
        "a/IC01_2026-04-29.usg",
    ]
    expect(page.get_by_text("1 other file was left alone.")).to_be_visible()


def test_a_folder_without_usage_files_says_what_to_choose(
    open_page: Open, alice: Company, tmp_path: Path
) -> None:
    (tmp_path / "wrong").mkdir()
    (tmp_path / "wrong" / "ic.log").write_text("x")
    page = open_page(alice, UPLOAD)
    drop(page, tmp_path / "wrong")
    expect(page.locator("#run-title")).to_have_text("No usage files found")
    expect(page.locator("#run")).to_contain_text("i3\\ic\\work\\usage")
    expect(page.locator("#run")).to_contain_text("1 other file was left alone.")
