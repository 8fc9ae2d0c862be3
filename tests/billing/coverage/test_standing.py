"""The standing of a tenant and its lateness, by example."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from billing.coverage.calendar import (
    CellState,
    ExcuseFact,
    ExcuseKind,
    FileFact,
    HeldFact,
    Mode,
    ServerFact,
    TenantFacts,
)
from billing.coverage.facts import RefusedFact
from billing.coverage.periods import Period, deadline_at, ends_at
from billing.coverage.standing import (
    GRACE,
    Standing,
    judge,
    late_cells,
    late_from,
    standing,
)
from tests.billing.coverage.random_histories import (
    DAY,
    HistoryWriter,
    daily,
    day_begins_at,
)

pytestmark = pytest.mark.plain

BERLIN = "Europe/Berlin"
MAY = Period(2026, 5)
FIRST, LAST = MAY.starts_on, MAY.ends_on
DUE = deadline_at(MAY, ZoneInfo(BERLIN))
ENDED = ends_at(MAY, ZoneInfo(BERLIN))
SECOND = timedelta(seconds=1)
IN_TIME = DUE - SECOND


def may(day: int) -> date:
    return date(2026, 5, day)


def manual(day: date) -> Mode:
    return Mode.MANUAL


def automated(day: date) -> Mode:
    return Mode.AUTOMATED


def none(day: date) -> Mode:
    return Mode.NONE


SERVER = ServerFact(name="IC01", first_owed_on=None, retired_on=None, zone=BERLIN)


def tenant(files: list[FileFact], **changes: Any) -> TenantFacts:
    facts = TenantFacts(
        zone=BERLIN,
        first_on=None,
        collects=manual,
        servers=(SERVER,),
        files=tuple(files),
    )
    return replace(facts, **changes)


def month(received_at: datetime = IN_TIME) -> list[FileFact]:
    """One file a day, number 1 on 28 April."""
    return [
        replace(fact, received_at=received_at)
        for fact in daily(first=FIRST, last=LAST + 2 * DAY)
    ]


def at(facts: TenantFacts, moment: datetime, due: datetime = DUE) -> Standing:
    return standing(MAY, facts, deadline_at=due, at=moment)


def late_with(file: FileFact, received_at: datetime) -> list[FileFact]:
    """The whole month in time, but for one file."""
    return [
        replace(f, received_at=received_at) if f.sequence == file.sequence else f
        for f in month()
    ]


def test_open_until_the_period_has_ended_in_the_tenants_zone() -> None:
    facts = tenant(month())
    assert at(facts, ENDED - SECOND) is Standing.OPEN
    assert at(facts, ENDED) is Standing.COMPLETE


def test_open_while_a_cell_is_pending_further_west() -> None:
    west = replace(SERVER, name="IC02", zone="Pacific/Pago_Pago")
    facts = tenant(month(), servers=(SERVER, west))
    assert at(facts, ENDED) is Standing.OPEN
    assert at(facts, ENDED + DAY) is Standing.INCOMPLETE


def test_incomplete_after_the_end_and_late_from_the_deadline_on() -> None:
    facts = tenant(month()[:20])
    assert at(facts, ENDED) is Standing.INCOMPLETE
    assert at(facts, DUE - SECOND) is Standing.INCOMPLETE
    assert at(facts, DUE) is Standing.LATE
    assert at(facts, DUE + 400 * DAY) is Standing.LATE


@pytest.mark.parametrize(
    ("received_at", "expected"),
    [
        (DUE - timedelta(microseconds=1), Standing.COMPLETE),
        (DUE, Standing.COMPLETED_LATE),
        (DUE + DAY, Standing.COMPLETED_LATE),
    ],
)
def test_on_time_is_strictly_before_the_deadline(
    received_at: datetime, expected: Standing
) -> None:
    facts = tenant(late_with(month()[9], received_at))
    assert at(facts, DUE + 2 * DAY) is expected


def test_nobody_is_punished_before_the_deadline() -> None:
    facts = tenant([])
    for hours in range(1, 24 * 7):
        moment = DUE - timedelta(hours=hours)
        assert at(facts, moment) in {Standing.INCOMPLETE, Standing.OPEN}
        assert judge(MAY, facts, deadline_at=DUE, at=moment).late == ()


def test_the_evidence_is_what_was_missing_then() -> None:
    facts = tenant(late_with(month()[9], DUE))
    found = judge(MAY, facts, deadline_at=DUE, at=DUE + DAY)
    assert found.late == (("IC01", may(7)),)
    assert found.calendar.is_complete


def test_a_late_file_that_proves_the_server_silent_clears_the_day() -> None:
    """Off from the 25th at noon; the next file, of 2 June, comes after the deadline."""
    writer = HistoryWriter("IC01", BERLIN, UUID(int=1))
    noon = day_begins_at(may(25), BERLIN) + timedelta(hours=12)
    files = [
        replace(fact, received_at=IN_TIME)
        for fact in writer.run(day_begins_at(FIRST, BERLIN), noon, "shutdown")
    ]
    facts = tenant(files)
    found = judge(MAY, facts, deadline_at=DUE, at=DUE)
    assert found.standing is Standing.LATE
    assert [day.day for _, day in found.late] == [25, 26, 27]
    after = writer.run(noon + 8 * DAY, noon + 9 * DAY, "shutdown")
    late = [replace(fact, received_at=DUE + 3 * DAY) for fact in after]
    facts = tenant([*files, *late])
    assert at(facts, DUE + 4 * DAY) is Standing.COMPLETE
    assert late_cells(MAY, facts, deadline_at=DUE) == ()


def test_what_comes_late_for_a_server_unknown_then_does_not_make_late() -> None:
    more = daily("IC02", first=FIRST, last=LAST, series=2)
    files = [*month(), *(replace(fact, received_at=DUE) for fact in more)]
    assert at(tenant(files), DUE) is Standing.COMPLETE


def test_an_earlier_number_that_moves_the_first_owed_day_clears_what_it_undoes() -> (
    None
):
    """Number 1 comes late, from a clock that was ahead: 4 May was never owed."""
    files = month()[5:]  # number 6 is of 3 May
    ahead = replace(
        files[20], sequence=1, previous=None, received_at=DUE, closed_by="clock"
    )
    rest = [f for f in files if f.day not in {may(4), may(5), files[20].day}]
    server = replace(SERVER, first_owed_on=may(20))
    facts = tenant(rest, servers=(server,))
    assert [day.day for _, day in late_cells(MAY, facts, deadline_at=DUE)][:2] == [4, 5]
    facts = tenant([*rest, ahead], servers=(server,))
    late = late_cells(MAY, facts, deadline_at=DUE)
    assert may(4) not in {day for _, day in late}


def test_gaps_under_automated_upload_never_make_late() -> None:
    facts = tenant(month()[:20], collects=automated)
    assert at(facts, DUE) is Standing.INCOMPLETE
    assert at(facts, DUE + 99 * DAY) is Standing.INCOMPLETE
    assert at(tenant(month(DUE), collects=automated), DUE) is Standing.COMPLETE


def test_a_day_under_manual_upload_makes_late_beside_automated_ones() -> None:
    def mixed(day: date) -> Mode:
        return Mode.MANUAL if day >= may(20) else Mode.AUTOMATED

    files = [fact for fact in month() if fact.day not in {may(5), may(21)}]
    found = judge(MAY, tenant(files, collects=mixed), deadline_at=DUE, at=DUE)
    assert found.late == (("IC01", may(21)),)
    files = [fact for fact in month() if fact.day != may(5)]
    assert at(tenant(files, collects=mixed), DUE) is Standing.INCOMPLETE


def test_without_a_licence_nothing_is_owed_at_any_time() -> None:
    facts = tenant([], collects=none)
    for moment in (ENDED - 99 * DAY, ENDED, DUE, DUE + 99 * DAY):
        assert at(facts, moment) is Standing.NOTHING_OWED


def test_a_tenant_that_starts_after_the_period_owes_nothing() -> None:
    assert at(tenant([], first_on=may(28)), DUE) is Standing.NOTHING_OWED


def test_a_tenant_that_starts_mid_period_owes_from_then() -> None:
    facts = tenant(month()[12:], first_on=may(10))
    assert at(facts, DUE) is Standing.COMPLETE
    assert at(tenant(month()[13:], first_on=may(10)), DUE) is Standing.LATE


def test_a_collecting_tenant_without_servers_is_incomplete_and_not_late() -> None:
    facts = tenant([], servers=())
    assert at(facts, ENDED - SECOND) is Standing.OPEN
    assert at(facts, DUE) is Standing.INCOMPLETE
    assert at(facts, DUE + DAY) is Standing.INCOMPLETE


def test_a_file_held_in_time_keeps_from_being_late() -> None:
    files = month()
    held = HeldFact(server="IC01", received_at=IN_TIME, file=files.pop(9))
    facts = tenant(files, held=(held,))
    assert at(facts, DUE) is Standing.INCOMPLETE
    # Accepted later, it keeps its time of receipt.
    assert held.file is not None
    assert at(tenant([*files, held.file]), DUE + DAY) is Standing.COMPLETE
    # Refused, it is as if it had not come; the tenant gets three days.
    assert at(tenant(files), DUE + DAY) is Standing.LATE
    assert at(tenant(files), DUE + DAY, due=DUE + 3 * DAY) is Standing.INCOMPLETE
    facts = tenant(files, held=(replace(held, received_at=DUE),))
    found = judge(MAY, facts, deadline_at=DUE, at=DUE)
    assert found.standing is Standing.LATE
    assert found.calendar.cells["IC01", may(7)].state is CellState.WITH_US


def test_a_refusal_gives_time_to_its_own_server_alone() -> None:
    files, refused = [], []
    for name, refused_at in (("IC01", DUE + DAY), ("IC02", DUE + 2 * DAY)):
        own = [replace(one, server=name) for one in month()]
        held = HeldFact(server=name, received_at=IN_TIME, file=own.pop(9))
        refused.append(RefusedFact(what=held, refused_at=refused_at))
        files += own
    facts = tenant(
        files,
        servers=(SERVER, replace(SERVER, name="IC02")),
        refused=tuple(refused),
    )
    assert late_from(MAY, facts, deadline_at=DUE) == {
        ("IC01", may(7)): DUE + DAY + GRACE,
        ("IC02", may(7)): DUE + 2 * DAY + GRACE,
    }


@pytest.mark.parametrize("kind", list(ExcuseKind))
def test_an_excuse_helps_only_if_it_was_asked_for_in_time(kind: ExcuseKind) -> None:
    files = [f for f in month() if f.sequence < 30]  # 27 May and what follows: not here

    def with_excuse(asked_at: datetime, approved_at: datetime | None) -> TenantFacts:
        excuse = ExcuseFact(
            server="IC01",
            kind=kind,
            asked_at=asked_at,
            approved_at=approved_at,
            days=frozenset({LAST}),
        )
        return tenant(files, excuses=(excuse,))

    assert at(with_excuse(IN_TIME, None), DUE) is Standing.INCOMPLETE
    assert at(with_excuse(IN_TIME, DUE + DAY), DUE + DAY) is Standing.COMPLETE
    assert at(with_excuse(DUE, None), DUE) is Standing.LATE
    assert at(with_excuse(DUE, DUE + DAY), DUE + DAY) is Standing.COMPLETED_LATE


def test_an_extension_is_the_effective_deadline() -> None:
    facts = tenant(late_with(month()[9], DUE + DAY))
    assert at(facts, DUE + 2 * DAY) is Standing.COMPLETED_LATE
    assert at(facts, DUE + 2 * DAY, due=DUE + 2 * DAY) is Standing.COMPLETE


def test_late_in_each_zone_from_its_own_deadline() -> None:
    for zone in ("Pacific/Kiritimati", "America/Havana", "Pacific/Pago_Pago"):
        due = deadline_at(MAY, ZoneInfo(zone))
        facts = tenant([], zone=zone, servers=(replace(SERVER, zone=zone),))
        assert at(facts, due - SECOND, due=due) is Standing.INCOMPLETE
        assert at(facts, due, due=due) is Standing.LATE
