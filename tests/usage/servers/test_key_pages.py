"""The page of a server key: its state, and the forms that refuse or revoke it."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
import time_machine

from portal.db import unit_of_work
from tests.builders import NOW, Company
from tests.usage.files.customer_pages import page, signed_in
from usage.models import FileState, KeyState, ServerKey
from usage.servers.forms import RevokeKeyForm
from usage.usg.keyfiles import Purpose, public_text

DAY = date(2026, 5, 7)
WHY = "The machine was stolen."

# Berlin sets its clocks back on 25 October: 02:30 is there twice.
AFTER_CHANGE = datetime(2026, 10, 26, tzinfo=UTC)


def key_of(company: Company, server: str = "IC01") -> ServerKey:
    with unit_of_work.acting_for(company.id, reading=True):
        return ServerKey.objects.get(server__name=server)


def proposed(company: Company) -> ServerKey:
    company.send(company.writer("IC77").day(DAY))
    return key_of(company, "IC77")


def post(company: Company, key: ServerKey, act: str, **sent: str) -> Any:
    client = signed_in(company, "admin")
    with time_machine.travel(NOW, tick=False):
        return client.post(f"/servers/keys/{key.pk}/{act}", sent, follow=True)


def form(**sent: str) -> RevokeKeyForm:
    return RevokeKeyForm(
        {"reason": WHY, **sent}, zone="Europe/Berlin", now=AFTER_CHANGE
    )


# The form, without a database


@pytest.mark.plain
def test_without_a_day_a_key_is_revoked_from_now_on() -> None:
    given = form()
    assert given.is_valid()
    assert given.revoked_from() is None


@pytest.mark.plain
@pytest.mark.parametrize(
    ("day", "time", "since"),
    [
        ("2026-05-07", "", datetime(2026, 5, 6, 22, tzinfo=UTC)),
        ("2026-05-07", "14:30", datetime(2026, 5, 7, 12, 30, tzinfo=UTC)),
        # Of the two times the earlier one: more files are listed.
        ("2026-10-25", "02:30", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        # There is no such time: the clocks went from 02:00 to 03:00.
        ("2026-03-29", "02:30", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
    ],
)
def test_a_day_and_a_time_are_those_of_the_tenants_zone(
    day: str, time: str, since: datetime
) -> None:
    given = form(day=day, time=time)
    assert given.is_valid()
    assert given.revoked_from() == since


@pytest.mark.plain
@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ({"time": "14:30"}, "Which day is it?"),
        ({"day": "2026-10-27"}, "time is in the future"),
        ({"day": "2026-10-26", "time": "01:01"}, "time is in the future"),
        ({"day": "0001-01-01"}, "more than ten years away"),
        ({"day": "9999-12-31"}, "more than ten years away"),
        ({"day": "yesterday"}, "Enter a valid date"),
        ({"day": "2026-05-07", "time": "late"}, "Enter a valid time"),
        ({"reason": " "}, "required"),
    ],
)
def test_what_cannot_be_an_instant_or_a_reason_is_told_beside_its_field(
    sent: dict[str, str], text: str
) -> None:
    given = form(**sent)
    assert not given.is_valid()
    assert text in str(given.errors)


# The page


def test_an_admin_revokes_a_key_from_an_earlier_time_on(alice: Company) -> None:
    alice.send(alice.server.day(DAY))
    key = key_of(alice)
    assert "Files signed with this key count." in page(
        alice, f"/servers/keys/{key.pk}", role="admin"
    )
    seen = post(alice, key, "revoke", day="2026-05-08", reason=WHY).content.decode()
    assert "is revoked: files signed with it that are received since" in seen
    assert "1 file that was received since is accepted already" in seen
    assert "This key is revoked" in seen
    assert f"“{WHY}”" in seen
    assert "Revoke this key" not in seen
    assert alice.files()[0].state == FileState.ACCEPTED
    assert "revoked" in page(alice, "/servers")


def test_an_admin_refuses_a_key_and_reads_what_becomes_of_its_files(
    alice: Company,
) -> None:
    key = proposed(alice)
    assert "Refuse this key" in page(alice, "/servers", role="admin")
    seen = post(alice, key, "refuse", reason=WHY).content.decode()
    assert f"The key {key.fingerprint} of IC77 is refused." in seen
    assert "1 file that is held for it waits for the billing team." in seen
    assert "A server key waits to be confirmed" not in page(alice, "/servers")
    [file] = alice.files()
    shown = page(alice, f"/files/{file.pk}", role="admin")
    assert "It is waiting for the billing team." in shown
    assert "that was refused" in shown


@pytest.mark.parametrize("act", ["refuse", "revoke"])
def test_without_a_reason_nothing_is_decided_and_the_form_is_shown_again(
    alice: Company, act: str
) -> None:
    key = proposed(alice) if act == "refuse" else key_of(alice)
    answer = post(alice, key, act, reason=" ", day="2026-05-08")
    assert answer.status_code == 422
    assert "This field is required." in answer.content.decode()
    assert key_of(alice, "IC77" if act == "refuse" else "IC01").state == key.state


@pytest.mark.parametrize("reason", ["", WHY])
def test_the_second_of_two_admins_is_told(alice: Company, reason: str) -> None:
    key = key_of(alice)
    post(alice, key, "revoke", reason="First.")
    for act in ("revoke", "refuse"):
        seen = post(alice, key, act, reason=reason).content.decode()
        assert ("your decision was not made" in seen) is bool(reason)
        assert "“First.”" in seen


def test_a_form_of_another_state_is_not_shown(alice: Company) -> None:
    answer = post(alice, key_of(alice), "refuse", reason="")
    assert answer.status_code == 422
    assert "Revoke this key" in answer.content.decode()
    assert key_of(alice).state == KeyState.CONFIRMED


def test_others_see_the_key_and_no_forms(alice: Company) -> None:
    key = proposed(alice)
    for one in (key, key_of(alice)):
        seen = page(alice, f"/servers/keys/{one.pk}", role="uploader")
        assert one.fingerprint in seen
        assert "this key</button>" not in seen


def test_a_key_of_another_tenant_is_not_found(alice: Company, charlie: Company) -> None:
    key = key_of(alice)
    client = signed_in(charlie, "admin")
    assert client.get(f"/servers/keys/{key.pk}").status_code == 404
    for act in ("refuse", "revoke"):
        for reason in ("", WHY):
            assert post(charlie, key, act, reason=reason).status_code == 404
    assert client.get(f"/servers/keys/{10**30}").status_code == 404


def test_a_key_that_has_ended_cannot_be_registered_again(alice: Company) -> None:
    post(alice, key_of(alice), "revoke", reason=WHY)
    text = public_text(Purpose.SIGNING, alice.server.pair.public)
    answer = signed_in(alice, "admin").post(
        "/servers/register", {"name": "IC01", "key_text": text}
    )
    assert answer.status_code == 409
    assert "This key of the server is revoked." in answer.content.decode()


# The API


def test_a_token_never_confirms_a_key_and_a_person_does(
    alice: Company, api: Any
) -> None:
    key = proposed(alice)
    path = f"/servers/IC77/keys/{key.fingerprint}/confirm"
    for scope in ("read", "upload"):
        answer = api("POST", path, token=alice.issue(scope))
        assert (answer.status_code, answer.json()["code"]) == (403, "people-only")
    # A session beside the token does not help it.
    both = api("POST", path, token=alice.token, person=alice.people["admin"])
    assert both.json()["code"] == "people-only"
    assert key_of(alice, "IC77").state == KeyState.PROPOSED
    confirmed = api("POST", path, person=alice.people["admin"])
    assert (confirmed.status_code, confirmed.json()["state"]) == (200, "confirmed")


def test_the_api_checks_where_a_persons_request_to_confirm_comes_from(
    alice: Company,
) -> None:
    key = proposed(alice)
    path = f"/api/v1/servers/IC77/keys/{key.fingerprint}/confirm"
    client = signed_in(alice, "admin", enforce_csrf_checks=True)
    answer = client.generic("POST", path)
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf-missing")
    assert key_of(alice, "IC77").state == KeyState.PROPOSED


def test_the_api_shows_that_a_key_is_revoked_and_why(alice: Company, api: Any) -> None:
    post(alice, key_of(alice), "revoke", day="2026-05-08", reason=WHY)
    [server] = api("GET", "/servers", token=alice.token).json()["servers"]
    [key] = server["keys"]
    assert (key["state"], key["end_reason"]) == ("revoked", WHY)
    assert key["revoked_from"] == "2026-05-07T22:00:00Z"
    path = f"/servers/IC01/keys/{key['fingerprint']}/confirm"
    answer = api("POST", path, person=alice.people["admin"])
    assert (answer.status_code, answer.json()["code"]) == (409, "key-revoked")
