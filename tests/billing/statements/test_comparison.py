"""The comparison of a period with the previous one."""

from typing import Any

import pytest

from billing.coverage.periods import Period
from billing.statements.comparison import ShownComparison, compare, signed
from billing.statements.overview import PeriodFigures

pytestmark = pytest.mark.plain

MAY, JUNE = Period(2026, 5), Period(2026, 6)
MINUS = "\N{MINUS SIGN}"


def overview(peak: int = 100, **changes: Any) -> dict[str, Any]:
    counts = {"lost": 0, "missing": 0, "with_us": 0, "pending": 0}
    line = {"id": "agent", "named_users": peak + 20, "peak": peak}
    return {
        "totals": {"named_users": peak + 30, "peak": peak + 10},
        "lines": [line, {"id": "business", "named_users": 5, "peak": 4}],
        "completeness": counts | changes.pop("completeness", {}),
        "catalogue": 1,
        "files": 60,
        "servers": ["IC01", "IC02"],
        **changes,
    }


def compared(now: dict[str, Any], before: dict[str, Any]) -> ShownComparison:
    found = compare(now, JUNE, [PeriodFigures(MAY, 1, before)])
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("change", "shown"),
    [(0, "0"), (4, "+4"), (-1, f"{MINUS}1"), (-1_200, f"{MINUS}1,200")],
)
def test_a_change_has_a_sign(change: int, shown: str) -> None:
    assert signed(change) == shown


@pytest.mark.parametrize(
    ("peak", "before", "answer"),
    [
        (109, 100, "The peak of Agents is 9% higher than in May 2026."),
        (50, 100, "The peak of Agents is 50% lower than in May 2026."),
        (100, 100, "The peak of Agents is the same as in May 2026."),
        (1_001, 1_000, "The peak of Agents is about the same as in May 2026."),
        (7, 0, "No Agents were logged in during May 2026."),
        (0, 3, "The peak of Agents is 100% lower than in May 2026."),
        (1, 1_000, "The peak of Agents is 99% lower than in May 2026."),
    ],
)
def test_the_answer_compares_the_peaks_of_agents(
    peak: int, before: int, answer: str
) -> None:
    assert compared(overview(peak), overview(before)).answer == answer


@pytest.mark.parametrize(
    ("peak", "before", "is_unusual"),
    [
        *((200, 100, True), (199, 100, False), (51, 100, False), (50, 100, True)),
        *((0, 1, True), (5, 0, False), (0, 0, False)),
    ],
)
def test_half_or_double_is_unusual(peak: int, before: int, *, is_unusual: bool) -> None:
    assert compared(overview(peak), overview(before)).is_unusual is is_unusual


def test_a_period_that_is_not_over_is_not_unusual() -> None:
    running = overview(10, completeness={"pending": 1})
    assert compared(running, overview(100)).is_unusual is False


def test_a_period_without_files_says_nothing() -> None:
    empty = PeriodFigures(MAY, None, overview(0, files=0))
    assert compare(overview(), JUNE, [empty]) is None


def test_changes_are_named_by_line() -> None:
    found = compared(overview(109), overview(100))
    assert found.month == "May 2026"
    assert found.named_users == {"total": "+9", "agent": "+9", "business": "0"}
    assert found.peaks == {"total": "+9", "agent": "+9", "business": "0"}


def test_a_line_that_is_new_has_grown_from_nothing() -> None:
    now = overview()
    now["lines"].append({"id": "add_on:X", "named_users": 3, "peak": 2})
    assert compared(now, overview()).peaks["add_on:X"] == "+2"


def test_equal_facts_give_no_explanations() -> None:
    # Both periods have 22 days from Monday to Friday.
    assert compared(overview(150), overview()).explanations == []


def test_differences_are_listed() -> None:
    servers = [f"IC{number:02}" for number in range(2, 9)]
    now = overview(servers=servers, catalogue=2, completeness={"pending": 4})
    before = overview(completeness={"lost": 3, "missing": 1, "with_us": 2})
    assert compared(now, before).explanations == [
        "Servers that had no usage in May 2026: IC03, IC04, IC05, IC06, IC07 and 1"
        " other.",
        "Servers that had usage in May 2026 and have none now: IC01.",
        "Server-days lost: 0 (May 2026: 3).",
        "Server-days missing: 0 (May 2026: 1).",
        "Server-days waiting for the billing team: 0 (May 2026: 2).",
        "The period is not over: 4 server-days are still pending.",
        "Catalogue version: 2 (May 2026: 1).",
    ]


def test_working_days_are_compared() -> None:
    february = PeriodFigures(Period(2026, 2), 1, overview())
    found = compare(overview(), Period(2026, 3), [february])
    assert found is not None
    assert found.explanations == [
        "Working days (Monday to Friday): 20 (February 2026: 23)."
    ]


def test_without_the_period_before_there_is_no_comparison() -> None:
    assert compare(overview(), JUNE, []) is None
    april = PeriodFigures(Period(2026, 4), 1, overview())
    assert compare(overview(), JUNE, [april]) is None
