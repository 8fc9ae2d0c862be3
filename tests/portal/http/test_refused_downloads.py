"""A refused download shows a page in the browser, and JSON to programs."""

from typing import Any

import pytest
from django.test import Client

from portal.accounts.caller import Caller
from portal.errors import Refused
from portal.http import downloads
from tests.builders import Company
from tests.usage.files.customer_pages import signed_in

EVIDENCE = "/api/v1/statements/2026-05/evidence"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def test_a_person_gets_a_page_with_the_advice(alice: Company) -> None:
    client = signed_in(alice, "admin")
    answer = client.get(EVIDENCE, headers={"Accept": BROWSER})
    document = client.get(EVIDENCE).json()
    assert answer.status_code == 404
    assert answer["Content-Type"].startswith("text/html")
    html = answer.content.decode()
    assert document["title"] in html
    assert document["advice"] in html
    assert "no-store" in answer["Cache-Control"]


def test_a_person_without_the_permission_is_told_whom_to_ask(alice: Company) -> None:
    client = signed_in(alice, "viewer")
    answer = client.get(EVIDENCE, headers={"Accept": BROWSER})
    assert answer.status_code == 403
    assert "Whom to ask at <bdi>Alice" in answer.content.decode()


def test_a_person_whose_session_has_ended_signs_in_and_comes_back(
    alice: Company,
) -> None:
    answer = Client().get(EVIDENCE, headers={"Accept": BROWSER})
    assert answer.status_code == 302
    assert answer["Location"] == f"/sign-in?next={EVIDENCE}"


@pytest.mark.parametrize(
    "accept",
    [
        "*/*",
        "application/json",
        "application/json, text/html",
        "image/png",
        "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2",  # older Java
    ],
)
def test_programs_get_json(alice: Company, accept: str) -> None:
    answer = signed_in(alice).get(EVIDENCE, headers={"Accept": accept})
    assert answer.json()["code"]
    answer = Client().get(EVIDENCE, headers={"Accept": accept})
    assert answer.status_code == 401
    assert answer.json()["code"] == "sign-in-needed"


def test_a_token_or_a_change_gets_json_whatever_it_accepts(alice: Company) -> None:
    headers = {"Accept": BROWSER, "Authorization": "Bearer x"}
    answer = Client().get(EVIDENCE, headers=headers)
    assert answer.json()["code"] == "token-unknown"
    answer = signed_in(alice).post(EVIDENCE, headers={"Accept": BROWSER})
    assert answer.json()["code"] == "method-unknown"


def test_a_view_that_refuses_gives_its_slot_back_at_once() -> None:
    caller = Caller("somebody", 1, frozenset(), user_id=987)

    @downloads.with_retry_after
    def refusing(_request: Any) -> Any:
        downloads.Download(caller)
        raise Refused("not-found")

    # What holds the error holds the view's variables too, the download among them.
    kept = []
    for _ in range(downloads.SLOTS_OF_A_CALLER + 1):
        with pytest.raises(Refused) as error:
            refusing(None)
        kept.append(error.value)
    assert {one.code for one in kept} == {"not-found"}
