"""The portal's figures equal those of two independent counters on random months."""

import pytest

from tests.billing.statements import brute_force, duckdb_figures, product_figures
from tests.billing.statements.comparison import differences
from tests.billing.statements.months import random_month
from tests.billing.statements.seeds import AT_ONCE, SEEDS

pytestmark = [pytest.mark.plain, pytest.mark.slow]


@pytest.mark.parametrize("first", SEEDS[::AT_ONCE])
def test_the_portal_counts_as_plain_loops_and_window_functions_do(first: int) -> None:
    seeds = range(first, min(first + AT_ONCE, SEEDS.stop))
    months = [random_month(seed) for seed in seeds]
    of_all = duckdb_figures.figures_of_all(months)
    for seed, month, figures in zip(seeds, months, of_all, strict=True):
        found = product_figures.figures_of(month)
        assert differences(brute_force.figures_of(month), found) == [], seed
        assert differences(figures, found) == [], seed
