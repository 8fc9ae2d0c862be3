"""The API checks for known files, and pages through the list of files."""

import hashlib
import json
from datetime import date
from typing import Any
from uuid import uuid4

import pytest

from portal.db import unit_of_work
from portal.errors import Refused
from tests.builders import NOW, Company
from tests.journeys.stored_files import Api
from usage import tenant_keys
from usage.files import queries as file_queries
from usage.files.queries import WantedFile
from usage.models import FileState
from usage.review import decide

DAY = date(2026, 5, 7)


def states(company: Company, *wanted: WantedFile) -> list[str | None]:
    with unit_of_work.acting_for(company.id, reading=True):
        here = file_queries.find_kept(wanted)
    return [file.state if file else None for file in here]


def by_hash(data: bytes) -> WantedFile:
    return WantedFile(size=len(data), sha256=hashlib.sha256(data).digest())


def by_tail(data: bytes) -> WantedFile:
    return WantedFile(size=len(data), tail=data[-64:])


def test_a_damaged_copy_is_not_taken_for_the_file(alice: Company) -> None:
    whole = alice.server.day(DAY)
    damaged = whole[:-70] + bytes([whole[-70] ^ 1]) + whole[-69:]
    with pytest.MonkeyPatch.context() as patch:
        # Nobody has checked its signature yet.
        patch.setattr(tenant_keys, "opening_key", lambda *_: 1 / 0)
        alice.send(damaged)
    found = states(alice, by_tail(whole), by_hash(whole), by_hash(damaged))
    assert found == [None, None, FileState.RECEIVED]


def test_a_file_whose_signature_was_checked_is_known_by_its_tail(
    alice: Company,
) -> None:
    accepted, held = alice.server.day(DAY), alice.writer("IC77").day(DAY)
    refused = alice.writer("IC78").day(DAY)
    for data in (accepted, held):
        alice.send(data)
    file, _ = alice.send(refused)
    decide.refuse(alice.id, file_id=file.pk, by="clerk", at=NOW, reason="No.")
    wanted = [
        ask(data) for ask in (by_tail, by_hash) for data in (accepted, held, refused)
    ]
    known = [FileState.ACCEPTED, FileState.HELD, FileState.REFUSED]
    assert states(alice, *wanted) == known * 2


def test_a_list_does_not_begin_again_after_a_file_that_is_not_there(
    alice: Company, charlie: Company, api: Api
) -> None:
    alice.send(alice.server.day(DAY))
    theirs, _ = charlie.send(charlie.server.day(DAY))
    for unknown in (uuid4(), theirs.pk):
        answer = api("GET", f"/files?after={unknown}", token=alice.token)
        assert (answer.status_code, answer.json()["code"]) == (422, "input-invalid")
        with pytest.raises(Refused), unit_of_work.acting_for(alice.id, reading=True):
            file_queries.files(file_queries.FileFilter(), after=unknown, most=1)


def ask(api: Api, company: Company, questions: list[object]) -> Any:
    body = json.dumps({"files": questions}).encode()
    json_body = {"data": body, "content_type": "application/json"}
    return api("POST", "/files/check", token=company.token, **json_body)


GOOD = {"name": "a.usg", "size": 7, "sha256": "0" * 64}


@pytest.mark.parametrize(
    ("bad", "name", "where"),
    [
        ({**GOOD, "sha256": "no"}, "a.usg", "sha256"),
        ({**GOOD, "sha256": 7}, "a.usg", "sha256"),
        ({**GOOD, "size": -1}, "a.usg", "size"),
        ({**GOOD, "size": "many"}, "a.usg", "size"),
        ({**GOOD, "size": 2**70}, "a.usg", "size"),
        ({**GOOD, "tail": "ff"}, "a.usg", "tail"),
        ({"name": "a.usg", "size": 7}, "a.usg", "sha256 or tail"),
        ({"name": "a.usg", "sha256": "0" * 64}, "a.usg", "size"),
        ({**GOOD, "name": "x" * 5_001}, "x" * 255, "name"),
        ({**GOOD, "name": "IC01_\udcff.usg"}, "IC01_\ufffd.usg", "name"),
        ({**GOOD, "name": None}, "", "name"),
        (None, "", "size"),
        ("a.usg", "", "size"),
        ([], "", "size"),
    ],
)
def test_a_question_that_is_wrong_is_marked_and_the_others_are_answered(
    alice: Company, api: Api, bad: object, name: str, where: str
) -> None:
    data = alice.server.day(DAY)
    alice.send(data)
    here = {**GOOD, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    questions = [GOOD, bad, here]
    answer = ask(api, alice, questions)
    assert answer.status_code == 200
    needed, unclear, kept = answer.json()["files"]
    assert (needed["is_needed"], needed["problem"]) == (True, None)
    assert (kept["is_needed"], kept["file"]["state"]) == (False, "accepted")
    # A client that does not know `problem` sends the file, and gets its verdict.
    assert (unclear["name"], unclear["is_needed"], unclear["file"]) == (
        name,
        True,
        None,
    )
    problem = unclear["problem"]
    assert problem["code"] == "input-invalid"
    assert where in problem["advice"]
    assert "%" not in problem["advice"]


def test_one_wrong_question_among_a_thousand_affects_no_other(
    alice: Company, api: Api
) -> None:
    questions: list[object] = [GOOD] * 1_000
    questions[500] = {"name": "\udcff"}
    answer = ask(api, alice, questions)
    marked = [one["problem"] is not None for one in answer.json()["files"]]
    assert marked == [number == 500 for number in range(1_000)]
    # More than that are refused as a whole.
    assert ask(api, alice, [GOOD] * 1_001).status_code == 422
