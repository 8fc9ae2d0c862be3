"""What a tenant has here that is not accepted is limited, before a body is read."""

import threading
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from portal.errors import Refused
from tests.builders import NOW, Company, Writer, digest_header
from tests.journeys.stored_files import Api, put
from usage.models import How
from usage.uploads import judge, quota, receive

DAY = date(2026, 5, 7)


@pytest.fixture(autouse=True)
def _few(settings: Any) -> None:
    settings.WAITING_FILES_LIMIT = 3


def unknown(company: Company) -> Writer:
    """A server whose files are held."""
    return company.writer("IC77")


def held(company: Company, count: int) -> list[bytes]:
    found = unknown(company).days(DAY, DAY + timedelta(days=count - 1))
    for data in found:
        assert company.send(data)[0].state == "held"
    return found


class WatchedBody:
    """A body that records whether it was read."""

    def __init__(self, data: bytes) -> None:
        self.data, self.is_read = data, False

    def __iter__(self) -> Iterator[bytes]:
        self.is_read = True
        yield self.data


def arrival(company: Company, data: bytes, how: How = How.API) -> Any:
    import hashlib

    return receive.IncomingFile(
        tenant_id=company.id,
        name="day.usg",
        size=len(data),
        sha256=hashlib.sha256(data).digest() if how == How.API else None,
        how=how,
        sent_by="test",
        received_at=NOW,
    )


def test_over_the_quota_a_file_is_refused_before_its_body_is_read(
    alice: Company,
) -> None:
    held(alice, 3)
    data = alice.server.day(DAY)
    body = WatchedBody(data)
    with pytest.raises(Refused) as refusal:
        judge.receive_and_judge(arrival(alice, data), body, at=NOW)
    assert refusal.value.code == "quota-full"
    assert not body.is_read


def test_the_api_says_so_with_507_and_whose_turn_it_is(
    alice: Company, api: Api
) -> None:
    held(alice, 3)
    answer = put(api, alice, alice.server.day(DAY))
    assert (answer.status_code, answer.json()["code"]) == (507, "quota-full")
    assert "confirms the keys" in answer.json()["advice"]


def test_accepted_and_rejected_files_do_not_count(alice: Company) -> None:
    for data in alice.server.days(DAY, DAY + timedelta(days=5)):
        assert alice.send(data)[0].state == "accepted"
    for number in range(5):
        assert alice.send(b"PK\x03\x04%d" % number)[0].state == "rejected"
    held(alice, 3)


def test_files_that_are_here_are_answered_as_such_over_the_quota(
    alice: Company, api: Api
) -> None:
    first, *_ = held(alice, 3)
    assert put(api, alice, first).json()["verdict"] == "already here"


def test_bytes_count_as_well(alice: Company, settings: Any) -> None:
    settings.WAITING_FILES_LIMIT = 0
    one, two = unknown(alice).days(DAY, DAY + timedelta(days=1))
    settings.WAITING_BYTES_LIMIT = len(one) + len(two) - 1
    assert alice.send(one)[0].state == "held"
    with pytest.raises(Refused, match="quota-full"):
        alice.send(two)
    settings.WAITING_BYTES_LIMIT += 1
    assert alice.send(two)[0].state == "held"


@pytest.mark.parametrize("how", [How.FORM, How.INBOX, How.API])
def test_every_way_in_is_limited_and_keeps_no_bytes(
    alice: Company, how: How, tmp_path: Path
) -> None:
    held(alice, 3)
    before = sorted(tmp_path.rglob("*.usg"))
    data = alice.server.day(DAY)
    with pytest.raises(Refused, match="quota-full"):
        judge.receive_and_judge(arrival(alice, data, how), iter([data]), at=NOW)
    assert sorted(tmp_path.rglob("*.usg")) == before


def test_a_decision_makes_room(alice: Company) -> None:
    held(alice, 3)
    alice.registered("IC88")
    from portal.db import unit_of_work
    from usage.models import FileState, UsageFile

    with unit_of_work.acting_for(alice.id):
        file = UsageFile.objects.filter(state=FileState.HELD).first()
        assert file is not None
        UsageFile.objects.filter(pk=file.pk).update(
            state=FileState.REFUSED, decision_reason="spam", decided_at=NOW
        )
    assert alice.send(alice.server.day(DAY))[0].state == "accepted"


def test_the_quota_is_each_tenants_own(alice: Company, charlie: Company) -> None:
    held(alice, 3)
    assert charlie.send(charlie.server.day(DAY))[0].state == "accepted"


def test_two_uploads_at_once_do_not_pass_the_quota_together(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    held(alice, 2)
    found = alice.writer("IC78").days(DAY, DAY + timedelta(days=3))
    # All have passed the check before the body when the first is written.
    meet = threading.Barrier(len(found), timeout=20)
    results: list[str] = []

    def work(data: bytes) -> None:
        def chunks() -> Iterator[bytes]:
            meet.wait()
            yield data

        try:
            judge.receive_and_judge(arrival(alice, data), chunks(), at=NOW)
            results.append("kept")
        except Refused as refusal:
            results.append(refusal.code)
        connection.close()

    threads = [threading.Thread(target=work, args=[data]) for data in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["kept", "quota-full", "quota-full", "quota-full"]
    assert len(alice.files()) == 3


def test_without_limits_everything_is_taken(alice: Company, settings: Any) -> None:
    settings.WAITING_FILES_LIMIT = settings.WAITING_BYTES_LIMIT = 0
    assert quota.UnacceptedFiles(10**6, 10**15).has_room(10**9)
    held(alice, 4)
    assert digest_header(b"")
