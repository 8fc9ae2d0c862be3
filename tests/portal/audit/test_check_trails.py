"""Trails are checked in parts, up to a stored position, and breaks are found."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest

from portal.audit import chain, check_trails
from portal.audit.chain import Position, check_part
from portal.db import unit_of_work
from portal.history.chain_state import chain_state
from portal.models import TrailCheck
from tests.builders import NOW, Company
from tests.portal.history.trail_entries import add, as_owner, numbers, rewrite

MORNING = NOW.replace(hour=7)


def always() -> bool:
    return True


def run(*, hours: int = 0, has_time: Callable[[], bool] = always) -> list[int | None]:
    at = MORNING + timedelta(hours=hours)
    return check_trails.check_trails(at=at, has_time=has_time)


def check_of(company: Company | None) -> TrailCheck:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        return TrailCheck.objects.get(tenant=company.id if company else None)


def change(company: Company, number: int) -> None:
    as_owner(
        "update portal_auditentry set actor = 'you'"
        " where tenant_id = %s and number = %s",
        *(company.id, number),
    )


def times(count: int) -> Callable[[], bool]:
    """Return what says so many times that there is time."""
    left: Iterator[bool] = iter([True] * count)
    return lambda: next(left, False)


def test_a_part_goes_from_a_position_to_a_limit_or_the_end(alice: Company) -> None:
    add(alice, 5)
    last = numbers(alice)[-1]
    with unit_of_work.acting_for(alice.id, reading=True):
        first = check_part(alice.id, Position(), most=3)
        assert (first.reached.number, first.broken, first.is_end) == (3, None, False)
        rest = check_part(alice.id, first.reached, most=last - 3)
        assert (rest.reached.number, rest.broken, rest.is_end) == (last, None, True)
        none = check_part(alice.id, rest.reached, most=3)
        assert none == rest


def test_a_run_stores_how_far_each_trail_is_unbroken(
    alice: Company, charlie: Company
) -> None:
    add(None, 3)
    assert run() == []
    assert check_of(alice).number == numbers(alice)[-1]
    assert check_of(charlie).number == numbers(charlie)[-1]
    assert check_of(None).number == 3
    add(alice, 2)
    assert run(hours=1) == []
    found = check_of(alice)
    assert found.number == numbers(alice)[-1]
    assert found.checked_at == MORNING + timedelta(hours=1)


@pytest.mark.parametrize("number", [2, 7])
def test_a_change_of_a_new_entry_is_found_by_the_next_run(
    alice: Company, number: int
) -> None:
    add(alice, 10)
    change(alice, number)
    assert run() == [alice.id]
    assert check_of(alice).broken == number
    assert check_of(alice).number == number - 1


def test_a_change_before_the_stored_position_is_found_at_night(alice: Company) -> None:
    add(alice, 10)
    run()
    change(alice, 3)
    assert run(hours=1) == []
    assert run(hours=24) == [alice.id]
    assert check_of(alice).broken == 3


def test_a_trail_that_is_cut_off_is_found_by_the_next_run(alice: Company) -> None:
    add(alice, 10)
    run()
    last = numbers(alice)[-1]
    as_owner(
        "delete from portal_auditentry where number > 4 and tenant_id = %s", alice.id
    )
    assert run(hours=1) == [alice.id]
    assert check_of(alice).broken == last
    # From the beginning on, the first entry that is gone is known.
    assert run(hours=24) == [alice.id]
    assert check_of(alice).broken == 5


def test_a_trail_that_was_rewritten_is_found_though_it_is_unbroken_in_itself(
    alice: Company,
) -> None:
    add(alice, 5)
    run()
    rewrite(alice, 2, "mallory")
    last = numbers(alice)[-1]
    with unit_of_work.acting_for(alice.id, reading=True):
        assert check_part(alice.id, Position()).broken is None
    for hours in (1, 24, 48):
        assert run(hours=hours) == [alice.id]
        assert check_of(alice).broken == last


def test_a_break_is_over_once_a_check_from_the_beginning_finds_none(
    alice: Company,
) -> None:
    add(alice, 5)
    number = numbers(alice)[-2]
    change(alice, number)
    assert run() == [alice.id]
    as_owner(
        "update portal_auditentry set actor = 'ada@a.example'"
        " where tenant_id = %s and number = %s",
        *(alice.id, number),
    )
    assert run(hours=1) == [alice.id]
    assert run(hours=24) == []
    assert check_of(alice).number == numbers(alice)[-1]


def test_a_run_that_ends_early_is_continued(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain, "BATCH", 2)
    monkeypatch.setattr(check_part, "__kwdefaults__", {"most": 2})
    add(alice, 10)
    last = numbers(alice)[-1]
    reached: list[tuple[int, int, datetime | None]] = []
    for hours in range(30):
        assert run(hours=hours, has_time=times(4)) == []
        with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
            rows = TrailCheck.objects.filter(tenant=alice.id)
            reached += rows.values_list("number", "again_number", "full_at")
    assert any(0 < number < last for number, _again, _full in reached)
    assert any(0 < again < last for _number, again, _full in reached)
    number, again, full_at = reached[-1]
    assert (number, again) == (last, 0)
    assert full_at is not None


def test_the_night_begins_at_two(db: None) -> None:
    assert check_trails.last_night(NOW).isoformat() == "2026-05-20T02:00:00+00:00"
    early = NOW.replace(hour=1)
    assert check_trails.last_night(early).isoformat() == "2026-05-19T02:00:00+00:00"


def test_a_page_checks_what_came_since_up_to_a_limit(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(alice, 3)
    run()
    stored = numbers(alice)[-1]
    add(alice, 5)
    monkeypatch.setattr("portal.history.chain_state.MOST_CHECKED", 3)
    with unit_of_work.acting_for(alice.id, reading=True):
        found = chain_state(alice.id, at=NOW)
    assert (found.stored, found.reached, found.is_end) == (stored, stored + 3, False)
    change(alice, stored + 2)
    with unit_of_work.acting_for(alice.id, reading=True):
        assert chain_state(alice.id, at=NOW).broken == stored + 2
