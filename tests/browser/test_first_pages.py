"""The first pages: sign-in, home, the API's documentation."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open, give_real_password
from tests.builders import PASSWORD, Company

pytestmark = pytest.mark.browser


def test_somebody_signs_in_and_sees_their_company(
    open_page: Open, alice: Company
) -> None:
    give_real_password(alice.people["admin"])
    page = open_page(None, "/")
    page.wait_for_url("**/sign-in?next=/")
    page.get_by_label("Mail address").fill(alice.people["admin"].email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Alice Assurance").first).to_be_visible()
    page.get_by_text("admin of Alice Assurance").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")
    page.goto("/")
    page.wait_for_url("**/sign-in?next=/")


def test_a_wrong_password_is_told_and_lets_nobody_in(
    open_page: Open, alice: Company
) -> None:
    page = open_page(None, "/sign-in")
    page.get_by_label("Mail address").fill(alice.people["admin"].email)
    page.get_by_label("Password").fill("guessed")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("belong together")).to_be_visible()


def test_the_api_is_documented_from_here_alone(open_page: Open) -> None:
    page = open_page(None, "/api/v1/docs")
    for endpoint in ("PUT /api/v1/files/{name}", "GET /api/v1/periods/{period}"):
        expect(page.get_by_role("heading", name=endpoint)).to_be_visible()
