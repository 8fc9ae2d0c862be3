"""Whose turn it is follows from what keeps the period from being complete."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from billing.coverage.turns import OpenCounts, Step, Turn, next_step

pytestmark = pytest.mark.plain

NOTHING = OpenCounts(
    missing=0, faults=0, with_us=0, lacks_servers=False, to_confirm=0, to_decide=0
)


@pytest.mark.parametrize(
    ("changes", "turn", "step"),
    [
        ({}, Turn.NOBODY, Step.NONE),
        ({"missing": 1}, Turn.TENANT, Step.UPLOAD),
        ({"lacks_servers": True}, Turn.TENANT, Step.UPLOAD),
        ({"with_us": 2, "to_confirm": 10}, Turn.TENANT, Step.CONFIRM_KEYS),
        ({"with_us": 2, "to_decide": 1}, Turn.STAFF, Step.NONE),
        # Received files are checked without anybody.
        ({"with_us": 2}, Turn.PORTAL, Step.NONE),
        ({"faults": 3}, Turn.TENANT, Step.CHECK_SERVERS),
        # A key that no day waits for prevents nothing.
        ({"to_confirm": 1}, Turn.NOBODY, Step.NONE),
        ({"to_decide": 1}, Turn.NOBODY, Step.NONE),
        ({"faults": 3, "with_us": 1, "to_decide": 1}, Turn.STAFF, Step.NONE),
    ],
)
def test_each_reason_names_one_turn(
    changes: dict[str, Any], turn: Turn, step: Step
) -> None:
    assert next_step(replace(NOTHING, **changes)) == (turn, step)


def test_while_the_tenant_can_upload_nobody_else_is_named() -> None:
    others = ("faults", "with_us", "to_confirm", "to_decide")
    for counts in product((0, 1), repeat=len(others)):
        values: dict[str, Any] = dict(zip(others, counts, strict=True))
        found = replace(NOTHING, missing=1, **values)
        assert next_step(found) == (Turn.TENANT, Step.UPLOAD)


def test_the_tenant_has_a_step_exactly_when_it_is_its_turn() -> None:
    names = ("missing", "faults", "with_us", "lacks_servers", "to_confirm", "to_decide")
    for counts in product((0, 1), repeat=len(names)):
        values: dict[str, Any] = dict(zip(names, counts, strict=True))
        turn, step = next_step(replace(NOTHING, **values))
        assert (turn is Turn.TENANT) == (step is not Step.NONE)
