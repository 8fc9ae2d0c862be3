"""The verifier recomputes every figure of a statement from rows written by hand."""

import json
import shutil
import subprocess
import sys
import zipfile
import zoneinfo
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from billing.statements import verifier
from tests.billing.statements.evidence_packages import (
    HASHED,
    Json,
    Row,
    canonical_sha256,
    day_of,
    entries_of,
    file_of,
    pack,
    signed,
    statement_of,
)

pytestmark = pytest.mark.plain

ALIKE = {1: 1, 2: 2, 3: 2, 4: 4, 5: 4}
BERLIN = {
    "name": "2026-05",
    "first_day": "2026-05-05",
    "last_day": "2026-05-06",
    "zone": "Europe/Berlin",
    "starts_at": "2026-05-04T22:00:00Z",
    "ends_at": "2026-05-06T22:00:00Z",
}
FOURTH, FIFTH = "2026-05-04T22:00:00Z", "2026-05-05T22:00:00Z"
SIXTH, SEVENTH = "2026-05-06T22:00:00Z", "2026-05-07T22:00:00Z"


def hours_from(day: int) -> list[str]:
    """Return the hours of a day in Berlin that begins at 22:00 UTC."""
    late = [f"2026-05-{day:02}T{hour}:00:00Z" for hour in (22, 23)]
    return late + [f"2026-05-{day + 1:02}T{hour:02}:00:00Z" for hour in range(22)]


# User 1 continues at another server and holds both kinds of licence at once, user 3
# stays over midnight, user 4 logs in when the file is closed, and a server in New York
# has a row of user 2 that ends after the period.
FILES = [
    file_of(
        "2026-05-05",
        FOURTH,
        FIFTH,
        [
            (1, "A|X", 36_000, 43_200, 0),
            (2, "B", 36_000, 39_600, 0),
            (1, "B", 39_600, 46_800, 0),
            (3, "A", 85_500, 86_400, 2),
        ],
        offset=120,
    ),
    file_of(
        "2026-05-05",
        FOURTH,
        FIFTH,
        [(1, "A", 43_200, 45_000, 0)],
        server="IC02",
        offset=120,
    ),
    file_of(
        "2026-05-06",
        FIFTH,
        "2026-05-06T10:00:00Z",
        [
            (3, "A", 0, 900, 1),
            (4, "A_CONCURRENT", 43_200, 43_200, 2),
            (5, "Z", 0, 100, 2),
            (5, "I", 0, 100, 0),
        ],
        offset=120,
        closed_by="shutdown",
    ),
    file_of(
        "2026-05-06",
        "2026-05-06T04:00:00Z",
        "2026-05-07T04:00:00Z",
        [(2, "B", 61_200, 79_200, 0)],
        server="IC03",
        offset=-240,
    ),
]
EIGHT = "2026-05-05T08:00:00Z"


def line(named: int, logins: int, used: int, rows: int, at: str) -> Json:
    """Return the figures of a line that one user at a time makes up."""
    sums = {"named_users": named, "logins": logins}
    return sums | {"used_seconds": used, "row_seconds": rows, "peak": 1, "peak_at": at}


def held(seconds: int, runs: int) -> Json:
    runs_of = {"peak_seconds": seconds, "peak_runs": runs}
    return runs_of | {"held_30min": 1, "held_30min_from": EIGHT}


