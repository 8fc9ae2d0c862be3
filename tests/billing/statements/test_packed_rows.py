"""Figures do not depend on how rows are packed, cut into blocks and added up."""

from collections.abc import Mapping

import pytest

from billing.statements.compute import levels, packed_rows
from tests.billing.statements.months import random_month
from tests.billing.statements.product_figures import figures_of

pytestmark = pytest.mark.plain

SEEDS = range(12)

# Small months reach the limits only if these are small too.
CHANGED: Mapping[str, tuple[object, Mapping[str, int]]] = {
    "a block for each user": (packed_rows, {"_BLOCK_ROWS": 1}),
    "an array with an entry for each second": (levels, {"_FEW": 0}),
    "changes added up after each block": (levels, {"_FEW": 0, "_MANY": 1}),
    # Beside the users of a small month there is room for few lines.
    "groups of few lines": (packed_rows, {"_BITS": 2 * 17 + 6}),
}


@pytest.mark.parametrize("name", CHANGED)
def test_figures_are_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    months = [random_month(seed) for seed in SEEDS]
    expected = [figures_of(month) for month in months]
    module, values = CHANGED[name]
    for attribute, value in values.items():
        monkeypatch.setattr(module, attribute, value)
    assert [figures_of(month) for month in months] == expected


@pytest.mark.parametrize("most_user", [0, 1, 1_000_000, 2**28 - 1])
def test_every_line_is_in_one_group(most_user: int) -> None:
    lines = [f"line {number}" for number in range(40)]
    groups = packed_rows.groups_of(lines, most_user=most_user)
    assert [line for group in groups for line in group.lines] == lines
    bits = most_user.bit_length() + 2 * 17
    assert all(bits + group.bits <= 63 for group in groups)
