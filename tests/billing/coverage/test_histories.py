"""The calendar equals the known truth of random histories."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.coverage.calendar import (
    COVERED,
    CellState,
    ExcuseFact,
    ExcuseKind,
    Mode,
    ServerFact,
    TenantFacts,
    calendar,
)
from billing.coverage.periods import deadline_at, zone_named
from billing.coverage.standing import judge
from billing.coverage.window import select_files
from tests.billing.coverage.random_histories import (
    DAY,
    PLACES,
    claims_to_be_first,
    delivered,
    expected,
    life,
    unexplained_times,
)
from tests.billing.coverage.random_tenants import some_days, tenant

pytestmark = [pytest.mark.plain, pytest.mark.slow]

LONG_AFTER = datetime(2090, 1, 1, tzinfo=UTC)
EXAMPLES = settings(
    max_examples=100,
    deadline=None,  # two cores are shared with whatever else runs
    suppress_health_check=[HealthCheck.too_slow],
)
seeds = st.integers(min_value=0, max_value=2**32)


def manual(day: date) -> Mode:
    return Mode.MANUAL


def excuse(server: str, kind: ExcuseKind, days: frozenset[date]) -> ExcuseFact:
    asked = datetime(2026, 1, 1, tzinfo=UTC)
    return ExcuseFact(
        server=server, kind=kind, asked_at=asked, approved_at=asked, days=days
    )


@EXAMPLES
@given(seed=seeds)
def test_every_cell_is_what_the_truth_says_and_the_neighbours_can_prove(
    seed: int,
) -> None:
    rng = Random(seed)
    zone, period = rng.choice(PLACES)
    first, last = period.starts_on - 20 * DAY, period.ends_on + 12 * DAY
    started = rng.choice([first, period.starts_on])
    written = life(rng, server="IC01", zone=zone, first=started, last=last)
    here = delivered(rng, written)
    down, lost = some_days(rng, period), some_days(rng, period)
    shuffled = rng.sample(here, len(here))
    facts = TenantFacts(
        zone=zone,
        first_on=None,
        collects=manual,
        servers=(
            ServerFact(name="IC01", first_owed_on=None, retired_on=None, zone=zone),
        ),
        files=tuple(shuffled),
        excuses=(
            excuse("IC01", ExcuseKind.DOWN, down),
            excuse("IC01", ExcuseKind.LOST, lost),
        ),
    )
    found = calendar(period, facts, at=LONG_AFTER)
    unproved = unexplained_times(written, here)
    for day in period.days():
        cell = found.cells["IC01", day]
        assert cell.state is expected(
            day, zone=zone, here=here, missing=unproved, down=down, lost=lost
        ), (day, cell)
        truth = [fact for fact in written if fact.day == day]
        is_behind = here and here[0] is not written[0] and day <= here[0].day
        if is_behind and claims_to_be_first(here[0]):
            continue  # all files before an unlinked series are lost: nobody can know
        if cell.state in {CellState.RECEIVED, CellState.SILENT}:
            assert set(truth) == set(cell.files), "complete, and a file is missing"
    told = sum(gap.count for gap in found.missing_files)
    assert told <= len(written) - len(here)
    assert found.is_complete == (found.covered == found.owed) == (not found.missing)


@EXAMPLES
@given(seed=seeds)
def test_once_everything_is_here_no_day_before_the_last_file_is_missing(
    seed: int,
) -> None:
    rng = Random(seed)
    zone, period = rng.choice(PLACES)
    writer_days = period.starts_on - 5 * DAY, period.ends_on + 15 * DAY
    written = life(
        rng, server="IC01", zone=zone, first=writer_days[0], last=writer_days[1]
    )
    unlinked = {
        fact.series for fact in written if fact.sequence == 1 and fact.previous is None
    }
    found = calendar(
        period,
        TenantFacts(zone=zone, first_on=None, collects=manual, files=tuple(written)),
        at=LONG_AFTER,
    )
    for missing in found.missing:
        is_tail = missing.day >= written[-1].day
        assert is_tail or len(unlinked) > 1
    assert not found.missing_files


@EXAMPLES
@given(seed=seeds)
def test_the_neighbours_give_the_same_calendar_as_the_whole_history(seed: int) -> None:
    rng = Random(seed)
    period, facts = tenant(rng)
    due = deadline_at(period, zone_named(facts.zone))
    at = due + DAY * rng.choice([-20, -8, -1, 0, 5])
    whole = calendar(period, facts, at=at, deadline_at=due)
    needed = select_files(period, facts.files, held=facts.held)
    some_more = {fact for fact in facts.files if rng.random() < 0.1}
    for part in (needed, needed | some_more):
        bounded = replace(facts, files=tuple(part))
        assert calendar(period, bounded, at=at, deadline_at=due) == whole
    needed = select_files(period, facts.files, held=facts.held, known_before=due)
    bounded = replace(facts, files=tuple(needed))
    assert judge(period, bounded, deadline_at=due, at=at) == judge(
        period, facts, deadline_at=due, at=at
    )


@EXAMPLES
@given(seed=seeds)
def test_the_order_of_arrival_changes_nothing(seed: int) -> None:
    rng = Random(seed)
    period, facts = tenant(rng)
    due = deadline_at(period, zone_named(facts.zone))
    shuffled = replace(
        facts,
        servers=tuple(rng.sample(facts.servers, len(facts.servers))),
        files=tuple(rng.sample(facts.files * 2, len(facts.files) * 2)),
        held=tuple(rng.sample(facts.held, len(facts.held))),
        excuses=tuple(rng.sample(facts.excuses, len(facts.excuses))),
    )
    first = judge(period, facts, deadline_at=due, at=due)
    second = judge(period, shuffled, deadline_at=due, at=due)
    assert first == second
    assert list(first.calendar.cells) == list(second.calendar.cells)
    assert list(first.calendar.cells) == sorted(first.calendar.cells)


@EXAMPLES
@given(seed=seeds)
def test_who_is_late_does_not_depend_on_when_it_is_asked(seed: int) -> None:
    rng = Random(seed)
    period, facts = tenant(rng)
    due = deadline_at(period, zone_named(facts.zone))
    early = judge(period, facts, deadline_at=due, at=due - timedelta(seconds=1))
    assert early.late == ()
    first = judge(period, facts, deadline_at=due, at=due)
    for later in (timedelta(hours=1), timedelta(days=3), timedelta(days=4000)):
        again = judge(period, facts, deadline_at=due, at=due + later)
        assert (again.standing, again.late) == (first.standing, first.late)
    # What comes later can only clear: nothing is late that was not missing then.
    punctual = [fact for fact in facts.files if fact.received_at < due]
    then = calendar(
        period,
        replace(
            facts,
            files=tuple(punctual),
            held=tuple(h for h in facts.held if h.received_at < due),
            excuses=tuple(e for e in facts.excuses if e.asked_at < due),
        ),
        at=due,
        deadline_at=due,
    )
    assert {(m.server, m.day) for m in then.missing} >= set(first.late)


@EXAMPLES
@given(seed=seeds)
def test_a_cell_that_waits_for_us_is_covered_once_we_have_said_yes(seed: int) -> None:
    rng = Random(seed)
    period, facts = tenant(rng)
    numbers = {(f.server, f.series, f.sequence) for f in facts.files}
    free = [
        h
        for h in facts.held
        if h.file and (h.server, h.file.series, h.file.sequence) not in numbers
    ]
    facts = replace(facts, held=tuple(free))
    asked = calendar(period, facts, at=LONG_AFTER)
    yes = replace(
        facts,
        files=(*facts.files, *(h.file for h in free if h.file)),
        held=(),
        excuses=tuple(replace(e, approved_at=e.asked_at) for e in facts.excuses),
    )
    granted = calendar(period, yes, at=LONG_AFTER)
    for key, cell in asked.cells.items():
        if cell.state is CellState.WITH_US:
            assert granted.cells[key].state in COVERED
