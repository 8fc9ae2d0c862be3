"""The verifier counts by the rules, shown by small examples."""

from datetime import date
from typing import Any

import pytest

from billing.statements import verifier
from tests.billing.statements.evidence_packages import (
    Json,
    Recomputed,
    Row,
    file_of,
)
from tests.billing.statements.hand_written_month import FIFTH, FOURTH, SIXTH

pytestmark = pytest.mark.plain


def one_day(rows: list[Row], **facts: Any) -> Json:
    return file_of("2026-05-05", FOURTH, FIFTH, rows, **{"offset": 120, **facts})


def test_users_of_two_servers_at_the_same_time_are_one(
    recomputed: Recomputed,
) -> None:
    files = [one_day([(1, "A", 0, 100, 0)]), one_day([(1, "A", 50, 150, 0)])]
    assert recomputed("lines.agent.used_seconds", files) == 150
    assert recomputed("lines.agent.row_seconds", files) == 200
    assert recomputed("lines.agent.peak", files) == 1
    assert recomputed("lines.agent.peak_runs", files) == 1


def test_a_logout_and_a_login_at_one_second_cancel_out(
    recomputed: Recomputed,
) -> None:
    files = [one_day([(1, "A", 0, 100, 0)]), one_day([(2, "A", 100, 200, 0)])]
    assert recomputed("lines.agent.peak", files) == 1
    assert recomputed("lines.agent.peak_runs", files) == 1
    assert recomputed("lines.agent.peak_seconds", files) == 200


def test_business_counts_only_where_the_user_is_no_agent(
    recomputed: Recomputed,
) -> None:
    files = [
        one_day([(1, "B", 0, 300, 0), (1, "X", 100, 200, 0), (2, "B", 250, 260, 0)])
    ]
    assert recomputed("lines.business.used_seconds", files) == 210
    assert recomputed("lines.business.row_seconds", files) == 310
    assert recomputed("lines.business.peak", files) == 2
    assert recomputed("lines.business.peak_at", files) == "2026-05-04T22:04:10Z"
    assert recomputed("lines.business.named_users", files) == 1
    assert recomputed("lines.agent.used_seconds", files) == 100
    assert recomputed("totals.named_users", files) == 2


def test_a_row_that_holds_both_kinds_is_an_agent_row(
    recomputed: Recomputed,
) -> None:
    files = [one_day([(1, "B_CONCURRENT|A_CONCURRENT", 0, 60, 0)])]
    assert recomputed("lines.agent.logins", files) == 1
    assert recomputed("lines.business.logins", files) == 0
    assert recomputed("catalogue.unclassified", files) == []


def test_flags_1_and_4_are_no_logins(recomputed: Recomputed) -> None:
    rows = [(1, "A", 0, 60, flags) for flags in range(8)]
    assert recomputed("totals.logins", [one_day(rows)]) == 2
    assert recomputed("totals.rows", [one_day(rows)]) == 8


def test_half_an_hour_is_held_across_midnight(recomputed: Recomputed) -> None:
    evening = one_day([(1, "A", 85_500, 86_400, 2), (2, "A", 85_499, 86_400, 2)])
    morning = [(1, "A", 0, 900, 1), (3, "A", 0, 899, 0)]
    files = [
        evening,
        file_of("2026-05-06", FIFTH, SIXTH, morning, offset=120),
    ]
    assert recomputed("lines.agent.peak_seconds", files) == 1_799
    assert recomputed("lines.agent.peak_runs", files) == 1
    assert recomputed("lines.agent.held_30min", files) == 1
    start = "2026-05-05T21:44:59Z"
    assert recomputed("lines.agent.held_30min_from", files) == start
    files[1] = file_of(
        "2026-05-06", FIFTH, SIXTH, [(1, "A", 0, 900, 1), (3, "A", 0, 900, 0)]
    )
    assert recomputed("lines.agent.held_30min", files) == 2
    start = "2026-05-05T21:45:00Z"
    assert recomputed("lines.agent.held_30min_from", files) == start


def test_a_second_less_than_half_an_hour_is_not_held(
    recomputed: Recomputed,
) -> None:
    files = [one_day([(1, "A", 0, 1_799, 0)])]
    assert recomputed("lines.agent.held_30min", files) == 0
    assert recomputed("lines.agent.held_30min_from", files) is None


def test_the_first_half_hour_at_the_level_is_named(
    recomputed: Recomputed,
) -> None:
    rows = [(1, "A", 0, 8_000, 0), (2, "A", 100, 1_900, 0), (3, "A", 4_000, 6_000, 0)]
    assert recomputed("lines.agent.held_30min", [one_day(rows)]) == 2
    start = "2026-05-04T22:01:40Z"
    assert recomputed("lines.agent.held_30min_from", [one_day(rows)]) == start


def test_a_row_of_no_length_is_a_user_and_a_login(
    recomputed: Recomputed,
) -> None:
    files = [one_day([(1, "A", 3_600, 3_600, 0), (2, "A", 86_400, 86_400, 0)])]
    assert recomputed("lines.agent.named_users", files) == 2
    assert recomputed("days.2026-05-05.agent.logins", files) == 2
    assert recomputed("days.2026-05-06.agent.logins", files) == 0
    assert recomputed("lines.agent.peak_at", files) is None
    hour = "days.2026-05-05.hours.2026-05-04T23:00:00Z.agent.users"
    assert recomputed(hour, files) == 1
    last = "days.2026-05-05.hours.2026-05-05T21:00:00Z.agent.users"
    assert recomputed(last, files) == 1


