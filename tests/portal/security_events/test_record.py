"""Security events: a row and a log line each, bounded, and without any secret."""

import json
import logging

import pytest
from django.test import Client

from portal import tasks
from portal.http.log_formatter import RedactingFormatter
from portal.models import EventKind
from portal.security_events import record as recording
from tests.builders import Company
from tests.portal.accounts.sign_in_form import sign_in
from tests.portal.second_factor.people import give_app
from tests.portal.security_events.recorded import events

ADMIN = "admin@a-100.example"
AGENT = 'Evil/1 "}\u202e\u2028 usg_abcdefghijklmnop' + "x" * 400


def test_a_wrong_password_is_recorded_for_its_owner(alice: Company) -> None:
    sign_in(Client(REMOTE_ADDR="192.0.2.7"), ADMIN, "guessed at random")
    sign_in(Client(), "nobody@a.example", "guessed at random")
    known, unknown = events(EventKind.SIGN_IN_FAILED)
    assert known["user_id"] == alice.people["admin"].pk
    assert known["address"] == "192.0.2.7"
    assert unknown["user_id"] is None
    # What was typed may be a password.
    assert "nobody" not in json.dumps(unknown, default=str)


def test_tries_that_are_refused_are_recorded(alice: Company) -> None:
    for _ in range(7):
        sign_in(Client(), ADMIN, "guessed at random")
    assert len(events(EventKind.SIGN_IN_FAILED)) == 5
    assert len(events(EventKind.SIGN_IN_LOCKED)) == 2


def test_a_flood_writes_a_bounded_number_of_rows(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "ANONYMOUS_PER_HOUR", 3)
    for number in range(6):
        # All of one network.
        client = Client(REMOTE_ADDR=f"2001:db8:1:2::{number}")
        sign_in(client, f"p{number}@a.example", "guessed at random")
    assert len(events(EventKind.SIGN_IN_FAILED)) == 3
    sign_in(Client(REMOTE_ADDR="192.0.2.7"), ADMIN, "guessed at random")
    assert len(events(EventKind.SIGN_IN_FAILED)) == 4
    monkeypatch.setattr(recording, "ALL_PER_HOUR", 4)
    sign_in(Client(REMOTE_ADDR="192.0.2.8"), ADMIN, "guessed at random")
    assert len(events(EventKind.SIGN_IN_FAILED)) == 4


def test_an_unknown_token_is_recorded_by_its_hash(
    alice: Company, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "usg_" + "S3cret" * 7
    with caplog.at_level(logging.INFO, logger="portal.security"):
        answer = Client().get(
            "/api/v1/files", headers={"Authorization": f"Bearer {secret}"}
        )
    assert answer.status_code == 401
    [event] = events(EventKind.TOKEN_UNKNOWN)
    assert len(event["details"]["digest"]) == 8
    assert "S3cret" not in json.dumps(event, default=str) + caplog.text


def test_a_refusal_by_role_is_recorded_for_people_and_tokens(alice: Company) -> None:
    client = Client()
    client.force_login(alice.people["viewer"])
    assert client.get("/people/security-events").status_code == 403
    reading = {"Authorization": f"Bearer {alice.issue('read')}"}
    refused = Client().put("/api/v1/files/a.usg", data=b"x", headers=reading)
    assert refused.status_code in {403, 411, 415}
    person, *others = events(EventKind.REFUSED)
    assert person["user_id"] == alice.people["viewer"].pk
    assert person["tenant_id"] == alice.id
    assert person["details"] == {"endpoint": "member-events", "method": "GET"}
    assert [one["actor"] for one in others] in ([], ["token read"])


def test_refusals_of_one_person_are_bounded(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "REFUSED_PER_HOUR", 2)
    client = Client()
    client.force_login(alice.people["viewer"])
    for _ in range(4):
        client.get("/people/security-events")
    assert len(events(EventKind.REFUSED)) == 2


def test_wrong_passkeys_of_one_person_are_bounded(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "FACTOR_FAILED_PER_HOUR", 2)
    client = Client()
    give_app(alice.people["viewer"])
    client.force_login(alice.people["viewer"])
    for _ in range(4):
        client.post("/confirm", {"credential": "x"})
    assert len(events(EventKind.FACTOR_FAILED)) == 2


def test_an_event_is_one_line_of_json_that_the_log_cleans(
    alice: Company, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="portal.security"):
        sign_in(Client(headers={"User-Agent": AGENT}), ADMIN)
    [line] = [one for one in caplog.records if one.name == "portal.security"]
    text = RedactingFormatter("%(message)s").format(line)
    assert "\n" not in text
    assert "abcdefghijklmnop" not in text
    found = json.loads(line.getMessage())
    assert found["event"] == "signed-in"
    assert found["user"] == alice.people["admin"].pk
    [event] = events(EventKind.SIGNED_IN)
    assert len(event["agent"]) <= 300
    assert "\u202e" not in event["agent"]


def test_a_link_that_was_requested_is_recorded_once_its_mail_is_sent(
    alice: Company,
) -> None:
    for email in (ADMIN, "nobody@a.example"):
        Client(REMOTE_ADDR="192.0.2.7").post("/forgotten", {"email": email})
    assert events(EventKind.PASSWORD_LINK) == []
    tasks.send_account_mails()
    [event] = events(EventKind.PASSWORD_LINK)
    assert event["user_id"] == alice.people["admin"].pk
    assert event["address"] == "192.0.2.7"
