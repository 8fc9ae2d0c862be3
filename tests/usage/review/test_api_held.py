"""A held file by API, from the first answer to the calendar."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import time_machine
from django.test import Client

from portal.db import unit_of_work
from tests.builders import NOW, Company
from tests.journeys.stored_files import Api, assert_rows_and_bytes_agree, code_of, put
from usage.models import FileState, Forwarding

DAY = date(2026, 5, 18)


@pytest.fixture(autouse=True)
def _in_may() -> Iterator[None]:
    with time_machine.travel(NOW):
        yield


def states(api: Api, company: Company, server: str) -> dict[str, str]:
    """The calendar's row of a server, as the API tells it."""
    period = api("GET", "/periods/2026-05", token=company.token).json()
    rows = {row["server"]: row["days"] for row in period["calendar"]}
    return {cell["day"]: cell["state"] for cell in rows.get(server, [])}


def confirm(company: Company, server: str, key: str) -> Any:
    path = f"/servers/{quote(server, safe='')}/keys/{key}/confirm"
    client = Client(raise_request_exception=False)
    client.force_login(company.people["admin"])
    return client.generic("POST", f"/api/v1{path}")


def proposed_key(api: Api, company: Company, server: str) -> str:
    found = api("GET", "/servers", token=company.token).json()["servers"]
    keys = next(one["keys"] for one in found if one["name"] == server)
    return str(next(key["fingerprint"] for key in keys if key["state"] == "proposed"))


@pytest.mark.parametrize(
    "server",
    ["IC77", "ic 77", "dc1/IC77", "B\u00fcro-\u96fb\u8a71", "a?b#c%d", "\U0001f600"],
)
def test_a_file_of_an_unknown_server_counts_once_its_key_is_confirmed(
    alice: Company, api: Api, tmp_path: Path, server: str
) -> None:
    writer = alice.writer(server)
    data = writer.day(DAY)
    first = put(api, alice, data)
    assert (first.status_code, first.json()["verdict"]) == (201, "held")
    assert code_of(first) == "signer-unknown"
    assert put(api, alice, data).json()["verdict"] == "already here"
    # It waits for us, and is owed all the same.
    assert states(api, alice, server)[str(DAY)] == "with us"

    key = proposed_key(api, alice, server)
    confirmed = confirm(alice, server, key)
    assert (confirmed.status_code, confirmed.json()["state"]) == (200, "confirmed")

    file = api("GET", f"/files/{first.json()['file']['id']}", token=alice.token).json()
    assert (file["state"], file["problems"]) == ("accepted", [])
    assert states(api, alice, server)[str(DAY)] == "received"
    assert put(api, alice, data).json()["verdict"] == "already here"
    assert_rows_and_bytes_agree(alice, tmp_path)


def test_confirming_again_changes_nothing(alice: Company, api: Api) -> None:
    put(api, alice, alice.writer("IC77").day(DAY))
    key = proposed_key(api, alice, "IC77")
    first, second = (confirm(alice, "IC77", key) for _ in range(2))
    assert first.json() == second.json()


def test_a_months_held_files_are_all_judged_by_one_confirmation(
    alice: Company, api: Api
) -> None:
    days = alice.writer("IC77").days(DAY - timedelta(days=9), DAY)
    for data in reversed(days):
        assert put(api, alice, data).json()["verdict"] == "held"
    confirm(alice, "IC77", proposed_key(api, alice, "IC77"))
    assert {file.state for file in alice.files()} == {FileState.ACCEPTED}
    assert len(alice.files()) == 10


def test_the_key_of_one_server_does_not_speak_for_another(
    alice: Company, api: Api
) -> None:
    put(api, alice, alice.writer("IC77").day(DAY))
    put(api, alice, alice.writer("IC78").day(DAY))
    key = proposed_key(api, alice, "IC77")
    assert confirm(alice, "IC78", key).status_code == 404
    confirm(alice, "IC77", key)
    by_server = {one.server.name: one.state for one in alice.files() if one.server}
    assert by_server == {"IC77": "accepted", "IC78": "held"}


def test_a_held_file_goes_nowhere(alice: Company, api: Api) -> None:
    held = put(api, alice, alice.writer("IC77").day(DAY)).json()["file"]
    assert not held["is_safe_to_delete"]
    with unit_of_work.acting_for(alice.id, reading=True):
        assert not Forwarding.objects.exists()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"day": date(2027, 6, 22)}, "clock-ahead"),
        ({"day": date(2015, 6, 22)}, "clock-behind"),
    ],
)
def test_a_genuine_file_of_a_wrong_clock_is_held_and_never_rejected(
    alice: Company, api: Api, changes: dict[str, Any], code: str
) -> None:
    response = put(api, alice, alice.server.day(changes["day"]))
    assert (response.status_code, response.json()["verdict"]) == (201, "held")
    assert code in code_of(response).split(",")


def test_other_contents_under_a_number_that_is_taken_are_held(
    alice: Company, api: Api
) -> None:
    first = alice.server.day(DAY)
    alice.server.sequence -= 1
    alice.server.previous = None
    second = alice.server.day(DAY)
    assert put(api, alice, first, name="first.usg").json()["verdict"] == "accepted"
    response = put(api, alice, second, name="second.usg")
    assert (response.json()["verdict"], code_of(response)) == ("held", "sequence-taken")
    assert "first.usg" in response.json()["file"]["problems"][0]["advice"]
    assert states(api, alice, "IC01")[str(DAY)] == "received"


@pytest.mark.parametrize(
    ("known", "sent"),
    [
        ("ic\u0131", "IC\u0130"),
        ("i\u0307c", "\u0130C"),
        ("IC\u0130", "ici"),
        ("\u1e9e1", "\u00df1"),
        ("\u03a31", "\u03c21"),
        ("\u01c51", "\u01c41"),
        ("IC01", "ic01"),
        ("\u03a9X", "\u03c9x"),
        ("\u13a0", "\uab70"),
        ("\u1c80", "\u0412"),
    ],
)
def test_a_servers_name_in_other_capitals_is_judged_too(
    alice: Company, api: Api, known: str, sent: str
) -> None:
    """Upper and lower case do not undo each other in every script."""
    alice.registered(known)
    response = put(api, alice, alice.writer(sent).day(DAY))
    assert response.json()["verdict"] == "held"
    assert json.loads(response.content)["file"]["server"] in {known, sent}
