"""Months at the limits: no rows, very long sessions, many servers, many users."""

from datetime import date, timedelta
from typing import Any

import pytest

from tests.billing.statements import brute_force, product_figures
from tests.billing.statements.comparison import differences
from tests.billing.statements.months import File, Month, UsageRow
from tests.billing.statements.small_months import KINDS, file_of

pytestmark = pytest.mark.plain

A_DAY = 86_400
BERLIN = "Europe/Berlin"


def month_of(*files: File) -> Month:
    return Month("2026-06", BERLIN, None, KINDS, files)


def figures_of(*files: File) -> dict[str, Any]:
    """Return the portal's figures, which are those of plain loops."""
    month = month_of(*files)
    found = product_figures.figures_of(month)
    assert differences(brute_force.figures_of(month), found) == []
    return found


def line(figures: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in figures["lines"] if one["id"] == name)


def test_files_without_rows_give_zeros() -> None:
    found = figures_of(file_of("2026-06-01"), file_of("2026-06-02"))
    assert found["totals"]["peak_at"] is None
    assert {found["totals"][name] for name in ("named_users", "rows", "peak")} == {0}
    assert found["outside"] == []


def test_a_session_of_the_whole_period_is_one_run() -> None:
    days = [date(2026, 5, 28) + timedelta(days=number) for number in range(31)]
    flags = [2, *[3] * 29, 1]
    files = [
        file_of(str(day), UsageRow("ada", ("AGENT",), 0, A_DAY, flag))
        for day, flag in zip(days, flags, strict=True)
    ]
    agent = line(figures_of(*files), "agent")
    assert (agent["logins"], agent["named_users"]) == (1, 1)
    assert (agent["peak"], agent["peak_runs"]) == (1, 1)
    assert agent["peak_seconds"] == agent["used_seconds"] == 31 * A_DAY
    assert agent["held_30min_from"] == "2026-05-27T22:00:00Z"


def test_a_user_on_forty_servers_at_once_is_one_user() -> None:
    row = UsageRow("ada", ("AGENT", "RECORDER"), 3600, 7200, 0)
    files = [
        file_of("2026-06-01", row, server=f"IC{number:02}") for number in range(40)
    ]
    found = figures_of(*files)
    assert found["totals"]["peak"] == found["totals"]["named_users"] == 1
    assert found["totals"]["row_seconds"] == 40 * found["totals"]["used_seconds"]
    assert line(found, "agent")["logins"] == 40


def test_twenty_thousand_users_are_counted_one_by_one() -> None:
    rows = [
        UsageRow(f"user{number}", ("DESK",), number, A_DAY - number, 0)
        for number in range(20_000)
    ]
    month = month_of(file_of("2026-06-01", *rows))
    business = line(product_figures.figures_of(month), "business")
    assert business["named_users"] == business["peak"] == business["logins"] == 20_000
    # The last one logs in at 05:33:19, the first to leave is the same user.
    assert business["peak_at"] == "2026-06-01T03:33:19Z"
    assert business["peak_seconds"] == A_DAY - 2 * 19_999
