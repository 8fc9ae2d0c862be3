"""The API checks for known files, and pages through the list of files."""

import hashlib
from datetime import date
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
