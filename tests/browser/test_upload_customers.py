"""Several people and customers in one browser: no file shown or sent for another."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from portal.db import unit_of_work
from portal.models import Role
from portal.tenants import create
from tests.browser.axe import assert_accessible
from tests.browser.charlie import answers_about, identifiers_of, seen
from tests.browser.conftest import Open, give_real_password
from tests.browser.folder_drop import UPLOAD, drop, verdicts, wait_for_end
from tests.browser.held_upload import (
    ALL,
    BEFORE,
    assert_all_here,
    drop_to_the_middle,
    write_all,
)
from tests.browser.watched_folder import open_with_folder
from tests.builders import NOW, PASSWORD, Company

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("charlie_sees_nothing")]


@pytest.fixture
def folder(alice: Company, tmp_path: Path) -> Path:
    return write_all(alice, tmp_path / "ic")


def test_a_customer_chosen_in_another_window_stops_the_upload_until_it_is_back(
    open_page: Open, alice: Company, charlie: Company, folder: Path
) -> None:
    partner = add_partner(alice, charlie)
    page = open_page(alice, UPLOAD, role=partner)
    gate = drop_to_the_middle(page, folder)
    other = page.context.new_page()
    switch(other, charlie)
    gate.release()
    hold = page.get_by_role("heading", name="Another customer was chosen in another")
    expect(hold).to_be_visible()
    run = page.locator("#run")
    expect(run).to_contain_text("These files are for Alice Assurance")
    expect(run).to_contain_text("4 of 14 files have their verdict.")
    assert len(verdicts(page)) == ALL
    assert_accessible(page)
    # Nothing of it is in the other's name, and the calendar above is still Alice's.
    page.get_by_role("button", name="Go on, I have switched back").click()
    expect(page.locator("#period td.is-received").first).to_be_visible()
    expect(hold).to_be_visible()
    assert charlie.files() == []
    assert len(alice.files()) == BEFORE

    switch_back(page)
    page.evaluate("dispatchEvent(new Event('focus'))")
    assert_all_here(page, alice)
    expect(page.locator("#period td.is-received")).to_have_count(ALL)
    assert charlie.files() == []


def switch_back(page: Page) -> None:
    """Go over to Alice's again by the way that the page offers; come back to it."""
    with page.expect_popup() as opening:
        page.get_by_role("link", name="Switch back to Alice Assurance").click()
    back = opening.value
    back.get_by_role("button", name="Switch to Alice Assurance").click()
    expect(back.get_by_text("Go back to the upload")).to_be_visible()
    back.close()


def test_a_form_that_is_older_than_a_switch_sends_nothing(
    open_page: Open, alice: Company, charlie: Company, folder: Path
) -> None:
    partner = add_partner(alice, charlie)
    page = open_page(alice, UPLOAD, role=partner, java_script_enabled=False)
    page.get_by_label("Usage files").set_input_files(sorted(folder.iterdir())[:3])
    switch(page.context.new_page(), charlie)
    page.get_by_role("button", name="Send the files").click()
    expect(page.get_by_text("was meant for another customer")).to_be_visible()
    assert (alice.files(), charlie.files()) == ([], [])
    page.locator("main").get_by_role("link", name="Switch customer").click()
    expect(page.get_by_text("You act for Charlie Cargo.")).to_be_visible()


def test_what_charlie_looks_for_is_what_alice_sees(
    open_page: Open, alice: Company, charlie: Company, folder: Path
) -> None:
    for path in sorted(folder.iterdir())[:2]:
        alice.send(path.read_bytes(), name=path.name)
    page = open_page(alice, "/")
    own = identifiers_of(alice, beside=charlie)
    names = {file.name for file in alice.files()}
    ids = {str(file.pk) for file in alice.files()}
    assert names | ids | {"admin of Alice Assurance"} <= seen(page.request, own)
    answers = list(answers_about(page.request, alice.files()))
    assert [one.status for one in answers] == [200] * 6


def test_at_a_shared_computer_charlie_is_shown_nothing_that_alice_has_left(
    open_page: Open, alice: Company, charlie: Company, folder: Path
) -> None:
    give_real_password(charlie.people["admin"])
    data = {path.name: path.read_bytes() for path in sorted(folder.iterdir())[:2]}
    page = open_with_folder(open_page, alice, data)
    wait_for_end(page)
    page.goto("/files")
    expect(page.get_by_role("link", name="IC01_2026-04-28.usg")).to_be_visible()
    page.get_by_text("admin of Alice Assurance").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")
    # The browser keeps no page of hers, either.
    page.go_back()
    page.wait_for_url("**/sign-in?next=/files*")
    expect(page.locator("body")).not_to_contain_text("IC01_2026-04-28.usg")

    page.get_by_label("Mail address").fill(charlie.people["admin"].email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("No files yet")).to_be_visible()
    page.goto(UPLOAD)
    expect(page.get_by_role("button", name="Keep a folder open")).to_be_visible()
    for part in ("#folder", "#run", "#summary", "#delete-dialog"):
        expect(page.locator(part)).to_be_hidden()
    shown = page.content()
    assert [one for one in identifiers_of(alice, beside=charlie) if one in shown] == []
    stored = page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}])")
    assert stored == "[{},{}]"


def test_alices_own_folder_is_rejected_for_charlie_and_is_nothing_to_her(
    open_page: Open, alice: Company, charlie: Company, folder: Path
) -> None:
    page = open_page(charlie, UPLOAD)
    drop(page, folder)
    summary = wait_for_end(page)
    expect(summary).to_contain_text(f"{ALL} rejected.")
    codes = page.locator(".verdict .code")
    expect(codes.filter(has_text="tenant-other")).to_have_count(ALL)
    for word in ("Alice", alice.number):
        expect(page.locator("main")).not_to_contain_text(word)
    assert alice.files() == []
    assert len(charlie.files()) == ALL
    page = open_page(alice, UPLOAD)
    expect(page.locator("#period td.is-received")).to_have_count(0)


def add_partner(*companies: Company) -> str:
    """Somebody who sends files for all of them; the name of the role to open pages."""
    with unit_of_work.acting_for(unit_of_work.STAFF):
        person = create.add_person(
            email="petra@partners.example", name="Petra", password=PASSWORD, at=NOW
        )
        for company in companies:
            create.add_member(
                company.id, user=person, role=Role.ADMIN, by="test", at=NOW
            )
            company.people["partner"] = person
    return "partner"


def switch(page: Page, company: Company) -> None:
    """Go over to another customer, in a window of its own."""
    page.goto("/switch")
    page.locator(f"form:has(input[value='{company.id}']) button").click()
    page.wait_for_url("**/")
