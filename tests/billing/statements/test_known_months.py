"""Figures worked out by hand for months of a few rows, one rule of counting each.

In Berlin the days of May begin at 22:00 UTC.
"""

import pytest

from tests.billing.statements.small_months import (
    FiguresOf,
    day_of,
    file_of,
    has,
    hour_of,
    line_of,
    month_of,
    row,
)

pytestmark = pytest.mark.plain


def test_a_user_on_two_servers_counts_once(figures_of: FiguresOf) -> None:
    first = file_of("2026-05-04", row("anna", "08:00", "10:00", "AGENT"))
    second = file_of(
        "2026-05-04", row("anna", "09:00", "11:00", "AGENT"), server="IC02"
    )
    figures = figures_of(month_of(first, second))
    expected = {
        "named_users": 1,
        "peak": 1,
        "peak_at": "2026-05-04T06:00:00Z",
        "peak_seconds": 3 * 3600,
        "peak_runs": 1,
        "logins": 2,
        "used_seconds": 3 * 3600,
        "row_seconds": 4 * 3600,
    }
    assert figures["totals"] == {**expected, "rows": 2}
    held = {"held_30min": 1, "held_30min_from": "2026-05-04T06:00:00Z"}
    assert line_of(figures, "agent") == {"id": "agent", **expected, **held}
    has(line_of(figures, "business"), named_users=0, peak=0, peak_at=None, logins=0)


def test_a_business_user_becomes_an_agent_during_a_login(figures_of: FiguresOf) -> None:
    rows = [
        row("anna", "08:30", "10:00", "DESK"),
        row("anna", "10:00", "11:00", "DESK", "AGENT", flags=4),
    ]
    figures = figures_of(month_of(file_of("2026-05-04", *rows)))
    has(line_of(figures, "business"), named_users=0, logins=1, used_seconds=5400)
    has(line_of(figures, "agent"), named_users=1, logins=0, used_seconds=3600)
    has(figures["totals"], named_users=1, logins=1, rows=2, peak=1, peak_runs=1)
    day = day_of(figures, "2026-05-04")
    before = hour_of(day, "2026-05-04T07:00:00Z")
    assert line_of(before, "business") == {"id": "business", "peak": 1, "users": 1}
    assert line_of(before, "agent") == {"id": "agent", "peak": 0, "users": 0}
    after = hour_of(day, "2026-05-04T08:00:00Z")
    assert line_of(after, "business") == {"id": "business", "peak": 0, "users": 0}
    assert line_of(after, "agent") == {"id": "agent", "peak": 1, "users": 1}


def test_an_agent_is_no_business_user_at_the_same_second(
    figures_of: FiguresOf,
) -> None:
    first = file_of("2026-05-04", row("anna", "09:00", "11:00", "DESK"))
    second = file_of(
        "2026-05-04", row("anna", "10:00", "12:00", "RECORDER"), server="IC02"
    )
    figures = figures_of(month_of(first, second))
    has(line_of(figures, "business"), used_seconds=3600, row_seconds=7200, peak=1)
    has(line_of(figures, "agent"), used_seconds=7200, row_seconds=7200)
    has(line_of(figures, "add_on:RECORDER"), used_seconds=7200, named_users=1)
    has(line_of(figures, "add_on:SUPERVISOR"), used_seconds=0, named_users=0)
    has(figures["totals"], used_seconds=10_800, row_seconds=14_400, peak=1)


def test_the_ending_of_a_key_is_removed(figures_of: FiguresOf) -> None:
    rows = [
        row("anna", "09:00", "10:00", "RECORDER", "RECORDER_CONCURRENT"),
        row("bob", "09:00", "10:00", "FAX_CONCURRENT"),
        row("eve", "09:00", "10:00", "NEW_CONCURRENT"),
    ]
    figures = figures_of(month_of(file_of("2026-05-04", *rows)))
    has(line_of(figures, "add_on:RECORDER"), logins=1, row_seconds=3600)
    has(figures["totals"], rows=1, named_users=1)
    assert figures["unclassified"] == ["NEW"]


