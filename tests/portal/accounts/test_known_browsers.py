"""Browsers that are known: counts of their own, and mails about others."""

from typing import Any

import pytest
from django.conf import settings
from django.core import signing
from django.test import Client

from portal.db import unit_of_work
from portal.models import EventKind, SecurityEvent
from tests.builders import PASSWORD, Company
from tests.portal.accounts.sign_in_form import is_signed_in, sign_in
from tests.portal.mail.sent_mails import sent

COOKIE = settings.KNOWN_BROWSER_COOKIE_NAME
ADMIN, VIEWER = "admin@a-100.example", "viewer@a-100.example"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Firefox/140.0"


def leave_and_enter(client: Client, email: str = ADMIN) -> bool:
    client.post("/sign-out")
    sign_in(client, email)
    return is_signed_in(client)


def fail(client: Client, times: int, email: str = ADMIN) -> Any:
    answers = [sign_in(client, email, "guessed at random") for _ in range(times)]
    return answers[-1]


def kinds() -> list[str]:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        return list(SecurityEvent.objects.order_by("pk").values_list("kind", flat=True))


def test_a_known_browser_is_not_locked_out_by_strangers(alice: Company) -> None:
    owner, stranger = Client(), Client()
    sign_in(owner, ADMIN)
    owner.post("/sign-out")
    # From the same network address, so that nothing else tells them apart.
    assert b"Try again in 15 minutes" in fail(stranger, 6).content
    sign_in(owner, ADMIN)
    assert is_signed_in(owner)
    sign_in(stranger, ADMIN)
    assert not is_signed_in(stranger)


def test_a_known_browser_has_a_limit_too(alice: Company) -> None:
    client = Client()
    sign_in(client, ADMIN)
    client.post("/sign-out")
    fail(client, 10)
    sign_in(client, ADMIN)
    assert not is_signed_in(client)
    # It is of this browser.
    other = Client()
    sign_in(other, ADMIN)
    assert is_signed_in(other)


def test_a_browser_is_known_for_the_person_who_used_it(alice: Company) -> None:
    client = Client()
    sign_in(client, VIEWER)
    client.post("/sign-out")
    fail(client, 5)
    sign_in(client, ADMIN)
    assert not is_signed_in(client)


def test_a_new_password_ends_what_was_known_of_the_old_one(alice: Company) -> None:
    guessed, here = Client(), Client()
    for client in (guessed, here):
        sign_in(client, ADMIN)
    new = "a goose walks over the bridge"
    sent_form = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    here.post("/change-password", sent_form)
    fail(guessed, 5)
    assert b"too many wrong tries" in fail(guessed, 1).content
    here.post("/sign-out")
    sign_in(here, ADMIN, new)
    assert is_signed_in(here)


@pytest.mark.parametrize("cookie", ["", "x", "\0", "a:b:c", "é" * 99])
def test_a_made_up_cookie_is_of_no_known_browser(alice: Company, cookie: str) -> None:
    client = Client()
    client.cookies[COOKIE] = cookie
    fail(client, 5)
    assert b"too many wrong tries" in fail(client, 1).content


def test_another_signature_of_the_portal_is_no_known_browser(alice: Company) -> None:
    client = Client()
    forged = {"id": "x", "people": [[alice.people["admin"].pk, "0" * 16]]}
    client.cookies[COOKIE] = signing.dumps(forged)
    fail(client, 5)
    assert b"too many wrong tries" in fail(client, 1).content


def test_a_new_browser_is_mailed_but_not_the_first(alice: Company) -> None:
    first = Client()
    sign_in(first, ADMIN)
    assert leave_and_enter(first)
    assert sent() == []
    second = Client(headers={"User-Agent": FIREFOX}, REMOTE_ADDR="192.0.2.7")
    sign_in(second, ADMIN)
    assert leave_and_enter(second)
    [message] = sent()
    assert message.to == [ADMIN]
    assert "Firefox on Windows" in message.body
    assert "192.0.2.7" in message.body
    assert kinds().count(EventKind.NEW_BROWSER) == 1


def test_a_browser_that_forgets_its_cookies_fills_no_inbox(alice: Company) -> None:
    for _ in range(8):
        sign_in(Client(), ADMIN)
    assert len(sent()) == 5
    assert kinds().count(EventKind.NEW_BROWSER) == 7


def test_several_people_use_a_browser(alice: Company) -> None:
    client = Client()
    for email in (ADMIN, VIEWER):
        sign_in(client, email)
        client.post("/sign-out")
    for email in (ADMIN, VIEWER):
        assert leave_and_enter(client, email)
    assert kinds().count(EventKind.NEW_BROWSER) == 0
