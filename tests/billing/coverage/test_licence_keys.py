"""Which licence key decides on a day, and since when keys and modes are held."""

from datetime import date
from itertools import permutations

import pytest

from billing.coverage.facts import Mode
from billing.coverage.licences import (
    AUTOMATED,
    KEYS,
    MANUAL,
    VIRTUAL_CLOUD,
    deciding_key,
    held_on,
    mode_of,
    mode_on,
)

pytestmark = pytest.mark.plain

APRIL, MAY, JUNE = date(2026, 4, 28), date(2026, 5, 10), date(2026, 6, 1)


@pytest.mark.parametrize(
    ("keys", "deciding", "mode", "overruled"),
    [
        ([], "", Mode.NONE, ()),
        (["I3_ACCESS_CLIENT"], "", Mode.NONE, ()),
        ([MANUAL], MANUAL, Mode.MANUAL, ()),
        ([AUTOMATED], AUTOMATED, Mode.AUTOMATED, ()),
        ([VIRTUAL_CLOUD], VIRTUAL_CLOUD, Mode.AUTOMATED, ()),
        ([VIRTUAL_CLOUD, AUTOMATED], AUTOMATED, Mode.AUTOMATED, ()),
        ([AUTOMATED, MANUAL], MANUAL, Mode.MANUAL, (AUTOMATED,)),
        ([VIRTUAL_CLOUD, MANUAL], MANUAL, Mode.MANUAL, (VIRTUAL_CLOUD,)),
        (KEYS[::-1], MANUAL, Mode.MANUAL, (AUTOMATED, VIRTUAL_CLOUD)),
    ],
)
def test_the_key_for_manual_upload_wins(
    keys: list[str], deciding: str, mode: Mode, overruled: tuple[str, ...]
) -> None:
    held = held_on([(APRIL, keys)], MAY)
    assert deciding_key(keys) == held.deciding == deciding
    assert mode_of(keys) is held.mode is mode
    assert held.overruled == overruled
    assert set(held.key_since) == set(keys) & set(KEYS)


def test_before_the_first_change_nothing_is_held() -> None:
    never, later = held_on([], APRIL), held_on([(MAY, [MANUAL])], APRIL)
    for held in (never, later):
        assert (held.mode, held.mode_since, held.deciding) == (Mode.NONE, None, "")
        assert held.key_since == {}
    assert never.later is None
    assert later.later == (MAY, Mode.MANUAL)


@pytest.mark.parametrize("order", [*permutations(range(3))])
def test_a_mode_and_a_key_are_held_since_the_last_break(order: tuple[int, ...]) -> None:
    history = [
        (APRIL, [AUTOMATED]),
        (MAY, [MANUAL, AUTOMATED]),
        (JUNE, [MANUAL]),
    ]
    changes = [history[number] for number in order]
    in_may, in_june = held_on(changes, date(2026, 5, 31)), held_on(changes, JUNE)
    assert in_may.mode_since == in_june.mode_since == MAY
    assert in_may.key_since == {MANUAL: MAY, AUTOMATED: APRIL}
    assert in_june.key_since == {MANUAL: MAY}
    # The change in June brings no other mode.
    assert in_may.later is in_june.later is None
    assert held_on(changes, APRIL).later == (MAY, Mode.MANUAL)
    assert [mode_on(changes, day) for day in (APRIL, MAY)] == [
        Mode.AUTOMATED,
        Mode.MANUAL,
    ]


def test_a_key_that_was_given_up_counts_from_when_it_was_held_again() -> None:
    changes = [(APRIL, [MANUAL]), (MAY, []), (JUNE, [MANUAL])]
    assert held_on(changes, JUNE).key_since == {MANUAL: JUNE}
    assert held_on(changes, MAY).mode_since == MAY
    assert held_on(changes, MAY).later == (JUNE, Mode.MANUAL)
