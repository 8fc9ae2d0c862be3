"""Sign-in, a new password and switching the customer, in a browser."""

import re
from collections.abc import Callable
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from portal.db import unit_of_work
from portal.models import Role, User
from portal.tasks import send_account_mails
from portal.tenants import create
from tests.browser.axe import assert_accessible
from tests.browser.conftest import Open, give_real_password
from tests.browser.keyboard import press_to
from tests.builders import NOW, PASSWORD, Company
from tests.journeys.live_server import RunningPortal

pytestmark = pytest.mark.browser

NEW = "a goose walks over the bridge"

# The narrowest window that everything has to fit.
NARROWEST = 320


@pytest.fixture
def partner(alice: Company, charlie: Company) -> Company:
    """Alice's company, with somebody in it who acts for Charlie's too."""
    with unit_of_work.acting_for(unit_of_work.STAFF):
        person = create.add_person(
            email="petra.lindqvist@partners.example",
            name="Petra Lindqvist",
            password=PASSWORD,
            at=NOW,
        )
        for company, role in ((alice, Role.ADMIN), (charlie, Role.VIEWER)):
            create.add_member(company.id, user=person, role=role, by="test", at=NOW)
    alice.people["partner"] = person
    return alice


@pytest.fixture
def new_mail(tmp_path: Path, portal: RunningPortal, settings: Any) -> Callable[[], str]:
    """Send the portal's first mail, as a worker would; return its text."""
    folder = tmp_path / "mail"
    settings.EMAIL_BACKEND = "portal.mail.file_backend.FolderBackend"
    settings.EMAIL_FILE_PATH = folder
    settings.PORTAL_ADDRESS = portal.address

    def wait() -> str:
        send_account_mails()
        [path] = folder.glob("*.eml")
        message = message_from_bytes(path.read_bytes(), policy=policy.default)
        text = message.get_body(("plain",))
        assert text is not None
        return str(text.get_content())

    return wait


def fits(page: Page) -> bool:
    """Say whether nothing is wider than the window."""
    return bool(
        page.evaluate(
            "document.documentElement.scrollWidth"
            " <= document.documentElement.clientWidth"
        )
    )


def link_in(text: str) -> str:
    return next(word for word in text.split() if "/new-password/" in word)


def test_the_menu_of_an_account_can_be_used_in_the_narrowest_window(
    open_page: Open, partner: Company
) -> None:
    look = {"viewport": {"width": NARROWEST, "height": 800}}
    page = open_page(partner, "/switch", role="partner", **look)
    page.get_by_text("Petra Lindqvist").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_in_viewport()
    is_good_to_use(page)


def is_good_to_use(page: Page) -> None:
    assert fits(page), page.url
    assert_accessible(page)


def test_a_wrong_password_is_told_to_every_reader(
    open_page: Open, alice: Company
) -> None:
    page = open_page(None, "/sign-in")
    page.get_by_label("Mail address").fill("nobody@a-100.example")
    page.get_by_label("Password").fill("guessed")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("belong together")).to_be_visible()
    is_good_to_use(page)


def test_keys_alone_sign_in_and_out(open_page: Open, alice: Company) -> None:
    give_real_password(alice.people["admin"])
    page = open_page(None, "/sign-in")
    expect(page.get_by_label("Mail address")).to_be_focused()
    page.keyboard.type("admin@a-100.example")
    page.keyboard.press("Tab")
    page.keyboard.type("not the password")
    page.keyboard.press("Enter")
    password = page.get_by_label("Password")
    expect(password).to_be_focused()
    expect(password).to_have_accessible_description(re.compile("belong together"))
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/")
    press_to(page, "admin of Alice Assurance")
    page.keyboard.press("Enter")
    press_to(page, "Sign out")
    page.keyboard.press("Enter")
    page.wait_for_url("**/sign-in")


def test_a_forgotten_password_is_set_anew_by_mail(
    open_page: Open, alice: Company, new_mail: Callable[[], str]
) -> None:
    give_real_password(alice.people["admin"])
    page = open_page(None, "/sign-in")
    page.get_by_role("link", name="Forgot your password?").click()
    page.get_by_label("Mail address").fill("admin@a-100.example")
    page.get_by_role("button", name="Send the link").click()
    expect(page.get_by_text("Look into your mail.")).to_be_visible()
    page.goto(link_in(new_mail()))
    assert "set-password" in page.url
    page.get_by_label("New password").fill(NEW)
    page.get_by_label("The same again").fill(NEW)
    page.get_by_role("button", name="Set the password").click()
    expect(page.get_by_text("admin of Alice Assurance")).to_be_visible()


def test_a_password_is_changed(open_page: Open, alice: Company) -> None:
    user: User = alice.people["admin"]
    give_real_password(user)
    page = open_page(alice, "/")
    page.get_by_text("admin of Alice Assurance").click()
    page.get_by_role("link", name="Change password").click()
    page.get_by_label("Password now").fill(PASSWORD)
    page.get_by_label("New password").fill(NEW)
    page.get_by_label("The same again").fill(f"{NEW}!")
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_text("type the same password each time")).to_be_visible()
    page.get_by_label("Password now").fill(PASSWORD)
    page.get_by_label("New password").fill(NEW)
    page.get_by_label("The same again").fill(NEW)
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_text("Your password is changed.")).to_be_visible()


def test_a_partner_switches_to_another_customer(
    open_page: Open, partner: Company
) -> None:
    page = open_page(partner, "/", role="partner")
    page.get_by_text("Petra Lindqvist").click()
    page.get_by_role("link", name="Switch customer").click()
    page.get_by_role("button", name="Switch to Charlie Cargo").click()
    page.wait_for_url("**/")
    expect(page.locator(".masthead-tenant")).to_have_text("Charlie Cargo")


def test_charlie_is_offered_no_switch_and_cannot_make_one(
    open_page: Open, alice: Company, charlie: Company
) -> None:
    page = open_page(charlie, "/switch")
    expect(page.get_by_text("You belong to no other customer.")).to_be_visible()
    page.get_by_text("admin of Charlie Cargo").click()
    expect(page.get_by_role("link", name="Switch customer")).to_have_count(0)
    # The token of his own sign-out form, with a guess beside it.
    token = page.locator("input[name=csrfmiddlewaretoken]").first.input_value()
    answer = page.request.post(
        "/switch",
        form={"csrfmiddlewaretoken": token, "tenant": str(alice.id)},
        headers={"Referer": page.url},
    )
    assert answer.status == 404
    assert "Alice" not in answer.text()


def test_signing_in_beside_an_upload_ends_on_a_page_that_says_so(
    open_page: Open, alice: Company
) -> None:
    give_real_password(alice.people["admin"])
    page = open_page(None, f"/sign-in?next=/signed-in%3Ffor%3D{alice.id}")
    page.get_by_label("Mail address").fill("admin@a-100.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Go back to the upload")).to_be_visible()
