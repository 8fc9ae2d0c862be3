"""Runs a test with each of the counters."""

import pytest

from tests.billing.statements import brute_force, duckdb_figures
from tests.billing.statements.small_months import FiguresOf


@pytest.fixture(params=[brute_force.figures_of, duckdb_figures.figures_of])
def figures_of(request: pytest.FixtureRequest) -> FiguresOf:
    return request.param  # type: ignore[no-any-return]  # params are untyped
