"""Two independent counters agree on random months, which reach every hard case."""

import pytest

from tests.billing.statements import brute_force, duckdb_figures
from tests.billing.statements.comparison import differences
from tests.billing.statements.hard_cases import HARD_CASES, Counted
from tests.billing.statements.months import Month, random_month
from tests.billing.statements.seeds import AT_ONCE, DEFAULT, SEEDS

pytestmark = [pytest.mark.plain, pytest.mark.slow]


# The portal is compared with both on all months (`test_figures`).
@pytest.mark.parametrize("first", SEEDS[:AT_ONCE:AT_ONCE])
def test_plain_loops_and_window_functions_agree(first: int) -> None:
    seeds = range(first, min(first + AT_ONCE, SEEDS.stop))
    months = [random_month(seed) for seed in seeds]
    of_all = duckdb_figures.figures_of_all(months)
    for seed, month, figures in zip(seeds, months, of_all, strict=True):
        assert differences(brute_force.figures_of(month), figures) == [], seed


def test_the_figures_of_a_month_do_not_depend_on_the_others() -> None:
    months = [random_month(seed) for seed in range(3)]
    of_all = duckdb_figures.figures_of_all(months)
    assert [duckdb_figures.figures_of(month) for month in months] == of_all


def test_random_months_reach_every_hard_case() -> None:
    unreached = set(HARD_CASES)
    for seed in range(DEFAULT):
        month = random_month(seed)
        counted = Counted(month, brute_force.figures_of(month))
        unreached -= {name for name in unreached if HARD_CASES[name](counted)}
    assert unreached == set()


@pytest.mark.parametrize("first", [0, 50])
def test_the_rows_of_random_months_keep_the_format(first: int) -> None:
    for seed in range(first, first + 50):
        check_format(random_month(seed))


def check_format(month: Month) -> None:
    for file in month.files:
        assert abs(file.opened_offset) <= 1080
        for row in file.rows:
            assert 0 <= row.login <= row.logout <= file.span
            assert not row.flags & 1 or row.login == 0
            assert not row.flags & 2 or row.logout == file.span
            assert len(set(row.licences)) == len(row.licences)
    numbers = {(file.series, file.sequence) for file in month.files}
    assert len(numbers) == len(month.files)