def test_a_peak_over_midnight_is_one_run(figures_of: FiguresOf) -> None:
    evening = file_of("2026-05-04", row("anna", "23:00", "24:00", "AGENT", flags=2))
    morning = file_of("2026-05-05", row("anna", "00:00", "01:00", "AGENT", flags=1))
    figures = figures_of(month_of(evening, morning))
    has(
        figures["totals"],
        peak_at="2026-05-04T21:00:00Z",
        peak_seconds=7200,
        peak_runs=1,
        logins=1,
    )
    first, second = (day_of(figures, f"2026-05-0{day}") for day in (4, 5))
    has(line_of(first, "agent"), peak_at="2026-05-04T21:00:00Z", logins=1)
    has(line_of(second, "agent"), peak_at="2026-05-04T22:00:00Z", logins=0)
    has(line_of(second, "agent"), used_seconds=3600, named_users=1)


def test_a_logout_and_a_login_at_one_second_cancel_out(figures_of: FiguresOf) -> None:
    rows = [
        row("anna", "09:00", "10:00", "AGENT"),
        row("bob", "10:00", "11:00", "AGENT"),
    ]
    figures = figures_of(month_of(file_of("2026-05-04", *rows)))
    has(figures["totals"], peak=1, peak_seconds=7200, peak_runs=1, named_users=2)


def test_the_first_of_two_peaks_gives_the_instant(figures_of: FiguresOf) -> None:
    rows = [
        row("anna", "09:00", "10:00", "AGENT"),
        row("bob", "10:00:01", "11:00", "AGENT"),
    ]
    figures = figures_of(month_of(file_of("2026-05-04", *rows)))
    has(figures["totals"], peak_seconds=7199, peak_runs=2)
    has(figures["totals"], peak_at="2026-05-04T07:00:00Z")


@pytest.mark.parametrize(
    ("until", "held", "since"),
    [
        ("00:15", 2, "2026-05-04T21:45:00Z"),
        ("00:14:59", 1, "2026-05-04T21:00:00Z"),
    ],
)
def test_half_an_hour_is_held_over_midnight(
    figures_of: FiguresOf, until: str, held: int, since: str
) -> None:
    evening = file_of(
        "2026-05-04",
        row("anna", "23:00", "24:00", "AGENT", flags=2),
        row("bob", "23:45", "24:00", "AGENT", flags=2),
    )
    morning = file_of(
        "2026-05-05",
        row("anna", "00:00", "01:00", "AGENT", flags=1),
        row("bob", "00:00", until, "AGENT", flags=1),
    )
    figures = figures_of(month_of(evening, morning))
    has(line_of(figures, "agent"), peak=2, held_30min=held, held_30min_from=since)


def test_a_row_of_no_length_is_a_user_without_seconds(figures_of: FiguresOf) -> None:
    figures = figures_of(
        month_of(file_of("2026-05-04", row("anna", "10:00", "10:00", "AGENT")))
    )
    has(figures["totals"], named_users=1, logins=1, rows=1, used_seconds=0)
    has(figures["totals"], peak=0, peak_at=None, peak_seconds=0, peak_runs=0)
    has(line_of(figures, "agent"), held_30min=0, held_30min_from=None)
    day = day_of(figures, "2026-05-04")
    has(line_of(hour_of(day, "2026-05-04T08:00:00Z"), "agent"), users=1, peak=0)
    has(line_of(hour_of(day, "2026-05-04T07:00:00Z"), "agent"), users=0)


def test_an_instant_at_the_closing_is_of_the_day_that_ends(
    figures_of: FiguresOf,
) -> None:
    closing = file_of("2026-05-04", row("anna", "24:00", "24:00", "AGENT"))
    no_span = file_of(
        "2026-05-06",
        row("bob", "00:00", "00:00", "AGENT"),
        closed_by="restart",
        length=0,
    )
    figures = figures_of(month_of(closing, no_span))
    named = {
        day["day"]: line_of(day, "agent")["named_users"] for day in figures["days"]
    }
    assert [day for day in named if named[day]] == ["2026-05-04", "2026-05-06"]
    last_hour = hour_of(day_of(figures, "2026-05-04"), "2026-05-04T21:00:00Z")
    has(line_of(last_hour, "agent"), users=1)


