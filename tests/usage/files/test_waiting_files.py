"""A period counts the waiting files that its own days wait for."""

from datetime import date

import pytest

from usage.files.waiting import FilePlace, WaitingCount, WaitingFiles, sum_up

WITHIN, BEFORE, BEHIND = FilePlace.WITHIN, FilePlace.BEFORE, FilePlace.BEHIND
APRIL, JUNE = date(2026, 4, 20), date(2026, 6, 2)


def counted(server: str, place: FilePlace, waits_for: str, files: int) -> WaitingCount:
    day = APRIL if place is BEFORE else JUNE
    return WaitingCount(server, place, waits_for, files, first=day, last=day)


@pytest.mark.parametrize(
    ("found", "waiting", "expected"),
    [
        pytest.param(
            [
                counted("IC01", WITHIN, "decision", 2),
                counted("IC01", BEHIND, "key", 5),
                counted("", WITHIN, "check", 3),
            ],
            {"IC01"},
            WaitingFiles(held=2, received=3),
            id="its own files alone, and those of an unknown day",
        ),
        pytest.param(
            [counted("IC77", BEHIND, "key", 5)],
            {"IC77"},
            WaitingFiles(to_confirm={"IC77": 1}),
            id="the nearest file behind, where its server waits",
        ),
        pytest.param(
            [counted("IC77", BEFORE, "key", 5), counted("IC77", BEHIND, "key", 5)],
            {"IC77"},
            WaitingFiles(to_confirm={"IC77": 2}),
            id="the nearest file on each side",
        ),
        pytest.param(
            [counted("IC77", BEHIND, "key", 5), counted("IC02", BEHIND, "decision", 1)],
            {"IC01"},
            WaitingFiles(),
            id="nothing of servers whose days do not wait",
        ),
        pytest.param(
            [
                counted("IC01", WITHIN, "decision", 1),
                counted("IC77", BEHIND, "key", 5),
            ],
            {"IC01", "IC77"},
            WaitingFiles(held=1, to_confirm={"IC77": 1}),
            id="each waiting server by itself",
        ),
    ],
)
def test_a_period_counts_what_its_days_wait_for(
    found: list[WaitingCount], waiting: set[str], expected: WaitingFiles
) -> None:
    assert sum_up(found, waiting=waiting) == expected


def test_of_files_that_wait_for_different_things_the_nearest_counts() -> None:
    near, far = date(2026, 5, 28), date(2026, 6, 9)
    found = [
        WaitingCount("IC01", BEHIND, "decision", 4, first=far, last=far),
        WaitingCount("IC01", BEHIND, "key", 1, first=near, last=near),
    ]
    assert sum_up(found, waiting={"IC01"}) == WaitingFiles(to_confirm={"IC01": 1})
