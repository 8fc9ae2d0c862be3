"""Counts in PostgreSQL: exact, whatever happens at the same time."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import ProgrammingError, connection

from portal.db import counters, unit_of_work
from portal.db.counters import Counter

AT = datetime(2026, 6, 3, 8, 0, tzinfo=UTC)
THREE = Counter("tries of \0 ada \udc80", 3, timedelta(minutes=15))


def take(*, minutes: float = 0) -> datetime | None:
    return counters.take(THREE, at=AT + timedelta(minutes=minutes))


def test_a_full_count_says_when_it_is_over(db: None) -> None:
    assert [take(minutes=n) for n in range(3)] == [None] * 3
    until = AT + timedelta(minutes=15)
    assert take(minutes=3) == take(minutes=14) == until
    assert take(minutes=15) is None
    assert [take(minutes=16), take(minutes=17)] == [None, None]
    assert take(minutes=18) == until + timedelta(minutes=15)


def test_what_is_given_back_can_be_taken_again(db: None) -> None:
    for _ in range(3):
        take()
    counters.give_back(THREE, at=AT)
    assert take() is None
    assert take() is not None
    counters.clear(THREE)
    assert [take() for _ in range(3)] == [None] * 3


def test_nothing_is_given_back_below_zero(db: None) -> None:
    counters.give_back(THREE, at=AT)
    take()
    for _ in range(3):
        counters.give_back(THREE, at=AT)
    assert [take() is None for _ in range(4)] == [True, True, True, False]


def test_tries_at_the_same_time_do_not_exceed_the_limit(db: None) -> None:
    def taken(_: int) -> bool:
        try:
            return take() is None
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(taken, range(40))) == 3


def test_a_row_of_another_kind_begins_anew(db: None) -> None:
    take()
    with connection.cursor() as cursor:
        cursor.execute("update portal_cache set value = '[\"gAWVx\"]'")
    assert [take() is None for _ in range(4)] == [True, True, True, False]


def test_rows_whose_time_is_over_are_removed_a_few_at_once(db: None) -> None:
    for number in range(5):
        counters.take(Counter(f"n{number}", 1, timedelta(minutes=number)), at=AT)
    at = AT + timedelta(minutes=3)
    assert counters.remove_expired(at=at, most=3) == 3
    assert counters.remove_expired(at=at, most=3) == 1
    assert counters.remove_expired(at=at, most=3) == 0


def test_no_unit_of_work_can_change_a_count(db: None) -> None:
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        unit_of_work.acting_for(unit_of_work.STAFF),
    ):
        take()
