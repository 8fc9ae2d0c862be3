"""Times before and after are shown so that their difference can be read."""

import pytest

from billing.statements.difference_text import value_texts

pytestmark = pytest.mark.plain

HOURS = 3_600
MANY = 31_712 * HOURS


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        (MANY, MANY + 13_704 * HOURS, ("31,712.0 h", "45,416.0 h")),
        (MANY, MANY + HOURS, ("31,712.0 h", "31,713.0 h")),
        (MANY, MANY + HOURS - 1, ("31,712:00:00", "31,712:59:59")),
        (MANY + 1, MANY, ("31,712:00:01", "31,712:00:00")),
        (0, 2 * HOURS, ("0.0 h", "2.0 h")),
        (180, 13 * HOURS + 3_480, ("0.1 h", "14.0 h")),
        (0, 30, ("0:00:00", "0:00:30")),
        (None, 30, ("0:00:00", "0:00:30")),
    ],
)
def test_times_are_hours_unless_they_differ_by_less(
    before: int | None, after: int, shown: tuple[str, str]
) -> None:
    for field in ("used_seconds", "row_seconds", "peak_seconds"):
        assert value_texts(field, before, after) == shown


def test_other_figures_are_shown_each_by_itself() -> None:
    assert value_texts("peak", 1_212, None) == ("1,212", "0")
    assert value_texts("bytes", 2_000_000, 0) == ("2.00 MB", "0 KB")
    assert value_texts("server:IC01", None, "missing") == ("none", "missing")
