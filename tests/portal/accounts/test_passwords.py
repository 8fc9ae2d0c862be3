"""New passwords: by a link in a mail, or with the current password."""

from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from django.conf import settings
from django.test import Client
from django.utils import timezone

from portal.db import unit_of_work
from portal.models import User
from portal.typed_text.clean import one_line
from tests.builders import PASSWORD, Company
from tests.portal.accounts.sign_in_form import is_signed_in, sign_in
from tests.portal.mail.sent_mails import html_of, links_of, path_of_link, sent

NEW = "a goose walks over the bridge"


def ask(email: str, **more: Any) -> Any:
    return Client(**more).post("/forgotten", {"email": email})


def choose(client: Client, path: str, password: str = NEW) -> Any:
    form = client.get(path, follow=True)
    [(there, _status)] = form.redirect_chain
    return client.post(there, {"password1": password, "password2": password})


def test_a_link_in_a_mail_sets_a_new_password_and_signs_in(alice: Company) -> None:
    assert ask("Admin@A-100.example").headers["Location"] == "/forgotten/sent"
    [message] = sent()
    assert message.to == ["admin@a-100.example"]
    assert message.from_email == settings.DEFAULT_FROM_EMAIL
    client = Client()
    response = choose(client, path_of_link(message))
    assert response.headers["Location"] == "/"
    assert is_signed_in(client)
    fresh = Client()
    sign_in(fresh, "admin@a-100.example")
    assert not is_signed_in(fresh)
    sign_in(fresh, "admin@a-100.example", NEW)
    assert is_signed_in(fresh)


def test_a_link_works_once(alice: Company) -> None:
    ask("admin@a-100.example")
    path = path_of_link(sent()[0])
    choose(Client(), path)
    page = Client().get(path)
    assert b"This link no longer works." in page.content


def test_a_link_works_for_three_days(alice: Company) -> None:
    ask("admin@a-100.example")
    path = path_of_link(sent()[0])
    for seconds, works in ((-60, True), (60, False)):
        moment = timezone.now().timestamp() + settings.PASSWORD_RESET_TIMEOUT + seconds
        with time_machine.travel(moment, tick=False):
            assert (Client().get(path).status_code == 302) is works


@pytest.mark.parametrize(
    "path",
    [
        "/new-password/1/set-password",
        "/new-password/zzzzzzzzzzzzzzzz/x-y",
        "/new-password/%00/%00",
        "/new-password/1y2p0ij32e8e7/x",
        "/new-password/-1/x",
    ],
)
def test_a_link_that_was_made_up_lets_nobody_in(alice: Company, path: str) -> None:
    client = Client()
    for answer in (client.get(path), client.post(path, {"password1": NEW})):
        assert answer.status_code == 200
        assert b"This link no longer works." in answer.content
    assert not is_signed_in(client)


def test_the_answer_is_the_same_for_an_address_without_an_account(
    alice: Company,
) -> None:
    known, unknown = ask("admin@a-100.example"), ask("nobody@a-100.example")
    assert known.headers["Location"] == unknown.headers["Location"]
    assert known.content == unknown.content
    assert [message.to for message in sent()] == [["admin@a-100.example"]]


def test_a_closed_account_gets_no_link(alice: Company) -> None:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        User.objects.filter(email="admin@a-100.example").update(is_active=False)
    ask("admin@a-100.example")
    assert sent() == []


