"""A real browser on the real web server, and conditions that fail every page."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.test import Client
from playwright.sync_api import (
    Browser,
    Page,
    Playwright,
    sync_playwright,
)

from portal.accounts.passwords import NormalisingScryptHasher
from portal.db import unit_of_work
from portal.models import StaffRole, User
from portal.tenants import create
from tests.browser.charlie import CSRF, assert_sees_nothing
from tests.builders import NOW, PASSWORD, Company, Writer
from tests.journeys.live_server import RunningPortal, link_static_files, running_portal

NAMES = ("chromium", "chromium-browser", "google-chrome")

# A root's Chromium has no sandbox to enter; nothing of it may ask the outside.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        # Its loop runs in this thread; Django takes that for asynchronous code.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
        yield running


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    found = os.environ.get("CHROMIUM") or next(
        filter(None, map(shutil.which, NAMES)), None
    )
    assert found, "no Chromium: install it, or set WITHOUT_BROWSER=1"
    running = playwright.chromium.launch(
        executable_path=found,
        args=ARGUMENTS,
        # As people's browsers are: *Back* shows a page that was kept in memory.
        ignore_default_args=["--disable-back-forward-cache"],
    )
    yield running
    running.close()


@pytest.fixture
def portal(db: None, tmp_path: Path, worker_id: str) -> Iterator[RunningPortal]:
    """The test's own portal; no answer may be a 5xx, nothing may be in its log."""
    link_static_files(tmp_path)
    with running_portal(
        tmp_path,
        database=f"test_portal_{worker_id}",
        changes={"S3_BUCKET": f"tests-{worker_id}"},
    ) as running:
        yield running


def session_cookie(user: User, portal: RunningPortal) -> Any:
    """A session as signing in makes it, without the time that a password takes."""
    client = Client()
    client.force_login(user)
    value = client.cookies[settings.SESSION_COOKIE_NAME].value
    return {"name": settings.SESSION_COOKIE_NAME, "value": value, "url": portal.address}


def give_real_password(user: User) -> None:
    """Hash as the running portal does; tests have a faster way among themselves."""
    user.password = make_password(PASSWORD, hasher=NormalisingScryptHasher())
    user.save(update_fields=["password"])


Open = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, portal: RunningPortal) -> Iterator[Open]:
    """Open a page in a context of its own, signed in as a person or as nobody.

    Whatever the page asks of another host, and whatever it breaks of its own content
    policy, fails the test.
    """
    faults: list[str] = []
    contexts = []

    def open_as(
        who: Company | None, path: str, *, role: str = "admin", **options: object
    ) -> Page:
        context = browser.new_context(base_url=portal.address, **options)  # type: ignore[arg-type]  # playwright's own options
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "console",
            lambda message: (
                faults.append(message.text)
                if "Content Security Policy" in message.text
                else None
            ),
        )
        page.on(
            "request",
            lambda request: (
                faults.append(f"asks {request.url}")
                if not request.url.startswith((portal.address, "data:", "blob:"))
                else None
            ),
        )
        page.on(
            "response",
            lambda response: (
                faults.append(f"{response.status} {response.url}")
                if response.status >= 500
                else None
            ),
        )
        if who is not None:
            context.add_cookies([session_cookie(who.people[role], portal)])
        page.goto(path)
        return page

    yield open_as
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def charlie_sees_nothing(
    browser: Browser, portal: RunningPortal, alice: Company, charlie: Company
) -> Iterator[None]:
    """Let Charlie look, at the end of the test, for what it has made of Alice's."""
    yield
    context = browser.new_context(base_url=portal.address)
    cookie = session_cookie(charlie.people["admin"], portal)
    csrf = {"name": "csrftoken", "value": CSRF, "url": portal.address}
    context.add_cookies([cookie, csrf])  # type: ignore[list-item]  # playwright's own form
    assert_sees_nothing(context.request, charlie, of=alice)
    context.close()


@pytest.fixture
def clerk(db: None) -> Company:
    """Somebody of the billing staff, who belongs to no company at all."""
    with unit_of_work.acting_for(unit_of_work.STAFF):
        person = create.add_person(
            email="clara@vendor.example",
            name="Clara Clerk",
            password=PASSWORD,
            staff_role=StaffRole.CLERK,
            at=NOW,
        )
    return Company(
        id=0,
        number="",
        zone="UTC",
        token="",
        sealing_public=b"",
        server=Writer(tenant="", name="", zone="UTC", sealing_public=b""),
        people={"clerk": person},
    )
