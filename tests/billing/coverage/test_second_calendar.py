"""Calendar, lateness and standing equal a second implementation of the page."""

from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.coverage.calendar import calendar
from billing.coverage.periods import deadline_at, zone_named
from billing.coverage.standing import judge, late_from
from tests.billing.coverage import second_calendar
from tests.billing.coverage.random_tenants import some_refused, tenant

pytestmark = [pytest.mark.plain, pytest.mark.slow]

DAY = timedelta(days=1)


@settings(
    max_examples=60,
    deadline=None,  # two cores are shared with whatever else runs
    suppress_health_check=[HealthCheck.too_slow],
)
@given(seed=st.integers(min_value=0, max_value=2**32))
def test_any_tenant_is_judged_as_the_page_says(seed: int) -> None:
    rng = Random(seed)
    period, facts = tenant(rng)
    due = deadline_at(period, zone_named(facts.zone))
    facts = some_refused(rng, facts, due=due)
    servers = tuple(
        replace(one, known_since=rng.choice([None, due - DAY, due, due + DAY]))
        for one in facts.servers
    )
    facts = replace(facts, servers=servers)
    at = due + DAY * rng.choice([-20, -8, -7, -1, 0, 5])
    instants = {"at": at, "deadline_at": due}
    found = calendar(period, facts, **instants)
    cells = {key: cell.state.value for key, cell in found.cells.items()}
    assert cells == second_calendar.cells_of(period, facts, **instants)
    asked = [one for one in facts.excuses if one.approved_at or one.asked_at < due]
    told = replace(facts, excuses=tuple(asked))
    for name in found.zones:
        gaps = [
            (
                *(one.series, one.first_sequence, one.last_sequence),
                *(one.from_day, one.to_day),
            )
            for one in found.missing_files
            if one.server == name
        ]
        assert sorted(gaps, key=repr) == second_calendar.missing_numbers(
            period, told, cells, name
        )
    late = late_from(period, facts, deadline_at=due)
    assert late == second_calendar.late_since(period, facts, deadline_at=due)
    judged = judge(period, facts, **instants).standing.value
    assert judged == second_calendar.standing_of(period, facts, **instants)
