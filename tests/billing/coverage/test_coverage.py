"""The days that files prove, and the files that other files prove, by example."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from billing.coverage.calendar import (
    CellReason,
    CellReasonCode,
    CellState,
    FileGap,
    MissingCell,
    TenantFacts,
    calendar,
)
from billing.coverage.periods import Period
from tests.billing.coverage.berlin_tenant import (
    AFTER,
    BERLIN,
    FIRST,
    HOUR,
    LAST,
    MAY,
    SERIES,
    days_in,
    manual,
    may,
    month,
    noon,
    owed,
    server,
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


def test_a_file_a_day_is_complete() -> None:
    found = owed(month())
    assert found.is_complete
    assert (found.owed, found.covered, found.counts.missing) == (30, 30, 0)
    assert set(states(found).values()) == {CellState.RECEIVED}
    assert found.missing == ()
    assert found.missing_files == ()
    cell = found.cells["IC01", may(1)]
    assert [fact.sequence for fact in cell.files] == [11]
    assert cell.why == CellReason(CellReasonCode.COVERED)


def test_missing_files_are_counted_by_number_and_told_with_their_days() -> None:
    files = daily(first=may(1) - 1037 * DAY, last=LAST + DAY)
    server_day = {fact.day: fact.sequence for fact in files}
    assert server_day[may(4)] == 1041
    # The server restarted on the 8th, so three files are four days' worth of doubt.
    kept = without(files, 1041 + 1, 1042 + 1, 1043 + 1)
    found = owed(kept)
    assert found.missing_files == (FileGap("IC01", SERIES, 1042, 1044, may(5), may(7)),)
    assert found.missing_files[0].count == 3
    assert days_in(found, CellState.MISSING) == [5, 6, 7]
    why = CellReason(CellReasonCode.NUMBERS_MISSING, SERIES, 1042, 1044)
    assert found.missing[0] == MissingCell("IC01", may(5), why, is_fault=False)


def test_the_worked_example_three_files_missing_somewhere_in_four_days() -> None:
    writer = HistoryWriter("IC01", BERLIN, SERIES, sequence=1039)
    begin, end = day_begins_at(may(4), BERLIN), noon(may(8), 9)
    files = [
        *writer.run(begin, day_begins_at(may(5), BERLIN), "midnight"),  # 1040
        *writer.run(noon(may(5)), noon(may(6)), "shutdown"),  # 1041, 1042
        *writer.run(noon(may(8), 6), end, "restart"),  # 1043
        *writer.run(end, day_begins_at(LAST + DAY, BERLIN), "midnight"),  # 1044 on
    ]
    assert [fact.sequence for fact in files[:5]] == [1040, 1041, 1042, 1043, 1044]
    found = owed(without(files, 1041, 1042, 1043), servers=(server(first=may(4)),))
    [gap] = found.missing_files  # not 1 to 1039: nothing was owed before the 4th
    assert gap == FileGap("IC01", SERIES, 1041, 1043, may(5), may(8))
    assert days_in(found, CellState.MISSING) == [5, 6, 7]
    assert days_in(found, CellState.PARTIAL) == [8]
    # Once they are here, the 7th turns out to have been silent.
    found = owed(files, servers=(server(first=may(4)),))
    assert days_in(found, CellState.SILENT) == [7]
    assert found.cells["IC01", may(7)].why == CellReason(
        CellReasonCode.BETWEEN, SERIES, 1042
    )
    assert found.is_complete


def test_a_gap_in_the_middle_shifts_nothing_after_it() -> None:
    found = owed(without(month(), 12))
    assert days_in(found, CellState.MISSING) == [2]
    assert found.covered == 29


def test_one_server_of_four_missing_a_day_is_seen() -> None:
    names = ["IC01", "IC02", "IC03", "IC04"]
    files = [
        fact
        for n, name in enumerate(names)
        for fact in month(server=name, series=n + 9)
    ]
    files = [f for f in files if (f.server, f.sequence) != ("IC03", 20)]
    found = owed(files, servers=tuple(server(name) for name in names))
    assert not found.is_complete
    assert [(m.server, m.day) for m in found.missing] == [("IC03", may(10))]
    assert (found.owed, found.covered) == (120, 119)
    assert found.by_server["IC03"].missing == 1
    assert found.by_server["IC04"].missing == 0


def test_a_day_off_between_consecutive_numbers_is_silent_not_missing() -> None:
    writer = HistoryWriter("IC01", BERLIN, SERIES)
    files = [
        *writer.run(day_begins_at(FIRST, BERLIN), noon(may(1)), "shutdown"),
        *writer.run(noon(may(4)), day_begins_at(LAST + DAY, BERLIN), "midnight"),
    ]
    found = owed(files)
    assert days_in(found, CellState.SILENT) == [2, 3]
    assert found.is_complete


def test_several_files_of_a_day_need_the_chain_between_them() -> None:
    writer = HistoryWriter("IC01", BERLIN, SERIES)
    day = may(5)
    files = [
        *writer.run(day_begins_at(FIRST, BERLIN), noon(day, 8), "restart"),
        *writer.run(noon(day, 8), noon(day, 10), "restart"),
        *writer.run(noon(day, 10), day_begins_at(LAST + DAY, BERLIN), "midnight"),
    ]
    assert [f.sequence for f in files if f.day == day] == [8, 9, 10]
    found = owed(files)
    assert found.is_complete
    assert [f.sequence for f in found.cells["IC01", day].files] == [8, 9, 10]
    for number in (8, 9, 10):
        found = owed(without(files, number))
        assert days_in(found, CellState.PARTIAL) == [5]
        [gap] = found.missing_files
        assert (gap.first_sequence, gap.last_sequence) == (number, number)
        assert (gap.from_day, gap.to_day) == (day, day)


def test_a_day_is_partial_until_closed_by_midnight_or_followed() -> None:
    writer = HistoryWriter("IC01", BERLIN, SERIES)
    end = day_begins_at(LAST, BERLIN) + 18 * HOUR
    files = list(writer.run(day_begins_at(FIRST, BERLIN), end, "shutdown"))
    found = owed(files)
    assert states(found)[LAST] is CellState.PARTIAL
    assert found.cells["IC01", LAST].why == CellReason(
        CellReasonCode.UNPROVED_END, SERIES, 30
    )
    # Its successor, of the next period, is here.
    files += writer.run(end + 20 * HOUR, end + 22 * HOUR, "shutdown")
    assert owed(files).is_complete


def test_a_file_that_a_crash_left_open_leaves_its_day_open_until_the_next_file() -> (
    None
):
    """However late the next start: the file is closed at its last sign of life."""
    writer = HistoryWriter("IC01", BERLIN, SERIES)
    files = list(writer.run(day_begins_at(FIRST, BERLIN), noon(may(5)), "crash"))
    found = owed(files)
    assert states(found)[may(5)] is CellState.PARTIAL
    assert days_in(found, CellState.MISSING)[:2] == [6, 7]
    end = day_begins_at(LAST + DAY, BERLIN)
    found = owed([*files, *writer.run(noon(may(8)), end, "midnight")])
    assert days_in(found, CellState.SILENT) == [6, 7]
    assert found.is_complete


def test_a_file_closed_days_later_that_staff_have_accepted_holds_what_was_seen() -> (
    None
):
    writer = HistoryWriter("IC01", BERLIN, SERIES)
    files = list(writer.run(day_begins_at(FIRST, BERLIN), noon(may(5)), "crash"))
    files[-1] = replace(files[-1], closed_at=noon(may(7)))
    found = owed(files)
    assert states(found)[may(5)] is CellState.RECEIVED
    assert days_in(found, CellState.SILENT) == [6]
    assert days_in(found, CellState.MISSING)[:3] == [7, 8, 9]
    late = list(writer.run(noon(may(7)), noon(may(9)), "restart"))[1:]
    found = owed([*files, *late])  # the file of the 7th is not here
    assert days_in(found, CellState.SILENT) == [6]
    assert states(found)[may(7)] is CellState.MISSING


def test_number_one_of_the_first_series_proves_silence_before_it() -> None:
    found = owed(daily(first=may(10), last=LAST))
    assert days_in(found, CellState.SILENT) == [28, 29, 30, *range(1, 10)]
    assert found.cells["IC01", may(9)].why == CellReason(
        CellReasonCode.BEFORE_FIRST, SERIES, 1
    )
    assert found.is_complete


def test_a_server_that_starts_at_noon_owes_nothing_before_it() -> None:
    writer = HistoryWriter("IC01", BERLIN, SERIES)
    run = writer.run(noon(may(10)), day_begins_at(LAST + DAY, BERLIN), "midnight")
    assert owed(list(run)).is_complete


def test_number_one_that_names_a_predecessor_proves_nothing_before_it() -> None:
    files = daily(first=may(10), last=LAST)
    files[0] = replace(files[0], previous=sha("elsewhere"))
    found = owed(files)
    assert len(days_in(found, CellState.MISSING)) == 12
    assert found.cells["IC01", may(9)].why == CellReason(
        CellReasonCode.PREDECESSOR, SERIES, 1
    )
    assert found.missing_files == ()


def test_a_first_number_above_one_leaves_the_days_before_it_missing() -> None:
    files = [f for f in daily(first=FIRST, last=LAST) if f.day >= may(10)]
    found = owed(files, servers=(server(first=may(3)),))
    assert days_in(found, CellState.MISSING) == list(range(3, 10))
    assert found.missing_files == (FileGap("IC01", SERIES, 1, 12, may(3), may(9)),)
    # Told from the tenant's first day, or the period's, where no other is known.
    found = owed(files, first_on=date(2026, 3, 1))
    assert found.missing_files[0].from_day == date(2026, 3, 1)
    assert owed(files).missing_files[0].from_day == FIRST


def test_the_day_on_which_the_first_numbers_are_missing_is_partial() -> None:
    writer = HistoryWriter("IC01", BERLIN, SERIES, sequence=6)
    run = writer.run(noon(may(10)), day_begins_at(LAST + DAY, BERLIN), "midnight")
    found = owed(list(run), servers=(server(first=may(10)),))
    assert days_in(found, CellState.PARTIAL) == [10]
    assert found.missing_files == (FileGap("IC01", SERIES, 1, 6, may(10), may(10)),)


def test_between_two_series_nothing_is_proved() -> None:
    found = owed(two_series(linked=False))
    assert days_in(found, CellState.MISSING) == [6, 7]
    assert days_in(found, CellState.PARTIAL) == [5, 8]
    assert found.cells["IC01", may(5)].why == CellReason(
        CellReasonCode.UNPROVED_END, SERIES, 8
    )
    assert found.cells["IC01", may(6)].why == CellReason(
        CellReasonCode.BETWEEN_SERIES, SERIES, 8
    )
    new = UUID(int=0)
    assert found.cells["IC01", may(8)].why == CellReason(
        CellReasonCode.UNPROVED_START, new, 1
    )
    assert found.missing_files == ()


def test_number_one_that_names_the_last_file_of_the_old_series_joins_the_two() -> None:
    files = two_series(linked=True)
    found = owed(files)
    assert days_in(found, CellState.SILENT) == [6, 7]
    assert found.is_complete
    # Unless what it names is not the last file we have of it, or not here.
    for lost in (files[7], files[8]):
        rest = [fact for fact in files if fact is not lost]
        assert days_in(owed(rest), CellState.MISSING)[0] in (5, 6)


def test_a_later_series_without_its_first_numbers_is_counted_where_it_can_be() -> None:
    files = two_series(linked=False)
    new = UUID(int=0)
    rest = [f for f in files if f.series != new or f.sequence > 2]
    found = owed(rest)
    assert found.missing_files == (FileGap("IC01", new, 1, 2, may(5), may(9)),)
    assert days_in(found, CellState.MISSING) == [6, 7, 8, 9]


def test_series_that_claim_to_follow_each_other_each_count_once() -> None:
    one, two = daily(first=FIRST, last=may(5)), daily(first=may(6), last=LAST, series=2)
    one[0] = replace(one[0], previous=two[-1].sha256)
    two[0] = replace(two[0], previous=one[-1].sha256)
    found = owed([*one, *two])
    assert days_in(found, CellState.RECEIVED) == [d.day for d in MAY.days()]


def test_a_series_that_claims_to_follow_itself_proves_nothing() -> None:
    files = daily(first=may(10), last=LAST)
    files[0] = replace(files[0], previous=files[-1].sha256)
    assert len(days_in(owed(files), CellState.MISSING)) == 12


def test_of_two_series_that_name_the_same_file_the_older_follows_it() -> None:
    files = two_series(linked=True)
    twin = HistoryWriter("IC01", BERLIN, UUID(int=7), previous=files[7].sha256)
    day = may(20)
    files += twin.run(noon(day, 3), noon(day, 5), "shutdown")
    found = owed(files)
    assert days_in(found, CellState.SILENT) == [6, 7]
    assert days_in(found, CellState.PARTIAL) == [20]


def test_a_successor_that_names_another_file_shows_that_one_is_missing() -> None:
    files = month()
    files[12] = replace(files[12], previous=sha("a restored snapshot wrote it"))
    found = owed(files)  # number 13 is of 3 May
    why = CellReason(CellReasonCode.OTHER_CONTENT, SERIES, 12, 12)
    assert [(m.day, m.why) for m in found.missing] == [(may(2), why), (may(3), why)]
    assert found.missing_files == (FileGap("IC01", SERIES, 12, 12, may(2), may(3)),)


def test_missing_numbers_without_any_time_between_still_show() -> None:
    files = month()
    files = [
        f if f.sequence < 13 else replace(f, sequence=f.sequence + 2) for f in files
    ]
    found = owed(files)
    assert days_in(found, CellState.PARTIAL) == [2, 3]
    assert found.missing_files == (FileGap("IC01", SERIES, 13, 14, may(2), may(3)),)


def test_chain_order_is_sequence_not_date() -> None:
    """A clock ten days ahead for an hour on the 5th: numbers 9 and 10 are one hour."""
    writer = HistoryWriter("IC01", BERLIN, SERIES)
    files = [
        *writer.run(day_begins_at(FIRST, BERLIN), noon(may(5)), "clock"),
        *writer.run(noon(may(15)), noon(may(15), 13), "clock"),
        *writer.run(noon(may(5), 13), day_begins_at(may(12), BERLIN), "midnight"),
    ]
    found = owed(files)
    assert [f.sequence for f in files if f.day == may(15)] == [9]
    # The chain has got to the 11th; what it passed on its way ahead is not silence.
    assert days_in(found, CellState.MISSING) == [12, 13, 14, *range(16, 28)]
    assert found.cells["IC01", may(12)].why == CellReason(
        CellReasonCode.AFTER_LAST, SERIES, 16
    )
    assert states(found)[may(5)] is CellState.RECEIVED
    more = writer.run(
        day_begins_at(may(12), BERLIN), day_begins_at(LAST + DAY, BERLIN), "midnight"
    )
    found = owed([*files, *more])
    assert [f.sequence for f in found.cells["IC01", may(15)].files] == [9, 20]
    assert found.is_complete


def test_a_first_file_with_a_clock_ahead_does_not_make_its_past_silent() -> None:
    writer = HistoryWriter("IC01", BERLIN, SERIES)
    files = [
        *writer.run(noon(may(20)), noon(may(20), 13), "clock"),
        *writer.run(noon(may(3)), day_begins_at(may(6), BERLIN), "midnight"),
    ]
    found = owed(files)
    assert days_in(found, CellState.SILENT) == [28, 29, 30, 1, 2]
    assert days_in(found, CellState.MISSING)[0] == 6
    assert found.cells["IC01", may(6)].why == CellReason(
        CellReasonCode.AFTER_LAST, SERIES, 4
    )


def test_numbers_missing_where_a_clock_was_set_back_touch_all_days_between() -> None:
    files = month()
    rest = [f for f in files if f.sequence < 18 or f.sequence > 20]  # 8 to 10 May
    back = [
        replace(f, sequence=f.sequence + 30) for f in daily(first=FIRST, last=may(1))
    ]
    rest = [f for f in files if f.sequence <= 18] + [
        replace(f, sequence=f.sequence - 10) for f in back
    ]
    found = owed(rest)  # 18 is 8 May, then 21 is 28 April
    [gap] = found.missing_files
    assert (gap.first_sequence, gap.last_sequence) == (19, 20)
    assert (gap.from_day, gap.to_day) == (FIRST - DAY, may(9))
    assert states(found)[may(3)] is CellState.PARTIAL
    assert states(found)[may(9)] is CellState.MISSING


def test_a_file_with_an_assigned_day_speaks_for_that_day_only() -> None:
    files = month()
    wrong = timedelta(days=9000)
    files[14] = replace(  # number 15, of 5 May, from a machine that lives in 2001
        files[14],
        opened_at=files[14].opened_at - wrong,
        closed_at=files[14].closed_at - wrong,
        closed_by="shutdown",
    )
    assert owed(files).is_complete
    found = owed(without(files, 14))
    assert days_in(found, CellState.MISSING) == [4]
    assert days_in(found, CellState.PARTIAL) == [5]  # its beginning is not known
    found = owed(without(files, 16))
    assert days_in(found, CellState.PARTIAL) == [5]


def test_opened_and_closed_are_days_of_the_server() -> None:
    """West of Greenwich the evening is tomorrow in UTC."""
    zone = "America/Los_Angeles"
    writer = HistoryWriter("IC01", zone, SERIES)
    evening = day_begins_at(may(5), zone) + 20 * HOUR
    files = [
        *writer.run(day_begins_at(FIRST, zone), evening, "shutdown"),
        *writer.run(evening + HOUR, evening + 2 * HOUR, "shutdown"),
        *writer.run(evening + 50 * HOUR, day_begins_at(LAST + DAY, zone), "midnight"),
    ]
    found = owed(without(files, 9), servers=(server(zone=zone),), at=AFTER)
    assert days_in(found, CellState.PARTIAL) == [5, 7]
    assert days_in(found, CellState.MISSING) == [6]


@pytest.mark.parametrize(
    ("zone", "day"),
    [("America/Santiago", date(2025, 9, 7)), ("America/Havana", date(2025, 11, 2))],
)
def test_a_day_with_an_odd_midnight_begins_with_its_first_second(
    zone: str, day: date
) -> None:
    period = Period.containing(day)
    files = daily(first=period.starts_on, last=period.ends_on, zone=zone)
    [before] = [n for n, fact in enumerate(files) if fact.day == day - DAY]
    del files[before]
    facts = TenantFacts(zone=zone, first_on=None, collects=manual, files=tuple(files))
    found = calendar(period, facts, at=datetime(2040, 1, 1, tzinfo=UTC))
    assert [m.day for m in found.missing] == [day - DAY]


def test_where_our_zone_data_disagrees_the_offset_the_server_saw_counts() -> None:
    files = [
        replace(f, opened_at=f.opened_at + HOUR, opened_offset=f.opened_offset - 60)
        for f in month()
    ]
    found = owed(without(files, 12))
    assert days_in(found, CellState.MISSING) == [2]


def test_two_accepted_files_of_one_number_are_refused() -> None:
    files = month()
    twin = replace(files[3], sha256=sha("twin"))
    with pytest.raises(ValueError, match="two accepted files 4 of 'IC01'"):
        owed([*files, twin])


def test_a_gap_over_the_edge_of_the_period_is_told_whole_in_both() -> None:
    files = without(month(), 36, 37, 38, 39)
    found = owed(files)
    june = calendar(
        MAY.next(),
        TenantFacts(zone=BERLIN, first_on=None, collects=manual, files=tuple(files)),
        at=AFTER,
    )
    assert found.missing_files == june.missing_files
    gap = found.missing_files[0]
    assert (gap.from_day, gap.to_day) == (may(26), may(29))
    assert days_in(found, CellState.MISSING) == [26, 27]
