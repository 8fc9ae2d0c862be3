"""A wrong clock proves nothing between two installations of a server."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from uuid import UUID

import pytest

from billing.coverage.calendar import FileFact, Mode, ServerFact, TenantFacts, calendar
from billing.coverage.periods import Period
from billing.coverage.standing import judge

pytestmark = pytest.mark.plain

MAY = Period(2026, 5)
DEADLINE = datetime(2026, 6, 5, tzinfo=UTC)
LONG_AFTER = datetime(2026, 6, 10, tzinfo=UTC)
OLD, NEW = UUID(int=1), UUID(int=2)


def digest(series: UUID, sequence: int) -> bytes:
    return sha256(f"{series}-{sequence}".encode()).digest()


def fact(
    series: UUID, sequence: int, day: date, *, closed_by: str = "midnight"
) -> FileFact:
    opened = datetime.combine(day, time(), UTC)
    return FileFact(
        server="S",
        series=series,
        sequence=sequence,
        sha256=digest(series, sequence),
        previous=None if sequence == 1 else digest(series, sequence - 1),
        day=day,
        opened_at=opened,
        closed_at=opened + timedelta(days=1 if closed_by == "midnight" else 0.1),
        opened_offset=0,
        closed_offset=0,
        closed_by=closed_by,
        zone="UTC",
        received_at=datetime(2026, 5, 28, tzinfo=UTC),
    )


def run(series: UUID, first: date, last: date, *, sequence: int) -> Iterator[FileFact]:
    for number in range((last - first).days + 1):
        yield fact(series, sequence + number, first + timedelta(days=number))


def facts(*files: FileFact) -> TenantFacts:
    server = ServerFact(name="S", first_owed_on=None, retired_on=None, zone="UTC")
    return TenantFacts(
        zone="UTC",
        first_on=MAY.starts_on,
        collects=lambda _: Mode.MANUAL,
        servers=(server,),
        files=files,
    )


def lacking(*files: FileFact) -> list[int]:
    found = calendar(MAY, facts(*files), at=LONG_AFTER)
    return [missing.day.day for missing in found.missing]


BEFORE = tuple(run(OLD, date(2026, 4, 28), date(2026, 5, 5), sequence=41))
AFTER = tuple(run(NEW, date(2026, 5, 10), date(2026, 5, 27), sequence=2))
UNPROVED = [6, 7, 8, 9]


@pytest.mark.parametrize(
    "wrong", [date(2020, 1, 1), date(2026, 1, 1), date(2026, 5, 2)]
)
def test_a_first_file_from_a_wrong_clock_proves_no_silence_over_an_earlier_series(
    wrong: date,
) -> None:
    first = fact(NEW, 1, wrong, closed_by="clock")
    assert lacking(*BEFORE, first, *AFTER) == UNPROVED
    judged = judge(
        MAY, facts(*BEFORE, first, *AFTER), deadline_at=DEADLINE, at=LONG_AFTER
    )
    assert judged.standing.value == "late"


def test_with_a_right_clock_the_same_days_are_unproved() -> None:
    assert (
        lacking(*BEFORE, *run(NEW, date(2026, 5, 10), date(2026, 5, 27), sequence=1))
        == UNPROVED
    )


def test_a_last_file_from_a_clock_ahead_proves_no_silence_before_a_later_series() -> (
    None
):
    ahead = fact(OLD, 49, date(2026, 5, 20), closed_by="clock")
    new = run(NEW, date(2026, 5, 10), date(2026, 5, 27), sequence=1)
    # Nor is the day that it claims itself: nothing follows its file there.
    assert lacking(*BEFORE, ahead, *new) == [*UNPROVED, 20]