DAYS = [
    day_of(
        FOURTH,
        FIFTH,
        hours_from(4),
        {
            "agent": line(2, 3, 9_900, 9_900, EIGHT),
            "business": line(1, 2, 5_400, 10_800, EIGHT),
            "add_on:X": line(1, 1, 7_200, 7_200, EIGHT),
        },
        {
            (EIGHT, "agent"): (1, 1),
            (EIGHT, "business"): (1, 1),
            (EIGHT, "add_on:X"): (1, 1),
            ("2026-05-05T09:00:00Z", "agent"): (1, 1),
            ("2026-05-05T09:00:00Z", "add_on:X"): (1, 1),
            ("2026-05-05T10:00:00Z", "agent"): (1, 1),
            # The person with a business licence from 10:30 was an agent before.
            ("2026-05-05T10:00:00Z", "business"): (1, 0),
            ("2026-05-05T21:00:00Z", "agent"): (1, 1),
        },
        day="2026-05-05",
    ),
    day_of(
        FIFTH,
        SIXTH,
        hours_from(5),
        {
            "agent": line(2, 1, 900, 900, FIFTH),
            "business": line(1, 1, 3_600, 3_600, "2026-05-06T21:00:00Z"),
        },
        {
            (FIFTH, "agent"): (1, 1),
            ("2026-05-06T09:00:00Z", "agent"): (0, 1),
            ("2026-05-06T21:00:00Z", "business"): (1, 1),
        },
        day="2026-05-06",
    ),
]
OUTSIDE = day_of(
    SIXTH,
    SEVENTH,
    hours_from(6),
    {"business": line(1, 0, 14_400, 14_400, SIXTH)},
    {(hour, "business"): (1, 1) for hour in hours_from(6)[:4]},
    side="after",
    day="2026-05-07",
)
STATEMENT = statement_of(
    FILES,
    BERLIN,
    unclassified=["Z"],
    totals={
        "named_users": 4,
        "logins": 7,
        "rows": 8,
        "used_seconds": 34_200,
        "row_seconds": 39_600,
        "peak": 2,
        "peak_at": EIGHT,
        "peak_seconds": 3_600,
        "peak_runs": 1,
    },
    lines={
        "agent": line(3, 4, 10_800, 10_800, EIGHT) | held(10_800, 2),
        "business": line(1, 3, 23_400, 28_800, EIGHT) | held(23_400, 3),
        "add_on:X": line(1, 1, 7_200, 7_200, EIGHT) | held(7_200, 1),
    },
    days=DAYS,
    outside=[OUTSIDE],
    doubtful={"no_logout": 1, "alike_groups": 1},
)

