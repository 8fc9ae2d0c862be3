"""Passkeys, codes and recovery codes, with Chromium's virtual authenticator."""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from portal.accounts.sign_in_facts import has_second_factor
from portal.models import EventKind, SecurityEvent, User
from portal.second_factor.queries import factors_of
from portal.stack import ports
from tests.browser.axe import assert_accessible
from tests.browser.conftest import give_real_password
from tests.builders import PASSWORD, Company
from tests.journeys.live_server import RunningPortal, link_static_files, running_portal
from tests.portal.second_factor.people import code_at, give_app

pytestmark = pytest.mark.browser

EMAIL = "admin@a-100.example"


@pytest.fixture
def portal(
    db: None, tmp_path: Path, worker_id: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RunningPortal]:
    """A portal at localhost: browsers offer no passkeys at an IP address."""
    link_static_files(tmp_path)
    port = ports.find_free()
    monkeypatch.setattr(ports, "find_free", lambda: port)
    changes = {"PORTAL_ADDRESS": f"http://localhost:{port}"}
    database = f"test_portal_{worker_id}"
    with running_portal(tmp_path, database=database, changes=changes) as running:
        yield running


Visit = Callable[..., Page]


@pytest.fixture
def visit(browser: Browser, portal: RunningPortal) -> Iterator[Visit]:
    """Open a page in a browser of its own, with an authenticator that says yes."""
    contexts = []

    def open_page(path: str, *, host: str = "localhost", **look: Any) -> Page:
        base = f"http://{host}:{portal.port}"
        context = browser.new_context(base_url=base, **look)
        contexts.append(context)
        page = context.new_page()
        add_authenticator(page)
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()


def add_authenticator(page: Page) -> None:
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})


@pytest.fixture
def person(alice: Company) -> User:
    user = alice.people["admin"]
    give_real_password(user)
    return user


def type_password(page: Page) -> None:
    page.get_by_label("Mail address").fill(EMAIL)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def add_passkey(page: Page, name: str) -> None:
    page.goto("/second-factor/set-up/passkey")
    assert_accessible(page)
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Add a passkey").click()


def at(path: str) -> re.Pattern[str]:
    return re.compile(rf"^http://localhost:\d+{path}$")


def sign_out(page: Page) -> None:
    page.context.clear_cookies()
    page.goto("/sign-in")


@pytest.fixture
def with_passkey(visit: Visit, person: User) -> Page:
    """The page of somebody who has just set a passkey up."""
    page = visit("/sign-in?next=/files")
    type_password(page)
    expect(page).to_have_url(at("/files"))
    add_passkey(page, "work laptop")
    expect(page.get_by_text("Keep these recovery codes")).to_be_visible()
    return page


def test_a_passkey_is_added_once_to_each_device(with_passkey: Page) -> None:
    page = with_passkey
    assert_accessible(page)
    page.get_by_role("link", name="I have saved the codes").click()
    page.goto("/second-factor/manage")
    expect(page.get_by_label("New name of work laptop")).to_have_value("work laptop")
    add_passkey(page, "again")
    expect(page.get_by_role("alert")).to_contain_text("has a passkey for this account")


def test_a_passkey_signs_in_alone_as_second_factor_and_again(
    with_passkey: Page, person: User
) -> None:
    page = with_passkey
    sign_out(page)
    page.goto("/sign-in?next=/uploads")
    assert_accessible(page)
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page).to_have_url(at("/uploads"))

    sign_out(page)
    type_password(page)
    expect(page).to_have_url(at("/second-factor"))
    assert_accessible(page)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page).to_have_url(at("/"))

    page.goto("/confirm?next=/files")
    assert_accessible(page)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page).to_have_url(at("/files"))
    kinds = SecurityEvent.objects.filter(user=person).values_list("kind", flat=True)
    assert list(kinds).count(EventKind.SIGNED_IN) == 3
    assert EventKind.SIGNED_IN_AGAIN in kinds


def test_a_passkey_of_another_browser_is_not_accepted(
    visit: Visit, with_passkey: Page
) -> None:
    other = visit("/sign-in")
    other.get_by_role("button", name="Sign in with a passkey").click()
    expect(other.get_by_role("alert")).to_contain_text("cancelled, or it took too long")
    assert_accessible(other)


def test_a_passkey_that_was_made_for_another_origin_is_refused(
    visit: Visit, person: User, portal: RunningPortal
) -> None:
    page = visit("/sign-in")
    type_password(page)
    page.wait_for_url("**/")
    page.goto("/second-factor/set-up/passkey")
    page.route(
        "**/second-factor/set-up/passkey",
        lambda route: route.continue_(
            post_data=with_origin(route.request.post_data or "")
        ),
    )
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("was not accepted")
    assert not has_second_factor(person.pk)


def with_origin(body: str) -> str:
    """Write another origin into what the browser sends, as a false site would."""
    fields = dict(parse_qsl(body, keep_blank_values=True))
    fields["credential"] = forged(fields["credential"])
    return urlencode(fields)


def forged(credential: str) -> str:
    given = json.loads(credential)
    text = given["response"]["clientDataJSON"]
    data = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    data["origin"] = "http://localhost:1"
    raw = urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")
    given["response"]["clientDataJSON"] = raw
    return json.dumps(given)


def test_an_app_is_set_up_and_a_recovery_code_replaces_it(
    visit: Visit, person: User
) -> None:
    page = visit(
        "/sign-in", viewport={"width": 360, "height": 740}, color_scheme="dark"
    )
    type_password(page)
    page.wait_for_url("**/")
    page.goto("/second-factor/set-up")
    assert_accessible(page)
    page.get_by_role("link", name="Set up an authenticator app").click()
    expect(page.get_by_alt_text("QR code")).to_be_visible()
    assert page.locator("img").evaluate("one => one.naturalWidth") > 0
    assert_accessible(page)
    secret = (page.locator("code").text_content() or "").replace(" ", "")
    page.get_by_label("Code").fill(code_at(timezone.now(), secret=secret))
    page.get_by_role("button", name="Set up the authenticator app").click()
    code = page.locator("ol code").first.text_content() or ""
    assert re.fullmatch(r"\d{4} \d{4} \d{4}", code)
    sign_out(page)
    type_password(page)
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("This code is not right")).to_be_visible()
    assert_accessible(page)
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/")
    assert factors_of(person.pk).codes_left == 9


def test_codes_work_without_script(visit: Visit, person: User) -> None:
    give_app(person)
    page = visit("/sign-in", java_script_enabled=False)
    expect(page.get_by_text("Passkeys need JavaScript")).to_be_visible()
    type_password(page)
    page.get_by_label("Code").fill(code_at(timezone.now()))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("admin of Alice Assurance").first).to_be_attached()


def test_at_another_address_the_page_says_where_passkeys_work(
    visit: Visit, person: User, portal: RunningPortal
) -> None:
    page = visit("/sign-in", host=ports.LOOPBACK)
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_have_count(0)
    link = page.get_by_role("link", name=f"http://localhost:{portal.port}/")
    expect(link).to_be_visible()
