"""Owed days by server, licence and first day, and when a day ends, by example."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.coverage.calendar import (
    CellReason,
    CellReasonCode,
    CellState,
    HeldFact,
    Mode,
)
from billing.coverage.periods import day_ends_at, zone_named
from tests.billing.coverage.berlin_tenant import (
    AFTER,
    BERLIN,
    FIRST,
    HOUR,
    LAST,
    SERIES,
    automated,
    days_in,
    may,
    month,
    none,
    noon,
    owed,
    server,
    states,
    without,
)
from tests.billing.coverage.random_histories import HistoryWriter, daily, day_begins_at

pytestmark = pytest.mark.plain


def test_nothing_is_owed_before_the_tenants_first_day() -> None:
    found = owed(month(), first_on=may(10))
    assert (found.owed, found.is_complete) == (18, True)
    assert ("IC01", may(9)) not in found.cells


def test_a_server_owes_from_its_first_day_to_its_last() -> None:
    found = owed([], servers=(server(first=may(3), retired=may(6)),))
    assert days_in(found, CellState.MISSING) == [3, 4, 5, 6]
    assert found.cells["IC01", may(3)].why == CellReason(CellReasonCode.NO_FILES)


def test_a_file_before_the_first_owed_day_contradicts_it() -> None:
    found = owed(month()[11:], servers=(server(first=may(20)),))
    assert days_in(found, CellState.MISSING) == []
    assert found.owed == 26
    assert min(states(found)) == may(2)


def test_a_file_after_the_last_owed_day_ends_the_retirement() -> None:
    files = daily(first=FIRST, last=may(12))
    found = owed(files, servers=(server(retired=may(12)),))
    assert (found.owed, found.is_complete) == (15, True)
    found = owed(files, servers=(server(retired=may(11)),))
    assert (found.owed, len(found.missing)) == (30, 15)


@pytest.mark.parametrize(
    ("closed_by", "state"),
    [
        ("shutdown", CellState.RECEIVED),
        ("restart", CellState.PARTIAL),
        ("clock", CellState.PARTIAL),
        ("crash", CellState.PARTIAL),
    ],
)
def test_shut_down_on_the_day_it_was_retired_is_its_end(
    closed_by: str, state: CellState
) -> None:
    writer = HistoryWriter("IC01", BERLIN, SERIES)
    files = list(writer.run(day_begins_at(FIRST, BERLIN), noon(may(5)), closed_by))
    found = owed(files, servers=(server(retired=may(5)),))
    assert states(found)[may(5)] is state
    assert owed(files, servers=(server(retired=may(6)),)).owed == 9


def test_a_retirement_does_not_hide_numbers_missing_on_its_day() -> None:
    writer = HistoryWriter("IC01", BERLIN, SERIES)
    begin, stop = day_begins_at(FIRST, BERLIN), noon(may(5), 8)
    files = [
        *writer.run(begin, stop, "restart"),
        *writer.run(stop, stop + HOUR, "restart"),
        *writer.run(stop + HOUR, stop + 2 * HOUR, "shutdown"),
    ]
    found = owed(without(files, 9), servers=(server(retired=may(5)),))
    assert days_in(found, CellState.PARTIAL) == [5]


def test_a_server_known_only_from_its_files_is_owed_too() -> None:
    found = owed(month(server="IC07"), servers=())
    assert (found.owed, found.is_complete) == (30, True)


def test_a_server_known_only_from_held_files_is_owed_too() -> None:
    files = daily("IC07", first=may(10), last=may(12))
    held = tuple(HeldFact(server="IC07", received_at=AFTER, file=f) for f in files)
    found = owed([], servers=(), held=held)
    assert found.owed == 30
    assert days_in(found, CellState.WITH_US, "IC07")[-3:] == [10, 11, 12]
    assert found.cells["IC07", may(11)].why == CellReason(CellReasonCode.HELD)
    assert days_in(found, CellState.MISSING, "IC07") == list(range(13, 28))
    assert not found.is_complete


def test_a_held_file_without_a_day_makes_its_server_known() -> None:
    found = owed([], servers=(), held=(HeldFact(server="IC07", received_at=AFTER),))
    assert len(days_in(found, CellState.MISSING, "IC07")) == 30


def test_a_collecting_tenant_without_servers_is_incomplete() -> None:
    found = owed([], servers=())
    assert found.lacks_servers
    assert not found.is_complete
    assert not found.owes_nothing


def test_without_a_licence_nothing_is_owed() -> None:
    found = owed([], collects=none)
    assert found.owes_nothing
    assert found.owed == 0
    assert not found.lacks_servers


def test_a_licence_that_begins_mid_period_owes_from_then() -> None:
    found = owed([], collects=lambda day: Mode.MANUAL if day >= may(20) else Mode.NONE)
    assert days_in(found, CellState.MISSING) == list(range(20, 28))


def test_a_file_contradicts_that_no_licence_collected() -> None:
    found = owed(month()[:10], collects=none)
    assert days_in(found, CellState.RECEIVED) == [28, 29, 30]
    assert {cell.mode for cell in found.cells.values()} == {Mode.NONE}


def test_a_gap_under_automated_upload_is_a_fault() -> None:
    found = owed(without(month(), 12), collects=automated)
    [missing] = found.missing
    assert missing.is_fault
    assert not found.is_complete


def test_a_day_that_is_not_over_where_the_server_is_is_pending() -> None:
    files = [fact for fact in month() if fact.day < may(20)]
    tonight = day_ends_at(may(20), zone_named(BERLIN))
    found = owed(files, at=tonight - timedelta(seconds=1))
    assert days_in(found, CellState.PENDING) == list(range(20, 28))
    assert found.has_pending
    assert not found.is_complete
    assert found.cells["IC01", may(20)].why == CellReason(CellReasonCode.RUNNING)
    found = owed(files, at=tonight)
    assert days_in(found, CellState.MISSING) == [20]


def test_pending_goes_by_the_servers_zone_or_that_of_its_last_file() -> None:
    at = datetime(2026, 5, 27, 12, tzinfo=UTC)
    east, west = "Pacific/Kiritimati", "Pacific/Pago_Pago"
    found = owed([], servers=(server("E", zone=east), server("W", zone=west)), at=at)
    assert states(found, "E")[LAST] is CellState.MISSING
    assert states(found, "W")[may(26)] is CellState.MISSING
    assert states(found, "W")[LAST] is CellState.PENDING
    files = daily("E", first=FIRST, last=may(20), zone=east)
    held = daily("W", first=FIRST, last=may(20), zone=west)
    found = owed(
        files,
        servers=(),
        held=(
            *(HeldFact(server="W", received_at=at, file=f) for f in held),
            HeldFact(server="X", received_at=at),
        ),
        at=at,
    )
    assert states(found, "E")[LAST] is CellState.MISSING
    assert states(found, "W")[LAST] is CellState.PENDING
    assert states(found, "X")[LAST] is CellState.PENDING  # the tenant's zone
    found = owed([], servers=(server(zone="Mars/Olympus"),), at=at + 23 * HOUR)
    assert states(found)[LAST] is CellState.PENDING
    found = owed([], servers=(server(zone="Mars/Olympus"),), at=at + 24 * HOUR)
    assert states(found)[LAST] is CellState.MISSING


def test_files_sent_early_count() -> None:
    files = [fact for fact in month() if fact.day < may(20)]
    found = owed(files, at=noon(may(19)))
    assert days_in(found, CellState.RECEIVED)[-1] == 19
    assert found.covered == 22
