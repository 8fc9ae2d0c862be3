"""A statement of two days with its evidence, every figure counted by hand."""

from tests.billing.statements.evidence_packages import (
    Entries,
    Json,
    day_of,
    entries_of,
    file_of,
    statement_of,
)

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


def entries() -> Entries:
    return entries_of(STATEMENT, FILES, ALIKE)