def test_a_file_without_a_span_keeps_its_instant(
    recomputed: Recomputed,
) -> None:
    backwards = file_of(
        "2026-05-06", FIFTH, FOURTH, [(1, "A", 0, 0, 0)], closed_by="clock"
    )
    assert recomputed("days.2026-05-06.agent.logins", [backwards]) == 1
    assert recomputed("days.2026-05-05.agent.logins", [backwards]) == 0


def test_an_assigned_day_shifts_rows_by_whole_days(
    recomputed: Recomputed,
) -> None:
    # 00:30 in Berlin, on a day before the UTC date's next one.
    file = file_of(
        "2020-01-01",
        "2019-12-31T23:30:00Z",
        "2020-01-01T23:00:00Z",
        [(1, "A", 0, 60, 2), (2, "I", 0, 60, 2)],
        offset=60,
        closed_by="crash",
        assigned_day="2026-05-06",
    )
    start = "2026-05-05T23:30:00Z"
    assert recomputed("lines.agent.peak_at", [file]) == start
    assert recomputed("doubtful.assigned_day_rows", [file]) == 1
    assert recomputed("doubtful.cut_by_crash", [file]) == 1
    assert recomputed("doubtful.no_logout", [file]) == 0


@pytest.mark.parametrize(
    ("closed_by", "count"),
    [
        ("shutdown", "no_logout"),
        ("clock", "no_logout"),
        ("restart", "cut_by_restart"),
        ("crash", "cut_by_crash"),
    ],
)
def test_rows_cut_by_the_end_of_their_file_are_doubtful(
    recomputed: Recomputed, closed_by: str, count: str
) -> None:
    files = [one_day([(1, "A", 0, 60, 2), (2, "B", 0, 60, 6)], closed_by=closed_by)]
    assert recomputed(f"doubtful.{count}", files) == 2


def test_rows_before_the_period_are_outside(recomputed: Recomputed) -> None:
    tokyo = file_of(
        "2026-05-05",
        "2026-05-04T15:00:00Z",
        "2026-05-05T15:00:00Z",
        [(1, "A", 0, 86_400, 2)],
        offset=540,
    )
    assert recomputed("outside.before.2026-05-04.agent.used_seconds", [tokyo]) == 25_200
    assert recomputed("outside.before.2026-05-04.agent.logins", [tokyo]) == 1
    assert recomputed("days.2026-05-05.agent.used_seconds", [tokyo]) == 61_200
    assert recomputed("lines.agent.peak_runs", [tokyo]) == 1
    assert recomputed("totals.used_seconds", [tokyo]) == 86_400


# Clocks that change


LORD_HOWE = {"zone": "Australia/Lord_Howe"}


def test_half_an_hour_less_makes_an_hour_of_thirty_minutes(
    recomputed: Recomputed,
) -> None:
    # At 02:00 on 4 October the clocks go on to 02:30: 15:30 UTC.
    period = LORD_HOWE | {"first_day": "2026-10-04", "last_day": "2026-10-04"}
    file = file_of(
        "2026-10-04",
        "2026-10-03T13:30:00Z",
        "2026-10-04T13:00:00Z",
        [(1, "A", 0, 84_600, 2), (2, "A", 7_200, 9_000, 0)],
        offset=630,
    )
    day = "days.2026-10-04"
    assert recomputed(f"{day}.starts_at", [file], **period) == "2026-10-03T13:30:00Z"
    assert recomputed(f"{day}.ends_at", [file], **period) == "2026-10-04T13:00:00Z"
    assert recomputed(f"{day}.agent.used_seconds", [file], **period) == 86_400
    short = f"{day}.hours.2026-10-03T15:30:00Z.agent.users"
    assert recomputed(short, [file], **period) == 2
    after = f"{day}.hours.2026-10-03T16:00:00Z.agent.users"
    assert recomputed(after, [file], **period) == 1


@pytest.mark.parametrize(
    ("zone", "day", "first", "last", "number"),
    [
        ("Europe/Berlin", "2026-03-29", "2026-03-28T23:00", "2026-03-29T22:00", 23),
        ("Europe/Berlin", "2026-10-25", "2026-10-24T22:00", "2026-10-25T23:00", 25),
        (
            "Australia/Lord_Howe",
            "2026-04-05",
            "2026-04-04T13:00",
            "2026-04-05T13:30",
            25,
        ),
        # 24:00 becomes 01:00: the day begins after the gap.
        ("America/Santiago", "2026-09-06", "2026-09-06T04:00", "2026-09-07T03:00", 23),
        # 01:00 becomes 00:00: the day begins at the second midnight.
        ("America/Havana", "2025-11-02", "2025-11-02T05:00", "2025-11-03T05:00", 24),
        ("America/Havana", "2025-11-01", "2025-11-01T04:00", "2025-11-02T05:00", 25),
        # 00:01 becomes 23:01 and 01:01, long ago.
        ("America/St_Johns", "2006-10-29", "2006-10-29T03:30", "2006-10-30T03:30", 24),
        ("America/St_Johns", "2006-04-02", "2006-04-02T03:30", "2006-04-03T02:30", 24),
        # A date that the clocks skipped.
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00", "2011-12-30T10:00", 0),
    ],
)
def test_days_begin_and_end_where_the_clocks_say(
    zone: str, day: str, first: str, last: str, number: int
) -> None:
    hours = verifier.LocalClock(zone).hours(date.fromisoformat(day))
    assert verifier.shown(hours[0]) == f"{first}:00Z"
    assert verifier.shown(hours[-1]) == f"{last}:00Z"
    assert len(hours) - 1 == number
