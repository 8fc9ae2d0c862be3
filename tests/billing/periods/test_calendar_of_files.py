"""Files make the calendar, in any order and beside any other tenant."""

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from billing.coverage.facts import FileFact
from billing.coverage.periods import Period
from billing.coverage.window import select_files
from billing.models import TenantPeriod
from billing.periods import load_facts
from billing.periods import queries as period_queries
from billing.periods.open_periods import open_current_periods, open_until
from portal.db import unit_of_work
from portal.models import Tenant
from tests.builders import NOW, Company, open_company
from usage.files import chains
from usage.models import FileState, Server, UsageFile

MAY = Period(2026, 5)
AFTER = datetime(2026, 6, 1, 12, tzinfo=UTC)


def view(company: Company, *, period: Period = MAY, at: datetime = AFTER) -> Any:
    with unit_of_work.acting_for(company.id, reading=True):
        return period_queries.view_period(period, at=at)


def cells(company: Company) -> dict[tuple[str, date], str]:
    calendar = view(company).judgement.calendar
    return {key: cell.state.value for key, cell in calendar.cells.items()}


def test_a_month_of_files_makes_a_complete_period(alice: Company) -> None:
    for data in alice.server.days(MAY.starts_on, MAY.ends_on):
        alice.send(data, at=AFTER)
    judged = view(alice).judgement
    assert judged.standing.value == "complete"
    assert judged.calendar.owed == judged.calendar.covered == 30


def test_the_period_of_an_accepted_file_is_open_with_its_deadline(
    alice: Company,
) -> None:
    alice.send(alice.server.day(date(2026, 5, 7)))
    with unit_of_work.acting_for(alice.id):
        opened = TenantPeriod.objects.get()
    assert opened.period == "2026-05"
    assert opened.zone == "Europe/Berlin"
    assert opened.deadline_at == datetime(2026, 6, 4, 22, tzinfo=UTC)


def test_an_opened_period_keeps_its_deadline_when_the_zone_changes(
    alice: Company,
) -> None:
    alice.send(alice.server.day(date(2026, 5, 7)))
    with unit_of_work.acting_for(unit_of_work.STAFF):
        Tenant.objects.filter(pk=alice.id).update(zone="Pacific/Auckland")
    assert view(alice).deadline_at == datetime(2026, 6, 4, 22, tzinfo=UTC)
    june = view(alice, period=MAY.next())
    assert june.zone == "Pacific/Auckland"
    assert june.deadline_at == datetime(2026, 7, 4, 12, tzinfo=UTC)


def test_periods_open_once_for_every_tenant_and_leave_no_hole(
    alice: Company, charlie: Company
) -> None:
    # Nothing ran in May: its period is opened with June's.
    assert open_current_periods(today=date(2026, 5, 28), at=NOW) == 4
    assert open_current_periods(today=date(2026, 6, 27), at=NOW) == 0
    with unit_of_work.acting_for(unit_of_work.STAFF):
        opened = TenantPeriod.objects.filter(tenant=alice.id).order_by("period")
        assert [one.period for one in opened] == ["2026-05", "2026-06"]


def test_a_past_deadline_does_not_move_with_the_zone(alice: Company) -> None:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        tenant = Tenant.objects.get(pk=alice.id)
        open_until(tenant, today=date(2026, 7, 10), at=NOW)
        Tenant.objects.filter(pk=alice.id).update(zone="Pacific/Pago_Pago")
    shown = view(alice, at=datetime(2026, 7, 10, tzinfo=UTC))
    assert shown.deadline_at == datetime(2026, 6, 4, 22, tzinfo=UTC)
    assert shown.zone == "Europe/Berlin"


def test_files_of_a_server_nobody_confirmed_are_with_us(alice: Company) -> None:
    stranger = alice.writer("IC77")
    for data in stranger.days(MAY.starts_on, MAY.ends_on):
        alice.send(data)
    states = {state for (name, _), state in cells(alice).items() if name == "IC77"}
    assert states == {"with us"}


@settings(
    max_examples=4,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # each example costs seconds
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 2**32))
def test_the_files_that_are_fetched_are_the_ones_that_prove_anything(
    db: None, seed: int
) -> None:
    rng = random.Random(seed)
    company = open_company(
        uuid4().hex, name="T", zone=rng.choice(["Asia/Kolkata", "America/Chicago"])
    )
    day = MAY.starts_on - timedelta(days=40)
    while day < MAY.ends_on + timedelta(days=40):
        # Now and then a clock stands wrong: genuine, but held.
        wrong: dict[str, Any] = (
            {
                "opened_at": datetime(2031, 1, 1, tzinfo=UTC),
                "closed_at": datetime(2031, 1, 2, tzinfo=UTC),
            }
            if rng.random() < 0.1
            else {}
        )
        data = company.server.day(day, **wrong)
        if rng.random() < 0.4:
            company.send(data, at=NOW + timedelta(days=rng.randrange(60)))
        day += timedelta(days=rng.choice([1, 1, 1, 2, 9]))
    deadline_at = view(company).deadline_at
    with unit_of_work.acting_for(company.id, reading=True):
        facts = load_facts.tenant_facts(
            Tenant.objects.get(), MAY, deadline_at=deadline_at, zone=company.zone
        )
        everything = [
            load_facts._file_fact(row)
            for row in UsageFile.objects.filter(
                state=FileState.ACCEPTED
            ).select_related("server")
        ]
    needed: frozenset[FileFact] = select_files(
        MAY, everything, held=facts.held, known_before=deadline_at
    )
    assert needed <= set(facts.files)
    assert set(facts.files) <= set(everything)
    # The refresher selects the same from all files of a server.
    with unit_of_work.acting_for(company.id, reading=True):
        own = chains.files_of_server(Server.objects.get(name="IC01").pk)
        for instant in (None, deadline_at):
            days = (MAY.starts_on, MAY.ends_on)
            assert own.around(*days, received_before=instant) == chains.accepted_around(
                *days, received_before=instant
            )
