"""A refusal after the deadline gives the tenant three days, by example."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from billing.coverage.facts import (
    ExcuseFact,
    ExcuseKind,
    FileFact,
    HeldFact,
    RefusedFact,
    TenantFacts,
)
from billing.coverage.periods import deadline_at, zone_named
from billing.coverage.standing import GRACE, Standing, judge, late_cells, late_from
from tests.billing.coverage.berlin_tenant import (
    BERLIN,
    HOUR,
    MAY,
    automated,
    manual,
    may,
    month,
    server,
)
from tests.billing.coverage.random_histories import DAY

pytestmark = pytest.mark.plain

DUE = deadline_at(MAY, zone_named(BERLIN))
IN_TIME = DUE - HOUR
REFUSED = DUE + 5 * DAY
UP = REFUSED + GRACE


def tenant(files: list[FileFact], **changes: Any) -> TenantFacts:
    facts = TenantFacts(
        zone=BERLIN,
        first_on=None,
        collects=manual,
        servers=(server(),),
        files=tuple(files),
    )
    return replace(facts, **changes)


def here(*gone: int) -> list[FileFact]:
    """A month in time without the files of some days of May."""
    files = [replace(fact, received_at=IN_TIME) for fact in month()]
    return [fact for fact in files if fact.day not in {may(day) for day in gone}]


def lost(*days: int, refused_at: datetime = REFUSED, **changes: Any) -> RefusedFact:
    excuse = ExcuseFact(
        server="IC01",
        kind=ExcuseKind.LOST,
        asked_at=IN_TIME,
        days=frozenset(may(day) for day in days),
    )
    return RefusedFact(what=replace(excuse, **changes), refused_at=refused_at)


def held(day: int, *, refused_at: datetime = REFUSED, **changes: Any) -> RefusedFact:
    file = next(fact for fact in month() if fact.day == may(day))
    fact = HeldFact(server="IC01", received_at=IN_TIME, file=file)
    return RefusedFact(what=replace(fact, **changes), refused_at=refused_at)


def at(facts: TenantFacts, moment: datetime, *, due: datetime = DUE) -> Standing:
    return judge(MAY, facts, deadline_at=due, at=moment).standing


def since(facts: TenantFacts) -> dict[int, datetime]:
    found = late_from(MAY, facts, deadline_at=DUE)
    return {day.day: instant for (_, day), instant in found.items()}


def test_a_refused_excuse_makes_late_three_days_after_its_refusal() -> None:
    facts = tenant(here(7), refused=(lost(7),))
    assert since(facts) == {7: UP}
    assert late_cells(MAY, facts, deadline_at=DUE) == ()
    for moment in (DUE, REFUSED, UP - timedelta(seconds=1)):
        assert at(facts, moment) is Standing.INCOMPLETE
        assert judge(MAY, facts, deadline_at=DUE, at=moment).late == ()
    assert at(facts, UP) is Standing.LATE
    assert judge(MAY, facts, deadline_at=DUE, at=UP).late == (("IC01", may(7)),)


def test_a_refused_file_makes_late_three_days_after_its_refusal() -> None:
    facts = tenant(here(7), refused=(held(7),))
    assert since(facts) == {7: UP}
    assert since(tenant(here(7))) == {7: DUE}


def test_what_comes_within_the_three_days_is_in_time() -> None:
    whole = {fact.day: fact for fact in month()}
    in_time = replace(whole[may(7)], received_at=UP - HOUR)
    facts = tenant([*here(7), in_time], refused=(lost(7),))
    assert since(facts) == {}
    assert at(facts, UP + DAY) is Standing.COMPLETE
    facts = tenant([*here(7), replace(in_time, received_at=UP)], refused=(lost(7),))
    assert since(facts) == {7: UP}
    assert at(facts, UP + DAY) is Standing.COMPLETED_LATE


def test_only_the_days_that_waited_get_the_time() -> None:
    facts = tenant(here(7, 20), refused=(lost(7),))
    assert since(facts) == {7: UP, 20: DUE}
    assert judge(MAY, facts, deadline_at=DUE, at=DUE).late == (("IC01", may(20)),)
    assert len(judge(MAY, facts, deadline_at=DUE, at=UP).late) == 2


def test_what_was_refused_long_before_the_deadline_gives_nothing() -> None:
    early = DUE - GRACE
    facts = tenant(here(7), refused=(lost(7, refused_at=early),))
    assert since(facts) == {7: DUE}
    # Refused an hour before the deadline it has its three days all the same.
    facts = tenant(here(7), refused=(lost(7, refused_at=IN_TIME),))
    assert since(facts) == {7: IN_TIME + GRACE}


def test_what_was_asked_for_after_the_deadline_gives_nothing() -> None:
    facts = tenant(here(7), refused=(lost(7, asked_at=DUE),))
    assert since(facts) == {7: DUE}
    facts = tenant(here(7), refused=(held(7, received_at=DUE),))
    assert since(facts) == {7: DUE}


def test_a_second_refusal_within_the_time_gives_three_days_again() -> None:
    """The excuse is refused; the file that is sent instead is held, and refused too."""
    second = held(7, received_at=UP - HOUR, refused_at=UP + DAY)
    facts = tenant(here(7), refused=(lost(7), second))
    assert since(facts) == {7: UP + DAY + GRACE}
    too_late = held(7, received_at=UP, refused_at=UP + DAY)
    assert since(tenant(here(7), refused=(lost(7), too_late))) == {7: UP}


def test_what_waits_still_keeps_from_being_late() -> None:
    """Of two things that waited one is refused; the other one is not decided."""
    open_excuse = lost(7).what
    assert isinstance(open_excuse, ExcuseFact)
    facts = tenant(here(7), refused=(held(7),), excuses=(open_excuse,))
    assert since(facts) == {}
    assert at(facts, UP + DAY) is Standing.INCOMPLETE


def test_under_automated_upload_a_refusal_makes_nobody_late() -> None:
    facts = tenant(here(7), collects=automated, refused=(lost(7),))
    assert since(facts) == {}


def test_an_extension_past_the_three_days_is_what_counts() -> None:
    facts = tenant(here(7), refused=(lost(7),))
    assert at(facts, UP, due=UP + DAY) is Standing.INCOMPLETE
    assert at(facts, UP + DAY, due=UP + DAY) is Standing.LATE


def test_a_refusal_says_nothing_of_what_is_owed() -> None:
    stranger = replace(held(7), what=HeldFact(server="IC99", received_at=IN_TIME))
    facts = tenant(here(), refused=(lost(7), stranger))
    found = judge(MAY, facts, deadline_at=DUE, at=UP)
    assert found.standing is Standing.COMPLETE
    assert {name for name, _ in found.calendar.cells} == {"IC01"}
