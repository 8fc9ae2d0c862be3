"""The page *Servers*: confirm a key, request a change, register a server."""

from datetime import date

import pytest
from playwright.sync_api import expect

from tests.browser.axe import assert_accessible
from tests.browser.conftest import Open
from tests.builders import Company
from usage.models import FileState
from usage.usg.keyfiles import Purpose, public_text

pytestmark = pytest.mark.browser

DAY = date(2026, 5, 1)


def test_an_admin_confirms_asks_and_registers_without_script(
    open_page: Open, alice: Company
) -> None:
    alice.send(alice.writer("IC77").day(DAY))
    page = open_page(alice, "/servers", java_script_enabled=False)
    page.get_by_role("button", name="Confirm this key of IC77").click()
    expect(page.get_by_role("status")).to_contain_text("is confirmed")
    assert {file.state for file in alice.files()} == {FileState.ACCEPTED}

    page.get_by_label("Its last owed day").check()
    page.get_by_label("Day", exact=True).fill("2026-05-07")
    page.get_by_role("button", name="Change the owed days").click()
    expect(page.get_by_label("Reason")).to_have_accessible_description(
        "Needed where the server would owe less. A decision needs a reason."
        " Say why, in a sentence; it is kept in the audit trail."
    )
    expect(page.get_by_label("Its last owed day")).to_be_checked()
    page.get_by_label("Reason").fill("Switched off.")
    page.get_by_role("button", name="Change the owed days").click()
    expect(page.get_by_text("waiting for the billing team", exact=True)).to_be_visible()
    page.get_by_role("button", name="Withdraw the request for IC01").click()
    expect(page.get_by_text("withdrawn", exact=True)).to_be_visible()

    text = public_text(Purpose.SIGNING, alice.writer("IC88").pair.public)
    page.get_by_label("Name of the server").fill("IC88")
    page.get_by_label("Content of the public key file").fill(text)
    page.get_by_role("button", name="Register this server").click()
    expect(page.get_by_role("status")).to_contain_text("IC88 is registered")


def test_what_is_wrong_with_a_change_is_told_to_every_reader(
    open_page: Open, alice: Company
) -> None:
    page = open_page(alice, "/servers")
    page.get_by_role("button", name="Change the owed days").click()
    expect(page.get_by_text("Which day is it?")).to_be_visible()
    assert_accessible(page)