def test_an_assigned_day_moves_the_rows_by_whole_days(figures_of: FiguresOf) -> None:
    file = file_of(
        "2024-12-31",
        row("anna", "09:00", "10:00", "AGENT", flags=0),
        assigned_day="2026-05-04",
    )
    figures = figures_of(month_of(file))
    # The server's winter time is one hour behind the tenant's summer time.
    has(figures["totals"], peak_at="2026-05-04T08:00:00Z", logins=1)
    has(line_of(day_of(figures, "2026-05-04"), "agent"), used_seconds=3600)
    has(figures["doubtful"], assigned_day_rows=1)


def test_files_of_other_days_do_not_count(figures_of: FiguresOf) -> None:
    session = row("anna", "09:00", "10:00", "AGENT")
    unknown = row("anna", "09:00", "10:00", "NEW")
    month = month_of(
        file_of("2026-04-27", session, unknown),
        file_of("2026-04-28", session, unknown),  # before the first owed day
        file_of("2026-04-29", session),
        file_of("2026-05-27", session),
        file_of("2026-05-28", session, unknown),
        file_of("2026-05-10", session, unknown, assigned_day="2026-04-28"),
        first_owed_on="2026-04-29",
    )
    figures = figures_of(month)
    has(figures["totals"], rows=2, logins=2)
    assert (figures["outside"], figures["unclassified"]) == ([], [])
    assert [figures["days"][n]["day"] for n in (0, -1)] == ["2026-04-28", "2026-05-27"]


def test_servers_in_far_zones_have_rows_outside_the_period(
    figures_of: FiguresOf,
) -> None:
    east = file_of(
        "2026-04-28",
        row("anna", "00:00", "01:00", "AGENT"),
        zone="Pacific/Kiritimati",  # 14 hours ahead of UTC
    )
    west = file_of(
        "2026-05-27",
        row("bob", "23:00", "24:00", "DESK"),
        zone="Pacific/Pago_Pago",  # 11 hours behind UTC
        server="IC02",
    )
    figures = figures_of(month_of(east, west))
    before, after = figures["outside"]
    has(before, side="before", day="2026-04-27", ends_at="2026-04-27T22:00:00Z")
    has(after, side="after", day="2026-05-28", starts_at="2026-05-27T22:00:00Z")
    has(line_of(before, "agent"), logins=1, peak_at="2026-04-27T10:00:00Z")
    has(line_of(after, "business"), logins=1, peak_at="2026-05-28T10:00:00Z")
    has(figures["totals"], logins=2, peak=1, peak_runs=2, used_seconds=7200)
    assert {line["logins"] for day in figures["days"] for line in day["lines"]} == {0}


def test_names_that_differ_by_domain_are_alike(figures_of: FiguresOf) -> None:
    names = ["ANNA", " anna", "Anna@example.com", "CORP\\anna", "bob", "JU\u0308RGEN"]
    rows = [row(name, "09:00", "10:00", "AGENT") for name in names]
    rows.append(row("CORP\\j\u00fcrgen", "09:00", "10:00", "DESK"))
    rows.append(row("CORP\\bob", "09:00", "10:00", "FAX"))
    figures = figures_of(month_of(file_of("2026-05-04", *rows)))
    has(figures["totals"], named_users=6, peak=6, rows=7)
    has(figures["doubtful"], alike_groups=2)


def test_rows_cut_by_the_closing_of_a_file_are_doubtful(figures_of: FiguresOf) -> None:
    cut = row("anna", "00:00", "01:00", "AGENT", flags=2)
    ignored = row("anna", "00:00", "01:00", "FAX", flags=2)
    causes = ["shutdown", "clock", "clock", "restart", "crash", "crash", "midnight"]
    files = [
        file_of(f"2026-05-0{day}", cut, ignored, closed_by=closed_by, length=3600)
        for day, closed_by in enumerate(causes, 1)
    ]
    assert figures_of(month_of(*files))["doubtful"] == {
        "no_logout": 3,
        "cut_by_restart": 1,
        "cut_by_crash": 2,
        "alike_groups": 0,
        "assigned_day_rows": 0,
    }


def test_a_month_without_files_has_zeros(figures_of: FiguresOf) -> None:
    figures = figures_of(month_of())
    assert set(figures["totals"].values()) == {0, None}
    assert len(figures["days"]) == 30
    assert figures["outside"] == []
