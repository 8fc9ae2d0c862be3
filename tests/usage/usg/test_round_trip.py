"""The reader returns exactly what the writer wrote."""

from dataclasses import replace
from datetime import timedelta
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.samples.usg import cases
from usage.usg import Flag, Header, Sessions, Severity, peek, read
from usage.usg.header import ClosedBy, parse, serialise
from usage.usg.writer import plaintext

pytestmark = pytest.mark.plain

SPAN = 86_400
NAMES = st.text(
    st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=320
)


@st.composite
def sessions(draw: st.DrawFn) -> Sessions:
    users = draw(st.lists(NAMES, min_size=1, max_size=5, unique=True))
    names = st.lists(NAMES.map(lambda text: text[:128]), max_size=4, unique=True)
    sets = draw(st.lists(names, min_size=1, max_size=4))
    rows = draw(
        st.lists(
            st.tuples(
                st.integers(0, len(users) - 1),
                st.integers(0, len(sets) - 1),
                st.integers(0, SPAN),
                st.integers(0, SPAN),
                st.integers(0, 7),
            ),
            max_size=20,
        )
    )
    return Sessions(
        users=users,
        licence_sets=sets,
        user=[row[0] for row in rows],
        licences=[row[1] for row in rows],
        login=[0 if row[4] & Flag.FROM_BEFORE else min(row[2:4]) for row in rows],
        logout=[SPAN if row[4] & Flag.GOES_ON else max(row[2:4]) for row in rows],
        flags=[row[4] for row in rows],
    )


@settings(max_examples=60, deadline=None)
@given(sessions())
def test_any_day_comes_back_as_it_went(day: Sessions) -> None:
    reading = read(cases.made(cases.HEADER, day), cases.expected())
    assert reading.problems == ()
    assert reading.day is not None
    assert reading.day.users == tuple(day.users)
    assert reading.day.licence_sets == tuple(map(tuple, day.licence_sets))
    for name in ("user", "licences", "login", "logout", "flags"):
        assert getattr(reading.day, name).tolist() == getattr(day, name)


@settings(max_examples=60, deadline=None)
@given(
    sequence=st.integers(1, 2**63 - 1),
    offset=st.integers(-1080, 1080),
    closed_by=st.sampled_from(ClosedBy),
    server=st.text(st.sampled_from("abcÄ漢 -."), min_size=1, max_size=128),
    previous=st.none() | st.binary(min_size=32, max_size=32),
)
def test_any_header_comes_back_as_it_went(
    sequence: int, offset: int, closed_by: ClosedBy, server: str, previous: bytes | None
) -> None:
    header = replace(
        cases.HEADER,
        sequence=sequence,
        opened_offset=offset,
        closed_by=closed_by,
        server=server.strip() or "x",
        previous=previous,
    )
    assert parse(serialise(header)) == (header, [])


def test_the_same_rows_give_the_same_plaintext() -> None:
    assert plaintext(cases.HEADER, cases.SESSIONS) == cases.PLAIN
    assert cases.good() != cases.good()


def test_the_bytes_may_come_in_any_buffer() -> None:
    data = cases.good()
    wide = memoryview(bytearray(data) + b"xx")[: len(data)]
    for given_data in (data, bytearray(data), wide):
        reading = read(given_data, cases.expected())
        assert reading.outcome is Severity.ACCEPT
        assert reading.header == cases.HEADER


def test_a_file_may_be_read_where_it_lies(tmp_path: Path) -> None:
    path = tmp_path / "a.usg"
    path.write_bytes(cases.good())
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        reading = read(data, cases.expected())
    assert reading.outcome is Severity.ACCEPT
    assert reading.day is not None
    assert reading.day.user.tolist() == cases.SESSIONS.user


def test_the_columns_cannot_be_written_to() -> None:
    day = read(cases.good(), cases.expected()).day
    assert day is not None
    assert day.sessions == 4
    with pytest.raises(ValueError, match="read-only"):
        day.login[0] = 1


def test_peeking_shows_the_header_and_proves_nothing() -> None:
    assert peek(cases.good()) == cases.HEADER
    assert peek(cases.flipped(-1)) == cases.HEADER
    assert peek(cases.good()[:-70]) == cases.HEADER
    assert peek(b"") is None
    assert peek(cases.with_header(b"{}")) is None


@pytest.mark.parametrize(
    "wrong",
    [
        replace(cases.SESSIONS, user=[0, 1, 1, 3]),
        replace(cases.SESSIONS, users=["ada", "", "grace"]),
        replace(cases.SESSIONS, flags=[1, 0, 4]),
    ],
)
def test_the_writer_refuses_what_no_reader_takes(wrong: Sessions) -> None:
    with pytest.raises(ValueError, match="not valid sessions"):
        cases.made(cases.HEADER, wrong)


@pytest.mark.parametrize(("name", "value"), [("login", -1), ("licences", 65_536)])
def test_a_number_too_large_for_its_column_is_not_wrapped(
    name: str, value: int
) -> None:
    wrong_column: dict[str, Any] = {name: [0, 0, value, 0]}
    wrong = replace(cases.SESSIONS, **wrong_column)
    with pytest.raises(OverflowError, match=name):
        cases.made(cases.HEADER, wrong)


@pytest.mark.parametrize(
    "header",
    [
        replace(cases.HEADER, sequence=0),
        replace(cases.HEADER, opened_at=cases.HEADER.opened_at + timedelta(0, 0, 1)),
        replace(cases.HEADER, server="e\u0301"),
    ],
)
def test_the_writer_refuses_a_header_no_reader_takes(header: Header) -> None:
    with pytest.raises(ValueError, match=r"header|whole seconds"):
        cases.made(header, Sessions())


def test_arrays_are_as_good_as_lists() -> None:
    columns = replace(cases.SESSIONS, user=np.array(cases.SESSIONS.user, dtype="u8"))
    assert plaintext(cases.HEADER, columns) == cases.PLAIN
