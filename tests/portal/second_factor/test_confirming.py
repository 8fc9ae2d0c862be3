"""What needs a fresh sign-in: the confirmation, and the form that is shown again."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from portal.models import EventKind, SecurityEvent, User
from tests.builders import PASSWORD, Company
from tests.portal.second_factor.people import (
    code_at,
    give_app,
    hidden,
    text_of,
    type_password,
)

FORM = "/people/late-contact"


@pytest.fixture
def person(alice: Company) -> User:
    return alice.people["admin"]


@pytest.fixture
def stale(person: User) -> Iterator[Client]:
    """A client whose sign-in is a quarter of an hour old."""
    client = Client()
    client.force_login(person)
    with time_machine.travel(timezone.now() + timedelta(minutes=15), tick=True):
        yield client


def test_a_page_leads_to_the_confirmation_and_back(stale: Client) -> None:
    set_up = "/second-factor/set-up"
    assert stale.get(set_up)["Location"] == f"/confirm?next={set_up}"
    answer = stale.post("/confirm", {"password": PASSWORD, "next": set_up})
    assert answer["Location"] == set_up
    assert stale.get(set_up).status_code == 200
    events = SecurityEvent.objects.filter(kind=EventKind.SIGNED_IN_AGAIN)
    assert events.count() == 1


def test_a_form_is_shown_again_filled_and_sent_by_the_person(
    stale: Client, alice: Company
) -> None:
    fields = {"address": 'chief"<@a-100.example', "for-customer": alice.number}
    refused = stale.post(FORM, fields, headers={"Referer": "http://testserver/people"})
    assert refused.status_code == 403
    assert "Nothing was done yet" in text_of(refused)
    carried = {"carried": hidden(refused, "carried"), "next": hidden(refused, "next")}
    assert carried["next"] == "/people"
    # The wrong password first: the form is not lost.
    again = stale.post("/confirm", {**carried, "password": "guessed"})
    assert hidden(again, "carried") == carried["carried"]
    page = stale.post("/confirm", {**carried, "password": PASSWORD})
    html = page.content.decode()
    assert f'<form method="post" action="{FORM}">' in html
    assert 'href="/people"' in html
    assert hidden(page, "address") == fields["address"]
    assert hidden(page, "for-customer") == alice.number
    assert "Address chief" in text_of(page)
    # Now it is fresh: the same form is accepted or refused by its own view.
    assert "Confirm your identity" not in text_of(stale.post(FORM, fields))


def test_nothing_of_a_refused_form_is_kept_in_the_session(stale: Client) -> None:
    stale.post(FORM, {"address": "chief@a-100.example"})
    assert "chief" not in str(dict(stale.session.items()))


def test_passwords_are_not_carried(stale: Client) -> None:
    typed = {"oldpassword": "guessed", "password1": "hush hush hush"}
    refused = stale.post("/change-password", typed)
    assert refused.status_code == 403
    assert "guessed" not in refused.content.decode()
    assert "hush" not in refused.content.decode()
    sent = {"carried": hidden(refused, "carried"), "password": PASSWORD}
    page = stale.post("/confirm", sent)
    assert "fill in the form again" in text_of(page)


def test_files_are_not_carried_and_have_to_be_chosen_again(stale: Client) -> None:
    # Files of plain forms are dropped before; the form counts as it is.
    file = SimpleUploadedFile("day.usg", b"bytes")
    refused = stale.post(FORM, {"address": "chief@a-100.example", "file": file})
    assert b"bytes" not in refused.content


def test_a_form_of_another_site_is_refused_as_such(person: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(person)
    with time_machine.travel(timezone.now() + timedelta(minutes=15), tick=True):
        answer = client.post(FORM, {"address": "chief@a-100.example"})
    assert answer.status_code == 403
    assert "did not come from a page of this portal" in text_of(answer)
    assert "chief@" not in answer.content.decode()


@pytest.mark.parametrize(
    "action",
    ["https://evil.example/", "//evil.example/", "/files", "/sign-out", "/none"],
)
def test_only_forms_of_ours_that_need_it_come_back(stale: Client, action: str) -> None:
    carried = f'["{action}", "/people", [["a", "b"]], true]'
    answer = stale.post("/confirm", {"carried": carried, "password": PASSWORD})
    assert answer["Location"] == "/"


@pytest.mark.parametrize(
    "page", ["https://evil.example/", "//evil.example", "javascript:x"]
)
def test_the_way_back_leads_to_own_pages_only(stale: Client, page: str) -> None:
    carried = f'["{FORM}", "{page}", [], true]'
    sent = {"carried": carried, "password": PASSWORD, "next": page}
    assert stale.post("/confirm", sent)["Location"] == "/"


def test_the_largest_form_is_carried_through(stale: Client) -> None:
    refused = stale.post(FORM, {"address": "x" * 60_000})
    carried = hidden(refused, "carried")
    assert len(carried) > 60_000
    answer = stale.post("/confirm", {"carried": carried, "password": PASSWORD})
    assert answer.status_code == 200
    assert len(hidden(answer, "address")) == 60_000


def test_programs_get_json(stale: Client) -> None:
    answer = stale.generic("POST", "/api/v1/servers/x/keys/y/confirm")
    assert (answer.status_code, answer.json()["code"]) == (403, "sign-in-not-fresh")


def test_who_has_a_second_factor_confirms_with_it_and_not_with_the_password(
    person: User,
) -> None:
    codes = give_app(person)
    client = type_password(person.email)
    client.post("/second-factor", {"code": codes[0]})
    with time_machine.travel(timezone.now() + timedelta(minutes=15), tick=True):
        page = client.get("/confirm")
        assert 'name="password"' not in page.content.decode()
        client.post("/confirm", {"password": PASSWORD})
        assert is_stale(client)
        client.post("/confirm", {"code": code_at(timezone.now())})
        assert not is_stale(client)


def is_stale(client: Client) -> bool:
    return bool(client.get("/second-factor/set-up").status_code == 302)


def test_five_wrong_passwords_end_the_guessing_at_an_open_screen(
    stale: Client,
) -> None:
    for _ in range(5):
        assert "not your current password" in text_of(
            stale.post("/confirm", {"password": "x"})
        )
    answer: Any = stale.post("/confirm", {"password": PASSWORD})
    assert "5 wrong tries" in text_of(answer)
    assert is_stale(stale)
