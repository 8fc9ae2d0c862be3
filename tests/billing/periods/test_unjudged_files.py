"""A received, unjudged file counts as waiting for the billing team."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.coverage.periods import Period
from billing.periods.queries import view_period
from portal.db import unit_of_work
from tests.builders import Company, Writer
from usage import tenant_keys
from usage.files import unjudged
from usage.models import FileState
from usage.storage import store
from usage.uploads import judge_pending

MAY = Period(2026, 5)
AFTER = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = date(2026, 5, 7)


def send_unjudged(company: Company, *files: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tenant_keys, "opening_key", lambda *_: 1 / 0)
        for data in files:
            assert company.send(data)[0].state == FileState.RECEIVED


def cells(company: Company) -> dict[tuple[str, date], str]:
    with unit_of_work.acting_for(company.id, reading=True):
        calendar = view_period(MAY, at=AFTER).judgement.calendar
    return {key: cell.state.value for key, cell in calendar.cells.items()}


def test_a_file_that_could_not_be_judged_is_with_us(alice: Company) -> None:
    days = alice.server.days(MAY.starts_on, MAY.ends_on)
    for data in days[:9]:
        alice.send(data)
    send_unjudged(alice, *days[9:])
    found = [state for _, state in sorted(cells(alice).items())]
    assert found == ["received"] * 9 + ["with us"] * 21


@pytest.mark.parametrize("name", ["IC01", "ic01", "Ic01"])
def test_a_known_server_is_meant_whatever_the_case(alice: Company, name: str) -> None:
    send_unjudged(alice, alice.writer(name).day(DAY))
    found = cells(alice)
    assert {server for server, _ in found} == {"IC01"}
    assert found["IC01", DAY] == "with us"


def test_a_server_that_nobody_knows_is_with_us_once(alice: Company) -> None:
    pair = alice.writer("x").pair
    one, two = (alice.writer(name, pair=pair) for name in ("IC77", "ic77"))
    send_unjudged(alice, one.day(DAY), two.day(DAY + timedelta(days=1)))
    found = cells(alice)
    names = {server for server, _ in found} - {"IC01"}
    assert len(names) == 1
    (name,) = names
    assert found[name, DAY] == found[name, DAY + timedelta(days=1)] == "with us"


def test_what_cannot_be_read_or_is_another_tenants_says_nothing(
    alice: Company, charlie: Company
) -> None:
    foreign = Writer(charlie.number, "IC66", charlie.zone, charlie.sealing_public)
    gone = alice.writer("IC55").day(DAY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("usage.uploads.judge.judge", lambda *_, **__: 1 / 0)
        for data in (b"rubbish", foreign.day(DAY)):
            alice.send(data)
        file, _ = alice.send(gone)
    store.remove(file.stored_as)
    assert set(cells(alice).values()) == {"missing"}
    assert {server for server, _ in cells(alice)} == {"IC01"}
    assert "with us" not in cells(charlie).values()


def test_a_claim_counts_until_the_verdict_only(alice: Company) -> None:
    other = alice.writer("IC77")
    damaged = bytearray(other.day(DAY))
    damaged[-1] ^= 1
    send_unjudged(alice, bytes(damaged))
    assert cells(alice)["IC77", DAY] == "with us"
    assert judge_pending.judge_pending(at=AFTER) == 1
    assert {server for server, _ in cells(alice)} == {"IC01"}


def test_what_waits_costs_the_same_however_many_there_are(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = []
    for number in (1, 12):
        server = alice.registered(f"IC{number:02}")
        first = MAY.starts_on
        send_unjudged(alice, *server.days(first, first + timedelta(days=number)))
        with CaptureQueriesContext(connection) as made:
            cells(alice)
        counted.append(len(made))
    assert counted[0] == counted[1]
    # And the bytes that are looked at are bounded.
    monkeypatch.setattr(unjudged, "MOST", 3)
    with unit_of_work.acting_for(alice.id, reading=True):
        assert len(unjudged.unjudged_files(alice.number)) == 3
