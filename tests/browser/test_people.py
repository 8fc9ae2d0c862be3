"""Invitations, a new password with a second factor, and a removal, in a browser."""

import re
from collections.abc import Callable
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from portal.tasks import send_account_mails
from tests.browser.axe import assert_accessible
from tests.browser.conftest import Open, give_real_password
from tests.builders import Company
from tests.journeys.live_server import RunningPortal
from tests.portal.second_factor.people import code_at, give_app

pytestmark = pytest.mark.browser

NEW = "a goose walks over the bridge"

Links = Callable[[str], str]


@pytest.fixture
def link_to(tmp_path: Path, portal: RunningPortal, settings: Any) -> Links:
    """Send the waiting mails as a worker would; return the link to an address."""
    folder = tmp_path / "mail"
    settings.EMAIL_BACKEND = "portal.mail.file_backend.FolderBackend"
    settings.EMAIL_FILE_PATH = folder
    settings.PORTAL_ADDRESS = portal.address

    def find(part: str) -> str:
        send_account_mails()
        for path in folder.glob("*.eml"):
            message = message_from_bytes(path.read_bytes(), policy=policy.default)
            text = message.get_body(("plain",))
            assert text is not None
            words = str(text.get_content()).split()
            found = [word for word in words if part in word]
            if found:
                return found[0]
        pytest.fail(f"no mail has a link with {part}")

    return find


def test_an_invited_person_creates_an_account_and_is_a_member(
    open_page: Open, alice: Company, link_to: Links
) -> None:
    admin = open_page(alice, "/people")
    admin.get_by_role("link", name="Invite a person").click()
    assert_accessible(admin)
    admin.get_by_label("Mail address").fill("zoe@a-100.example")
    admin.locator("select[name=role]").select_option("uploader")
    admin.get_by_role("button", name="Send the invitation").click()
    expect(admin.get_by_text("zoe@a-100.example").first).to_be_visible()
    page = open_page(None, link_to("/invitations/"))
    expect(page.get_by_text("You are invited to Alice Assurance.")).to_be_visible()
    page.locator("input[name=name]").fill("Zoe New")
    page.get_by_label("New password").fill(NEW)
    page.get_by_label("The same again").fill(NEW)
    page.get_by_role("button", name="Accept and create the account").click()
    expect(page.locator(".masthead-tenant")).to_have_text("Alice Assurance")
    admin.goto("/people")
    expect(admin.get_by_role("link", name="Zoe New", exact=True)).to_be_visible()


def test_a_link_for_a_new_password_ends_in_the_second_factor(
    open_page: Open, alice: Company, link_to: Links
) -> None:
    person = alice.people["admin"]
    give_real_password(person)
    give_app(person)
    page = open_page(None, "/forgotten")
    page.get_by_label("Mail address").fill(person.email)
    page.get_by_role("button", name="Send the link").click()
    page.goto(link_to("/new-password/"))
    page.get_by_label("New password").fill(NEW)
    page.get_by_label("The same again").fill(NEW)
    page.get_by_role("button", name="Set the password").click()
    page.wait_for_url(re.compile(r"/second-factor\b"))
    # Without the code no page opens.
    page.goto("/files")
    page.wait_for_url(re.compile(r"/second-factor\b"))
    page.locator("input[name=code]").first.fill(code_at(timezone.now()))
    page.locator("input[name=code]").first.press("Enter")
    expect(page.locator(".masthead-tenant")).to_have_text("Alice Assurance")


def test_the_page_of_a_removed_person_leads_to_the_sign_in(
    open_page: Open, alice: Company
) -> None:
    theirs = open_page(alice, "/files", role="uploader")
    expect(theirs.get_by_role("heading", level=1)).to_be_visible()
    person = alice.people["uploader"]
    admin = open_page(alice, f"/people/members/{person.pk}")
    admin.get_by_role("button", name=f"Remove {person.name}").click()
    admin.wait_for_url("**/people")
    theirs.goto("/upload")
    theirs.wait_for_url(re.compile(r"/sign-in\b"))
    assert_accessible(theirs)
