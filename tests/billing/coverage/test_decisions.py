"""Excuses, files awaiting review, and the files a calendar needs, by example."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import pytest

from billing.coverage.calendar import (
    CellReason,
    CellReasonCode,
    CellState,
    ExcuseKind,
    FileFact,
    FileGap,
    HeldFact,
    TenantFacts,
    calendar,
)
from billing.coverage.series import one_per_number
from billing.coverage.window import select_files
from tests.billing.coverage.berlin_tenant import (
    AFTER,
    BERLIN,
    FIRST,
    HOUR,
    LAST,
    MAY,
    SERIES,
    days_in,
    excuse,
    manual,
    may,
    month,
    noon,
    owed,
    states,
    two_series,
    without,
)
from tests.billing.coverage.random_histories import (
    DAY,
    HistoryWriter,
    daily,
    day_begins_at,
    sha,
)

pytestmark = pytest.mark.plain


def test_down_excuses_days_that_nothing_proves() -> None:
    files = [fact for fact in month() if fact.day < may(20)]
    days = frozenset({may(20), may(21)})
    found = owed(files, excuses=(excuse(ExcuseKind.DOWN, days=days),))
    assert days_in(found, CellState.EXCUSED) == [20, 21]
    assert found.cells["IC01", may(20)].why == CellReason(CellReasonCode.DOWN)
    assert days_in(found, CellState.MISSING) == list(range(22, 28))


def test_a_file_or_a_gap_that_contradicts_down_ends_it() -> None:
    days = frozenset({may(1), may(2), may(3)})
    down = (excuse(ExcuseKind.DOWN, days=days),)
    found = owed(without(month(), 12), excuses=down)
    assert days_in(found, CellState.MISSING) == [2]
    assert days_in(found, CellState.EXCUSED) == []
    days = frozenset({may(5), may(6), may(7), may(8)})
    down = (excuse(ExcuseKind.DOWN, days=days),)
    found = owed(two_series(linked=False), excuses=down)
    assert days_in(found, CellState.EXCUSED) == [6, 7]
    assert days_in(found, CellState.PARTIAL) == [5, 8]


# The old series ends on 30 April at noon; the new one has its number 5 on 2 May.
def after_reinstallation(*, opened_at: datetime, first: int = 5) -> list[FileFact]:
    writer = HistoryWriter("IC01", BERLIN, SERIES)
    old = writer.run(day_begins_at(FIRST, BERLIN), noon(FIRST + 2 * DAY), "shutdown")
    files = list(old)
    writer.reinstall(UUID(int=2), is_linked=False)
    writer.sequence = first - 1
    end = day_begins_at(LAST + DAY, BERLIN)
    return [*files, *writer.run(opened_at, end, "midnight")]


def test_numbers_missing_before_the_first_of_a_later_series_contradict_down() -> None:
    files = after_reinstallation(opened_at=day_begins_at(may(2), BERLIN))
    down = excuse(ExcuseKind.DOWN, days=frozenset({may(1)}))
    found = owed(files, excuses=(down,))
    assert states(found)[may(1)] is CellState.MISSING
    why = CellReason(CellReasonCode.BETWEEN_SERIES, SERIES, 3)
    assert found.cells["IC01", may(1)].why == why
    # Nor is it waiting for us while the excuse is only asked for.
    asked = replace(down, approved_at=None)
    assert states(owed(files, excuses=(asked,)))[may(1)] is CellState.MISSING


def test_down_counts_again_once_no_number_before_a_later_series_is_missing() -> None:
    files = after_reinstallation(opened_at=day_begins_at(may(2), BERLIN))
    down = excuse(ExcuseKind.DOWN, days=frozenset({may(1)}))
    lost = excuse(
        ExcuseKind.LOST, series=UUID(int=2), first_sequence=1, last_sequence=4
    )
    found = owed(files, excuses=(down, lost))
    assert states(found)[may(1)] is CellState.EXCUSED
    assert found.cells["IC01", may(1)].why == CellReason(CellReasonCode.DOWN)
    # The numbers alone do not prove the time between the two series.
    assert states(owed(files, excuses=(lost,)))[may(1)] is CellState.MISSING
    rest = replace(lost, last_sequence=3)
    found = owed(files, excuses=(down, rest))
    assert states(found)[may(1)] is CellState.MISSING
    # A later series from number 1 on leaves no number open.
    files = after_reinstallation(opened_at=day_begins_at(may(2), BERLIN), first=1)
    assert states(owed(files, excuses=(down,)))[may(1)] is CellState.EXCUSED


def test_down_waits_with_us_for_files_that_are_missing_before_a_later_series() -> None:
    files = after_reinstallation(
        opened_at=day_begins_at(may(2), BERLIN) - HOUR, first=1
    )
    held, rest = files[3], [*files[:3], *files[4:]]
    assert (held.day, held.sequence) == (may(1), 1)
    down = excuse(ExcuseKind.DOWN, days=frozenset({may(1)}))
    waiting = HeldFact(server="IC01", received_at=AFTER, file=held)
    found = owed(rest, excuses=(down,))
    assert states(found)[may(1)] is CellState.MISSING
    other = replace(held, day=may(2), opened_at=day_begins_at(may(2), BERLIN))
    waiting = replace(waiting, file=other)
    found = owed(rest, excuses=(down,), held=(waiting,))
    assert states(found)[may(1)] is CellState.WITH_US


def test_numbers_missing_without_time_between_two_series_leave_their_trace() -> None:
    writer = HistoryWriter("IC01", BERLIN, SERIES)
    begin, end = day_begins_at(FIRST, BERLIN), day_begins_at(LAST + DAY, BERLIN)
    middle = day_begins_at(may(8), BERLIN)
    files = list(writer.run(begin, middle, "midnight"))
    writer.reinstall(UUID(int=2), is_linked=False)
    writer.sequence = 4
    files += writer.run(middle, end, "midnight")
    found = owed(files)
    assert days_in(found, CellState.PARTIAL) == [7, 8]
    [gap] = found.missing_files
    assert gap == FileGap("IC01", UUID(int=2), 1, 4, may(7), may(8))
    lost = excuse(
        ExcuseKind.LOST, series=UUID(int=2), first_sequence=1, last_sequence=4
    )
    assert days_in(owed(files, excuses=(lost,)), CellState.EXCUSED) == [7, 8]


def test_lost_stands_and_a_file_beats_it() -> None:
    days = frozenset({may(1), may(2), may(3)})
    lost = (excuse(ExcuseKind.LOST, days=days),)
    found = owed(without(month(), 12), excuses=lost)
    assert days_in(found, CellState.EXCUSED) == [2]
    assert found.cells["IC01", may(2)].why == CellReason(CellReasonCode.LOST)
    assert found.missing_files == ()
    assert found.is_complete
    assert days_in(owed(month(), excuses=lost), CellState.EXCUSED) == []


def test_lost_by_number_excuses_the_days_once_no_number_is_left() -> None:
    files = without(month(), 12, 13, 14)
    numbers: dict[str, Any] = {
        "series": SERIES,
        "first_sequence": 13,
        "last_sequence": 13,
    }
    found = owed(files, excuses=(excuse(ExcuseKind.LOST, **numbers),))
    assert days_in(found, CellState.MISSING) == [2, 3, 4]
    gaps = [(g.first_sequence, g.last_sequence) for g in found.missing_files]
    assert gaps == [(12, 12), (14, 14)]
    numbers = {"series": SERIES, "first_sequence": 1, "last_sequence": 99}
    found = owed(files, excuses=(excuse(ExcuseKind.LOST, **numbers),))
    assert days_in(found, CellState.EXCUSED) == [2, 3, 4]
    assert found.is_complete
    found = owed(files, excuses=(excuse(ExcuseKind.DOWN, **numbers),))
    assert days_in(found, CellState.MISSING) == [2, 3, 4]


def test_an_excuse_that_waits_is_with_us_if_it_was_asked_for_in_time() -> None:
    files = [fact for fact in month() if fact.day < may(20)]
    asked = excuse(ExcuseKind.LOST, approved=False, days=frozenset({may(20)}))
    facts = TenantFacts(
        zone=BERLIN,
        first_on=None,
        collects=manual,
        files=tuple(files),
        excuses=(asked,),
    )
    found = calendar(MAY, facts, at=AFTER)
    assert days_in(found, CellState.WITH_US) == [20]
    assert found.cells["IC01", may(20)].why == CellReason(CellReasonCode.ASKED)
    assert not found.is_complete
    in_time = calendar(
        MAY, facts, at=AFTER, deadline_at=asked.asked_at + timedelta(seconds=1)
    )
    assert in_time == found
    too_late = calendar(MAY, facts, at=AFTER, deadline_at=asked.asked_at)
    assert days_in(too_late, CellState.WITH_US) == []


def test_a_day_waits_for_us_only_if_nothing_else_is_missing() -> None:
    files = month()
    held = HeldFact(server="IC01", received_at=AFTER, file=files[11])
    found = owed(without(files, 12), held=(held,))
    assert days_in(found, CellState.WITH_US) == [2]
    assert found.missing == ()
    assert found.missing_files == ()
    # Of two missing files, one held: its day waits for us, the other does not.
    found = owed(without(files, 12, 13), held=(held,))
    assert days_in(found, CellState.WITH_US) == [2]
    assert days_in(found, CellState.MISSING) == [3]
    assert [(g.first_sequence, g.last_sequence) for g in found.missing_files] == [
        (13, 13)
    ]


def test_a_held_file_that_shows_a_day_silent_puts_it_with_us_too() -> None:
    writer = HistoryWriter("IC01", BERLIN, SERIES)
    files = [
        *writer.run(day_begins_at(FIRST, BERLIN), noon(may(24)), "shutdown"),
        *writer.run(noon(may(26)), day_begins_at(LAST + DAY, BERLIN), "midnight"),
    ]
    held = HeldFact(server="IC01", received_at=AFTER, file=files[-2])
    found = owed(files[:-2], held=(held,))
    assert days_in(found, CellState.WITH_US) == [24, 25, 26]
    assert found.cells["IC01", may(25)].why == CellReason(CellReasonCode.HELD)
    assert days_in(found, CellState.MISSING) == [27]


def test_a_held_file_of_which_only_the_day_is_known_covers_its_day() -> None:
    held = HeldFact(server="IC01", received_at=AFTER, day=may(2))
    found = owed(without(month(), 12, 13), held=(held,))
    assert days_in(found, CellState.WITH_US) == [2]
    assert days_in(found, CellState.MISSING) == [3]


def test_in_a_conflict_the_file_that_waits_can_be_what_is_missing() -> None:
    """A snapshot from the 2nd was restored on the 3rd: two files bear number 12."""
    files = month()
    second = replace(
        files[12], sequence=12, sha256=sha("12b"), previous=files[10].sha256
    )
    later = [
        replace(f, sequence=f.sequence - 1, sha256=sha(f.sequence, "b"), previous=prior)
        for f, prior in zip(
            files[13:],
            [sha("12b"), *(sha(f.sequence, "b") for f in files[13:])],
            strict=False,
        )
    ]
    accepted = [*files[:12], *later]
    found = owed(accepted)
    assert {m.day for m in found.missing} == {may(3)}
    held = HeldFact(server="IC01", received_at=AFTER, file=second)
    found = owed(accepted, held=(held,))
    assert days_in(found, CellState.WITH_US) == [3]


@pytest.mark.parametrize("is_held", [True, False])
@pytest.mark.parametrize("day", [date.min, date.max])
@pytest.mark.parametrize("closed_by", ["midnight", "shutdown"])
@pytest.mark.parametrize("offset", [0, 840, -720, 10**15])
def test_a_genuine_file_may_claim_any_day(
    is_held: bool, day: date, closed_by: str, offset: int
) -> None:
    edge = datetime.combine(day, time(), UTC)
    edge = edge if day == date.min else edge + timedelta(hours=23, minutes=59)
    files = month()
    odd = replace(
        files[16],
        day=day,
        opened_at=edge,
        closed_at=edge,
        closed_by=closed_by,
        opened_offset=offset,
        closed_offset=offset,
    )
    rest = without(files, 17)
    if is_held:
        found = owed(rest, held=(HeldFact(server="IC01", received_at=AFTER, file=odd),))
    else:
        found = owed([*rest, odd])
    assert states(found)[may(7)] in {
        CellState.MISSING,
        CellState.SILENT,
        CellState.WITH_US,
    }
    assert set(select_files(MAY, [*rest, odd])) >= {files[15], odd, files[17]}
    facts = owed([odd])
    assert not facts.is_complete


def test_the_neighbours_are_few() -> None:
    files = daily(first=FIRST - 400 * DAY, last=LAST + 400 * DAY)
    needed = select_files(MAY, files)
    assert len(needed) == 30 + 4 + 2  # the period's, two on each side, first and last
    held = [HeldFact(server="IC01", received_at=AFTER, file=files[100])]
    other = daily("IC09", first=FIRST, last=FIRST)[0]
    held += [HeldFact(server="IC09", received_at=AFTER, file=other)]
    held += [HeldFact(server="IC09", received_at=AFTER)]
    assert select_files(MAY, files, held=held) - needed == set(files[99:102])


def test_of_files_with_one_number_the_one_that_a_later_file_names_is_taken() -> None:
    files = month()[:3]
    twin = replace(files[1], sha256=sha("twin"))
    assert twin not in one_per_number(files, [twin])
    # With no later file to name one, the one that waits.
    assert set(one_per_number(files[:2], [twin])) == {files[0], twin}
    later = replace(files[2], previous=twin.sha256)
    assert set(one_per_number([*files[:2], later], [twin])) == {files[0], twin, later}
    triplet = replace(files[1], sha256=b"\0" * 32)
    for waiting in ([twin, triplet], [triplet, twin]):
        assert triplet in one_per_number(files[:2], waiting)