@pytest.mark.parametrize("header", ["HTTP_HOST", "HTTP_X_FORWARDED_HOST"])
def test_links_are_built_from_the_portals_own_address(
    alice: Company, settings: Any, header: str
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    settings.PORTAL_ADDRESS = "https://portal.example"
    ask("admin@a-100.example", **{header: "evil.example"})
    [message] = sent()
    assert {urlsplit(link).netloc for link in links_of(message)} == {"portal.example"}
    assert "evil" not in message.message().as_string()


def test_a_host_that_is_not_ours_is_not_answered(alice: Company) -> None:
    response = ask("admin@a-100.example", HTTP_HOST="evil.example")
    assert response.status_code == 400
    assert sent() == []


def test_nobody_fills_somebodys_inbox(alice: Company) -> None:
    answers = []
    for _ in range(6):
        answers.append(ask("admin@a-100.example").status_code)
        # Of requests that wait together only the last one gets a link.
        sent()
    assert answers == [302] * 5 + [429]
    assert len(sent()) == 5
    same = [ask("nobody@a-100.example").status_code for _ in range(6)]
    assert same == answers


def test_the_link_lets_in_whom_too_many_tries_have_shut_out(alice: Company) -> None:
    for _ in range(6):
        sign_in(Client(), "admin@a-100.example", "guessed at random")
    ask("admin@a-100.example")
    choose(Client(), path_of_link(sent()[0]))
    client = Client()
    sign_in(client, "admin@a-100.example", NEW)
    assert is_signed_in(client)


def test_a_link_signs_out_whoever_else_was_signed_in(alice: Company) -> None:
    ask("admin@a-100.example")
    other = Client()
    other.force_login(alice.people["viewer"])
    choose(other, path_of_link(sent()[0]))
    assert b"admin of Alice Assurance" in other.get("/").content


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ("short", "short", "at least 12 characters"),
        ("qwertyuiop123", "qwertyuiop123", "too common"),
        (NEW, f"{NEW}!", "same password"),
    ],
)
def test_a_weak_or_mistyped_password_is_not_taken(
    alice: Company, first: str, second: str, told: str
) -> None:
    client = Client()
    client.force_login(alice.people["admin"])
    passwords = {"password1": first, "password2": second}
    page = client.post("/change-password", {"oldpassword": PASSWORD, **passwords})
    assert page.status_code == 200
    assert told in page.content.decode()


def test_a_password_is_changed_by_who_knows_it(alice: Company) -> None:
    client, elsewhere = Client(), Client()
    for one in (client, elsewhere):
        sign_in(one, "admin@a-100.example")
    key = client.session.session_key
    wrong = {"oldpassword": "guessed", "password1": NEW, "password2": NEW}
    page = client.post("/change-password", wrong)
    assert b"not your current password" in page.content
    done = client.post("/change-password", {**wrong, "oldpassword": PASSWORD})
    assert done.headers["Location"] == "/change-password?changed=yes"
    page = client.get(done.headers["Location"])
    assert b"Your password is changed." in page.content
    assert client.session.session_key != key
    assert is_signed_in(client)
    assert not is_signed_in(elsewhere)
    about_browser, message = sent()
    assert about_browser.subject.startswith("New browser")
    assert message.subject == "Your password was changed"
    assert "127.0.0.1" in message.body


def test_the_old_password_cannot_be_guessed_from_an_open_session(
    alice: Company,
) -> None:
    client = Client()
    client.force_login(alice.people["admin"])
    wrong = {"oldpassword": "guessed", "password1": NEW, "password2": NEW}
    answers = [client.post("/change-password", wrong).status_code for _ in range(11)]
    assert answers == [200] * 10 + [429]


def test_a_mail_carries_its_look_in_its_elements_and_nothing_from_elsewhere(
    alice: Company,
) -> None:
    ask("admin@a-100.example")
    [message] = sent()
    html = html_of(message)
    assert 'class="button" href="http' in html
    assert "background: #1f3f94" in html
    assert "&#x27;Segoe UI&#x27;" in html
    assert html.count("<style>") == 1
    assert "prefers-color-scheme: dark" in html
    assert "<table" not in html
    assert "src=" not in html
    own = {settings.PORTAL_ADDRESS}
    assert {link[: len(settings.PORTAL_ADDRESS)] for link in links_of(message)} == own
    assert message.subject == "Your link for a new password"


def test_what_a_name_holds_is_text_in_a_mail(alice: Company) -> None:
    name = "Eve\r\nBcc: all@evil.example <b>"
    with unit_of_work.acting_for(unit_of_work.STAFF):
        # Names are stored cleaned; the database refuses others.
        User.objects.filter(email="admin@a-100.example").update(name=one_line(name))
    ask("admin@a-100.example")
    [message] = sent()
    assert "<b>" not in html_of(message)
    assert message.message()["Bcc"] is None
