"""The summary of a period agrees with its whole calendar at any time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.coverage.calendar import TenantFacts
from billing.coverage.cells import UNCOVERED, CellState
from billing.coverage.facts import Mode
from billing.coverage.periods import deadline_at, zone_named
from billing.coverage.standing import Standing, judge
from billing.coverage.summary import (
    SummaryNumbers,
    late_at,
    numbers_at,
    standing_at,
    summarise,
)
from tests.billing.coverage.berlin_tenant import (
    BERLIN,
    FIRST,
    LAST,
    MAY,
    automated,
    manual,
    may,
    month,
    none,
    server,
    without,
)
from tests.billing.coverage.random_tenants import some_refused, tenant

pytestmark = pytest.mark.plain

DUE = deadline_at(MAY, zone_named(BERLIN))
AFTER = DUE + timedelta(hours=1)


def facts(*numbers: int, **changes: object) -> TenantFacts:
    """A month in Berlin without the files of some numbers."""
    found = TenantFacts(
        zone=BERLIN,
        first_on=None,
        collects=manual,
        servers=(server(),),
        files=tuple(without(month(), *numbers)),
    )
    return replace(found, **changes)  # type: ignore[arg-type]  # a test's own words


@pytest.mark.slow
@settings(
    max_examples=50,
    deadline=None,  # two cores are shared with whatever else runs
    suppress_health_check=[HealthCheck.too_slow],
)
@given(seed=st.integers(min_value=0, max_value=2**32))
def test_it_says_what_the_calendar_says_at_any_instant(seed: int) -> None:
    rng = Random(seed)
    period, found = tenant(rng)
    due = deadline_at(period, zone_named(found.zone))
    found = some_refused(rng, found, due=due)
    kept = summarise(period, found, deadline_at=due)
    begins = datetime.combine(period.starts_on, datetime.min.time(), UTC)
    for _ in range(12):
        at = begins + timedelta(seconds=rng.randint(-3 * 86_400, 60 * 86_400))
        judged = judge(period, found, deadline_at=due, at=at)
        assert standing_at(kept, deadline_at=due, at=at) == judged.standing
        cells = judged.calendar.cells.values()
        states = [cell.state for cell in cells]
        missing = [cell for cell in cells if cell.state in UNCOVERED]
        faults = sum(cell.mode is not Mode.MANUAL for cell in missing)
        assert numbers_at(kept, at=at) == SummaryNumbers(
            len(missing) - faults,
            faults,
            states.count(CellState.WITH_US),
            states.count(CellState.PENDING),
        )
        assert (kept.owed, kept.covered) == (
            judged.calendar.owed,
            judged.calendar.covered,
        )
        assert kept.lacks_servers == judged.calendar.lacks_servers
        late = late_at(kept, deadline_at=due, at=at)
        assert late == {f"{day} {name}" for name, day in judged.late}


def test_a_strip_has_a_letter_for_the_worst_of_each_day() -> None:
    kept = summarise(MAY, facts(10), deadline_at=DUE)
    assert kept.strip == "rrm" + "r" * 27
    two = (server(), server("IC02", first=may(27)))
    kept = summarise(MAY, facts(10, servers=two), deadline_at=DUE)
    assert kept.strip == "rrm" + "r" * 26 + "m"
    nothing = facts(files=(), collects=none)
    assert summarise(MAY, nothing, deadline_at=DUE).strip == "-" * 30


def test_a_gap_of_automated_upload_is_a_fault_and_never_late() -> None:
    kept = summarise(MAY, facts(10, collects=automated), deadline_at=DUE)
    assert (len(kept.fault_from), kept.missing_from, kept.late) == (1, (), ())
    assert standing_at(kept, deadline_at=DUE, at=AFTER) is Standing.INCOMPLETE


def test_a_day_is_pending_until_the_instant_at_which_it_ends() -> None:
    kept = summarise(MAY, facts(*range(9, 60)), deadline_at=DUE)
    ended_at = kept.missing_from[0]
    assert ended_at == datetime(2026, 4, 29, 22, tzinfo=UTC)
    second = timedelta(seconds=1)
    assert numbers_at(kept, at=ended_at - second) == SummaryNumbers(0, 0, 0, 29)
    assert numbers_at(kept, at=ended_at) == SummaryNumbers(1, 0, 0, 28)
    assert kept.open_until == kept.missing_from[-1]


def test_without_licence_nothing_is_owed_and_without_servers_it_is_incomplete() -> None:
    nothing = summarise(MAY, facts(files=(), collects=none), deadline_at=DUE)
    assert standing_at(nothing, deadline_at=DUE, at=AFTER) is Standing.NOTHING_OWED
    bare = summarise(MAY, facts(files=(), servers=()), deadline_at=DUE)
    assert bare.lacks_servers
    assert standing_at(bare, deadline_at=DUE, at=AFTER) is Standing.INCOMPLETE
    assert (MAY.starts_on, MAY.ends_on) == (FIRST, LAST)
