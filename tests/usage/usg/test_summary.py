"""Totals count each login once, however it was split."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.samples.usg import cases
from usage.usg import OpenedDay, Sessions, fold, merge, read, summarise

pytestmark = pytest.mark.plain


def opened(sessions: Sessions) -> OpenedDay:
    day = read(cases.made(cases.HEADER, sessions), cases.expected()).day
    assert day is not None
    return day


def test_a_login_from_before_or_gone_on_is_not_counted_again() -> None:
    totals = summarise(opened(cases.SESSIONS))
    assert totals.rows == 4
    assert totals.logins == 2
    assert totals.users == 3
    assert totals.used_seconds == 3_600 + 3_600 + 28_800 + 7_200
    assert totals.first_at == cases.HEADER.opened_at
    assert totals.last_at == cases.HEADER.closed_at


def test_a_day_without_logins_has_totals_of_nothing() -> None:
    day = opened(Sessions())
    totals = summarise(day)
    assert (totals.rows, totals.logins, totals.users, totals.used_seconds) == (
        0,
        0,
        0,
        0,
    )
    assert totals.first_at is None
    assert merge(day).seconds == 0


def test_spellings_of_one_name_are_one_user() -> None:
    spellings = ["Jörg", "jo\u0308rg", "JÖRG ", "ada"]
    assert fold(spellings) == ["jörg", "jörg", "jörg", "ada"]
    assert fold([]) == []
    day = opened(replace(cases.SESSIONS, users=spellings, user=[0, 1, 2, 2]))
    assert summarise(day).users == 1


def test_being_listed_is_not_being_logged_in() -> None:
    day = opened(replace(cases.SESSIONS, user=[0, 0, 0, 0]))
    assert summarise(day).users == 1


ROWS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 40), st.integers(0, 40)), max_size=30
)


@settings(max_examples=100, deadline=None)
@given(ROWS)
def test_merged_spans_cover_each_users_seconds_exactly_once(
    rows: list[tuple[int, int, int]],
) -> None:
    names = ["d", "B", "c", "b"]
    made = Sessions(
        users=names,
        licence_sets=[[]],
        user=[row[0] for row in rows],
        licences=[0] * len(rows),
        login=[min(row[1:]) for row in rows],
        logout=[max(row[1:]) for row in rows],
        flags=[0] * len(rows),
    )
    spans = merge(opened(made))
    truth = {
        (fold(names)[user], second)
        for user, one, other in rows
        for second in range(min(one, other), max(one, other))
    }
    columns = zip(spans.user, spans.start, spans.end, strict=True)
    covered = [
        (spans.names[user], second)
        for user, start, end in columns
        for second in range(int(start), int(end))
    ]
    assert sorted(covered) == sorted(truth)
    assert spans.seconds == len(truth)
    order = np.lexsort((spans.start, spans.user))
    assert order.tolist() == list(range(len(order)))


def test_instants_are_those_of_the_rows() -> None:
    one = Sessions(["ada"], [["k"]], [0], [0], [10], [20], [0])
    totals = summarise(opened(one))
    assert totals.first_at == cases.HEADER.opened_at + timedelta(seconds=10)
    assert totals.last_at == cases.HEADER.opened_at + timedelta(seconds=20)