Run = Callable[..., tuple[int, str, str]]
Entries = dict[str, str]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that verifies entries: exit code, output, errors."""

    def verify(entries: Entries, *options: str) -> tuple[int, str, str]:
        code = verifier.main([str(pack(tmp_path, entries)), *options])
        output = capsys.readouterr()
        return code, output.out, output.err

    return verify


@pytest.fixture
def recomputed(run: Run) -> Callable[..., Any]:
    """Return a function that recomputes one figure of files, whatever is stated."""

    def of(path: str, files: list[Json], **period: str) -> Any:
        statement = statement_of(files, BERLIN | period)
        entries = entries_of(statement, files, ALIKE)
        _, output, errors = run(entries, "--figure", path)
        assert errors == ""
        return json.loads(output.rpartition("recomputed ")[2])

    return of


def entries() -> Entries:
    return entries_of(STATEMENT, FILES, ALIKE)


def test_a_statement_that_is_right_agrees(run: Run) -> None:
    code, output, errors = run(entries())
    assert (code, errors) == (0, "")
    lines = output.splitlines()
    assert lines[-1] == "All 552 figures agree."
    assert "totals: 9 compared" in lines
    assert "lines: 39 compared" in lines
    assert "days: 40 compared" in lines
    assert "doubtful: 5 compared" in lines
    assert "completeness, owed, covered, unreadable: taken as stated" in lines


# Every figure, changed


def leaves(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the container and the key of each value that is no container."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        if isinstance(inner, dict | list):
            yield from leaves(inner)
        elif key not in {"id", "day", "side", "owed", "covered"}:
            yield value, key


def differences(statement: Json, found: Json) -> list[str]:
    stated = verifier.stated_figures(deepcopy(statement))
    hashed = {name: statement[name] for name in HASHED}
    figures = found | {"figures_sha256": canonical_sha256(hashed)}
    return [
        path
        for path in stated | figures
        if stated.get(path, ...) != figures.get(path, ...)
    ]


def test_each_figure_that_is_changed_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(pack(tmp_path, entries())) as archive:
        found = verifier.Recount(verifier.EvidencePackage(archive)).run()
    changed = deepcopy(STATEMENT)
    assert differences(changed, found) == []
    named: list[str] = []
    for part in ("files", "totals", "lines", "days", "outside", "doubtful"):
        for container, key in leaves(changed[part]):
            if (
                key == "starts_at"
                and "hours" not in container
                and "day" not in container
            ):
                continue  # names an hour
            right = container[key]
            container[key] = 987_654 if right != 987_654 else 0
            [path] = differences(signed(changed), found)
            assert path.endswith(f".{key}")
            named.append(path)
            container[key] = right
    assert len(set(named)) == len(named) == 552 - 4
    assert "lines.add_on:X.held_30min_from" in named
    assert "days.2026-05-05.business.row_seconds" in named
    assert "outside.after.2026-05-07.hours.2026-05-07T01:00:00Z.agent.users" in named


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (lambda s: s["totals"].update(peak=3), "totals.peak: stated 3, recomputed 2"),
        (lambda s: s["totals"].update(peak=2.0), None),
        (
            lambda s: s["lines"][0].update(peak=True),
            "lines.agent.peak: stated true, recomputed 1",
        ),
        (
            lambda s: s["lines"][1].pop("logins"),
            "lines.business.logins: stated nothing, recomputed 3",
        ),
        (
            lambda s: s["totals"].update(price=9),
            "totals.price: stated 9, recomputed nothing",
        ),
        (
            lambda s: s["period"].update(starts_at=FIFTH),
            f'period.starts_at: stated "{FIFTH}", recomputed "{FOURTH}"',
        ),
        (
            lambda s: s["catalogue"].update(unclassified=[]),
            'catalogue.unclassified: stated [], recomputed ["Z"]',
        ),
        (
            lambda s: s["outside"].clear(),
            f'outside.after.2026-05-07.starts_at: stated nothing, recomputed "{SIXTH}"',
        ),
        (
            lambda s: s["outside"][0].update(side="before"),
            f'outside.before.2026-05-07.starts_at: stated "{SIXTH}", '
            "recomputed nothing",
        ),
        (
            lambda s: s["days"][0]["hours"].pop(),
            "days.2026-05-05.hours.2026-05-05T21:00:00Z.agent.peak: stated nothing, "
            "recomputed 1",
        ),
    ],
)
def test_a_difference_is_printed_with_both_values(
    run: Run, change: Callable[[Json], object], path: str | None
) -> None:
    statement = deepcopy(STATEMENT)
    change(statement)
    code, output, errors = run(entries_of(signed(statement), FILES, ALIKE))
    if path is None:
        assert (code, errors) == (
            2,
            f"{errors.partition(':')[0]}: statement.json: 2.0\n",
        )
    else:
        assert code == 1
        assert path in output.splitlines()
        assert " figures differ." in output


def test_a_false_hash_of_the_figures_differs(run: Run) -> None:
    changed = STATEMENT | {"completeness": {"owed": 5}}
    code, output, _ = run(entries_of(changed, FILES, ALIKE))
    assert code == 1
    assert "figures_sha256: stated" in output
    assert "\n1 of 552 figures differ." in output


def test_files_that_do_not_open_are_taken_as_stated(run: Run) -> None:
    files = STATEMENT["files"] | {"unreadable": ["0" * 64]}
    code, output, _ = run(
        entries_of(signed(STATEMENT | {"files": files}), FILES, ALIKE)
    )
    assert (code, output.splitlines()[-1]) == (0, "All 552 figures agree.")


def test_a_list_where_a_figure_belongs_differs(run: Run) -> None:
    totals = STATEMENT["totals"] | {"peak": [2]}
    statement = signed(STATEMENT | {"totals": totals})
    code, output, _ = run(entries_of(statement, FILES, ALIKE))
    assert code == 1
    assert "totals.peak: stated [2], recomputed 2" in output


def test_at_most_twenty_differences_are_printed(run: Run) -> None:
    statement = statement_of(FILES, BERLIN, days=DAYS[:1])
    code, output, _ = run(entries_of(statement, FILES, ALIKE))
    assert code == 1
    assert output.count(", recomputed ") == 20


def test_a_changed_list_of_files_differs(run: Run) -> None:
    changed = json.loads(entries()["files.json"])
    changed["files"][0]["server"] = "IC09"
    code, output, _ = run(entries() | {"files.json": json.dumps(changed)})
    assert code == 1
    assert "files.manifest_sha256: stated" in output
    assert "\n1 of 552 figures differ." in output


def test_a_file_of_another_period_does_not_count(
    recomputed: Callable[..., Any],
) -> None:
    other = file_of("2026-05-04", "2026-05-03T22:00:00Z", FOURTH, [(5, "A", 0, 9, 0)])
    assert recomputed("files.count", [*FILES, other]) == 4
    assert recomputed("files.bytes", [*FILES, other]) == 4_010
    assert recomputed("totals.named_users", [*FILES, other]) == 4


# Rules, by example


def one_day(rows: list[Row], **facts: Any) -> Json:
    return file_of("2026-05-05", FOURTH, FIFTH, rows, **{"offset": 120, **facts})


def test_users_of_two_servers_at_the_same_time_are_one(
    recomputed: Callable[..., Any],
) -> None:
    files = [one_day([(1, "A", 0, 100, 0)]), one_day([(1, "A", 50, 150, 0)])]
    assert recomputed("lines.agent.used_seconds", files) == 150
    assert recomputed("lines.agent.row_seconds", files) == 200
    assert recomputed("lines.agent.peak", files) == 1
    assert recomputed("lines.agent.peak_runs", files) == 1


def test_a_logout_and_a_login_at_one_second_cancel_out(
    recomputed: Callable[..., Any],
) -> None:
    files = [one_day([(1, "A", 0, 100, 0)]), one_day([(2, "A", 100, 200, 0)])]
    assert recomputed("lines.agent.peak", files) == 1
    assert recomputed("lines.agent.peak_runs", files) == 1
    assert recomputed("lines.agent.peak_seconds", files) == 200


def test_business_counts_only_where_the_user_is_no_agent(
    recomputed: Callable[..., Any],
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
    recomputed: Callable[..., Any],
) -> None:
    files = [one_day([(1, "B_CONCURRENT|A_CONCURRENT", 0, 60, 0)])]
    assert recomputed("lines.agent.logins", files) == 1
    assert recomputed("lines.business.logins", files) == 0
    assert recomputed("catalogue.unclassified", files) == []


def test_flags_1_and_4_are_no_logins(recomputed: Callable[..., Any]) -> None:
    rows = [(1, "A", 0, 60, flags) for flags in range(8)]
    assert recomputed("totals.logins", [one_day(rows)]) == 2
    assert recomputed("totals.rows", [one_day(rows)]) == 8


def test_half_an_hour_is_held_across_midnight(recomputed: Callable[..., Any]) -> None:
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
    recomputed: Callable[..., Any],
) -> None:
    files = [one_day([(1, "A", 0, 1_799, 0)])]
    assert recomputed("lines.agent.held_30min", files) == 0
    assert recomputed("lines.agent.held_30min_from", files) is None


def test_the_first_half_hour_at_the_level_is_named(
    recomputed: Callable[..., Any],
) -> None:
    rows = [(1, "A", 0, 8_000, 0), (2, "A", 100, 1_900, 0), (3, "A", 4_000, 6_000, 0)]
    assert recomputed("lines.agent.held_30min", [one_day(rows)]) == 2
    start = "2026-05-04T22:01:40Z"
    assert recomputed("lines.agent.held_30min_from", [one_day(rows)]) == start


def test_a_row_of_no_length_is_a_user_and_a_login(
    recomputed: Callable[..., Any],
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
    recomputed: Callable[..., Any],
) -> None:
    backwards = file_of(
        "2026-05-06", FIFTH, FOURTH, [(1, "A", 0, 0, 0)], closed_by="clock"
    )
    assert recomputed("days.2026-05-06.agent.logins", [backwards]) == 1
    assert recomputed("days.2026-05-05.agent.logins", [backwards]) == 0


def test_an_assigned_day_shifts_rows_by_whole_days(
    recomputed: Callable[..., Any],
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
    recomputed: Callable[..., Any], closed_by: str, count: str
) -> None:
    files = [one_day([(1, "A", 0, 60, 2), (2, "B", 0, 60, 6)], closed_by=closed_by)]
    assert recomputed(f"doubtful.{count}", files) == 2


def test_rows_before_the_period_are_outside(recomputed: Callable[..., Any]) -> None:
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
    recomputed: Callable[..., Any],
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
        ("America/Havana", "2026-11-01", "2026-11-01T05:00", "2026-11-02T05:00", 24),
        ("America/Havana", "2026-10-31", "2026-10-31T04:00", "2026-11-01T05:00", 25),
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


# One figure


def test_one_figure_is_printed_alone(run: Run) -> None:
    path = "days.2026-05-05.agent.used_seconds"
    code, output, _ = run(entries(), "--figure", path)
    assert (code, output) == (0, f"{path}: stated 9900, recomputed 9900\n")
    changed = deepcopy(STATEMENT)
    changed["lines"][0]["peak"] = 7
    package = entries_of(signed(changed), FILES, ALIKE)
    code, output, _ = run(package, "--figure", "lines.agent.peak")
    assert (code, output) == (1, "lines.agent.peak: stated 7, recomputed 1\n")


def test_a_figure_that_does_not_exist_is_refused(run: Run) -> None:
    code, output, errors = run(entries(), "--figure", "lines.agent.price")
    assert (code, output) == (2, "")
    assert "no figure has the path 'lines.agent.price'" in errors


# Packages that cannot be read


def changed_json(name: str, change: Callable[[Any], object]) -> Entries:
    value = json.loads(entries()[name])
    change(value)
    return entries() | {name: json.dumps(value)}


ROWS = "user,licences,login,logout,flags\n"
DAMAGED: list[tuple[Entries, str]] = [
    ({}, "users.csv: KeyError"),
    ({**entries(), "statement.json": "{"}, "statement.json: Expecting"),
    ({**entries(), "statement.json": "[" * 100_000}, "statement.json: RecursionError"),
    ({**entries(), "statement.json": "[]"}, "statement.json: TypeError"),
    ({**entries(), "statement.json": "{}"}, "statement.json: KeyError('catalogue')"),
    ({**entries(), "files.json": '{"files": NaN}'}, "files.json: NaN"),
    ({**entries(), "rows.json": '{"files": []}'}, "rows.json: not the files"),
    ({**entries(), "users.csv": ""}, "users.csv: the first line is not user,alike"),
    ({**entries(), "users.csv": "user,alike\n1\n"}, "users.csv, line 2: wrong number"),
    ({**entries(), "users.csv": "user,alike\n1,x\n"}, "users.csv, line 2: invalid"),
    ({**entries(), "users.csv": "user,alike\n1,1\n"}, "rows/0001.csv, line 3: a value"),
    ({**entries(), "rows/0001.csv": ROWS + "1,A,0\n"}, "rows/0001.csv, line 2: wrong"),
    ({**entries(), "rows/0001.csv": ROWS + "1,A,9,8,0\n"}, "line 2: a value is out"),
    (
        {**entries(), "rows/0001.csv": ROWS + "1,A,0,86401,0\n"},
        "line 2: a value is out",
    ),
    ({**entries(), "rows/0001.csv": ROWS + "1,A,0,9,8\n"}, "line 2: a value is out"),
    ({**entries(), "rows/0001.csv": ROWS + "1,A,-1,9,0\n"}, "line 2: a value is out"),
    ({**entries(), "rows/0001.csv": ROWS + "1,A,0,9.5,0\n"}, "line 2: invalid literal"),
    ({**entries(), "rows/0001.csv": ROWS + f'1,"{"A" * 200_000}",0,9,0\n'}, "Error("),
    (changed_json("statement.json", lambda s: s.update(rules=2)), "version 1"),
    (
        changed_json("statement.json", lambda s: s["period"].update(zone="Mars/Base")),
        "try: pip install tzdata",
    ),
    (
        changed_json(
            "statement.json", lambda s: s["period"].update(last_day="2026-05-04")
        ),
        "have no days",
    ),
    (
        changed_json(
            "statement.json", lambda s: s["period"].update(last_day="9026-05-04")
        ),
        "or more than 150",
    ),
    (
        changed_json("statement.json", lambda s: s["days"].append(s["days"][0])),
        "is stated twice",
    ),
    (
        changed_json(
            "statement.json",
            lambda s: s["catalogue"]["entries"].append(
                {"licence_key": "A", "kind": "ignored"}
            ),
        ),
        "the catalogue has a key twice",
    ),
    (
        changed_json(
            "rows.json",
            lambda r: r["files"][0].update(closed_at="2027-05-05T22:00:00Z"),
        ),
        "open for more than 150 days",
    ),
    (
        changed_json("rows.json", lambda r: r["files"][0].update(closed_by="nobody")),
        "rows.json: KeyError('nobody')",
    ),
    (
        changed_json("rows.json", lambda r: r["files"][0].update(opened_at="today")),
        "rows.json: time data 'today' does not match",
    ),
    (
        changed_json("rows.json", lambda r: r["files"][0].update(rows="rows/0.csv")),
        "rows/0.csv: KeyError",
    ),
]


@pytest.mark.parametrize(("damaged", "message"), DAMAGED)
def test_a_package_that_cannot_be_read_is_named(
    run: Run, damaged: Entries, message: str
) -> None:
    code, output, errors = run(damaged)
    assert (code, output) == (2, "")
    assert errors.startswith("Cannot verify: ")
    assert errors.count("\n") == 1
    assert message in errors


def test_bytes_that_are_no_archive_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = pack(tmp_path, entries())
    whole = path.read_bytes()
    rows = whole.index(b"rows/0001.csv") + 40
    for content in (b"", b"PK", whole[:-30], whole[:rows] + b"?" + whole[rows + 1 :]):
        path.write_bytes(content)
        assert verifier.main([str(path)]) == 2
        assert capsys.readouterr().err.startswith("Cannot verify: ")
    assert verifier.main([str(tmp_path / "none.zip")]) == 2


def test_entries_and_tables_are_bounded(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifier, "MOST_LINES", 4)
    assert "users.csv, line 5: wrong number" in run(entries())[2]
    monkeypatch.setattr(verifier, "MOST_BYTES", 30)
    assert "users.csv: more than 30 bytes" in run(entries())[2]


# Alone


def test_the_program_needs_nothing_installed(tmp_path: Path) -> None:
    program = tmp_path / "verifier.py"
    shutil.copy(verifier.__file__, program)
    command = [sys.executable, "-I", "-S", str(program), str(pack(tmp_path, entries()))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if any(Path(folder, "Europe/Berlin").exists() for folder in zoneinfo.TZPATH):
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.endswith("All 552 figures agree.\n")
    else:
        assert done.returncode == 2
        assert "try: pip install tzdata" in done.stderr
