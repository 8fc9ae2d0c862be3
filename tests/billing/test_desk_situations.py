"""The desk says of each tenant what the tenant's own calendar says, whatever it is."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.test import Client

from billing.coverage import licences
from billing.coverage.cells import UNCOVERED, CellState
from billing.coverage.facts import Mode
from billing.coverage.standing import Standing
from billing.desk.queries import DeskRow, desk_rows, standing_counts
from billing.desk.sql import DeskFilter
from billing.models import ExcuseKindChoices
from billing.periods import deadlines
from billing.periods.queries import PeriodView, view_period
from billing.requests import excuses
from billing.requests import licences as licence_requests
from portal.db import unit_of_work
from portal.models import StaffRole
from tests.billing import test_excuses
from tests.billing.lateness_scenes import (
    BEFORE,
    DAY,
    DUE,
    HOUR,
    LAST,
    MAY,
    SECOND,
    checked,
    open_periods,
    open_short,
)
from tests.billing.staff_people import staff_client
from tests.builders import NOW, Company
from usage.models import Server, ServerRequestKind
from usage.servers import requests as server_requests

BY: Mapping[str, Any] = {"by": "clerk", "at": BEFORE, "reason": "It is so."}
EXTENDED, PAGO_PAGO = date(2026, 6, 19), datetime(2026, 6, 5, 11, tzinfo=UTC)
AT_LAST = datetime(2026, 6, 20, tzinfo=UTC)

# While the period runs, after it, and around each deadline that somebody has.
INSTANTS = (
    *(NOW, datetime(2026, 5, 27, 12, tzinfo=UTC), BEFORE, DUE - SECOND, DUE),
    *(PAGO_PAGO - SECOND, PAGO_PAGO, datetime(2026, 6, 19, 22, tzinfo=UTC), AT_LAST),
)

# How each of them stands in the end.
IN_THE_END = {
    "AUTOMATED": Standing.INCOMPLETE,
    "NONE": Standing.NOTHING_OWED,
    "EXTENDED": Standing.LATE,
    "EXCUSED": Standing.COMPLETE,
    "ASKED": Standing.INCOMPLETE,
    "STARTED": Standing.LATE,
    "MOVED": Standing.LATE,
    "NO-FILE": Standing.LATE,
    "COMPLETE": Standing.COMPLETE,
    "TOO-LATE": Standing.COMPLETED_LATE,
    "SHORT": Standing.LATE,
}


@pytest.fixture
def cast(db: None, settings: Any) -> dict[str, Company]:
    """A tenant in each situation; most of them lack the last day."""
    settings.INBOX_BUCKET = ""
    found = {name: open_short(name) for name in IN_THE_END}
    open_periods()
    for name, company in found.items():
        if name not in ("NO-FILE", "NONE", "STARTED"):
            company.send(company.server.day(LAST - DAY), at=BEFORE)
    licensed(found["AUTOMATED"], licences.AUTOMATED)
    licensed(found["NONE"])
    deadlines.extend(found["EXTENDED"].id, MAY, to=EXTENDED, **BY)
    for name in ("EXCUSED", "ASKED"):
        asked = test_excuses.ask(
            found[name], LAST, kind=ExcuseKindChoices.LOST, at=BEFORE
        )
        if name == "EXCUSED":
            excuses.approve(found[name].id, excuse_id=asked.pk, by="clerk", at=BEFORE)
    starts_later(found["STARTED"])
    deadlines.correct_zone(found["MOVED"].id, MAY, zone="Pacific/Pago_Pago", **BY)
    found["COMPLETE"].send(found["COMPLETE"].server.day(LAST), at=BEFORE)
    found["TOO-LATE"].send(found["TOO-LATE"].server.day(LAST), at=DUE + HOUR)
    return found


def licensed(company: Company, *keys: str) -> None:
    licence_requests.set_licences(
        company.id, from_on=LAST - DAY, keys=keys, by="clerk", at=BEFORE
    )


def starts_later(company: Company) -> None:
    """Let its server owe from the last day of the period on."""
    with unit_of_work.acting_for(company.id, reading=True):
        server = Server.objects.get()
    wish = server_requests.ServerChange(
        server_id=server.pk,
        kind=ServerRequestKind.FIRST_DAY,
        day=LAST,
        reason="It is new.",
    )
    asked = server_requests.request_change(company.id, wish=wish, by="admin", at=BEFORE)
    if asked is not None:
        server_requests.approve(company.id, request_id=asked.pk, by="clerk", at=BEFORE)


def desk_at(at: datetime) -> dict[str, DeskRow]:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        counted = standing_counts(DeskFilter(period=MAY), at=at)
        found = desk_rows(DeskFilter(period=MAY), at=at, most=100, counted=counted)
    standings = Counter(row.standing for row in found)
    assert {one: count for one, count in counted.items() if count} == standings
    return {row.number: row for row in found}


def own(company: Company, at: datetime) -> PeriodView:
    with unit_of_work.acting_for(company.id, reading=True):
        return view_period(MAY, at=at)


def assert_same(row: DeskRow, view: PeriodView) -> None:
    calendar = view.judgement.calendar
    cells = list(calendar.cells.values())
    lacking = [cell.mode for cell in cells if cell.state in UNCOVERED]
    assert row.standing == view.judgement.standing
    assert (row.owed, row.covered) == (calendar.owed, calendar.covered)
    assert row.numbers.missing == lacking.count(Mode.MANUAL)
    assert row.numbers.faults == len(lacking) - row.numbers.missing
    states = Counter(cell.state for cell in cells)
    assert row.numbers.with_us == states[CellState.WITH_US]
    assert row.numbers.pending == states[CellState.PENDING]
    assert row.lacks_servers == calendar.lacks_servers
    assert (row.deadline_at, row.zone) == (view.deadline_at, view.zone)


@pytest.mark.parametrize("at", INSTANTS, ids=str)
def test_it_agrees_with_each_tenants_own_calendar(
    cast: dict[str, Company], at: datetime
) -> None:
    found = desk_at(at)
    assert found.keys() == cast.keys()
    for name, company in cast.items():
        assert_same(found[name], own(company, at))


def test_each_stands_as_it_should(cast: dict[str, Company]) -> None:
    assert {name: row.standing for name, row in desk_at(AT_LAST).items()} == IN_THE_END
    # At the first deadline two have more time.
    at_first = {name: row.standing for name, row in desk_at(DUE).items()}
    assert at_first == IN_THE_END | {
        "EXTENDED": Standing.INCOMPLETE,
        "MOVED": Standing.INCOMPLETE,
        "TOO-LATE": at_first["TOO-LATE"],
    }
    flagged = sum(one is Standing.LATE for one in IN_THE_END.values())
    assert checked(AT_LAST) == flagged + 1  # who has completed it too late


def test_each_says_on_the_page_what_it_is(cast: dict[str, Company]) -> None:
    clerk = staff_client(StaffRole.CLERK)
    text = clerk.get(f"/staff/?period={MAY}").content.decode()
    lines = {name: line_of(text, company) for name, company in cast.items()}
    assert "1 fault" in lines["AUTOMATED"]
    assert "automated" in lines["AUTOMATED"]
    assert "nothing is owed" in lines["NONE"]
    assert "no licence" in lines["NONE"]
    assert "extended" in lines["EXTENDED"]
    assert "20 June 2026, 00:00</time> CEST" in lines["EXTENDED"]
    assert 'class="excused"' in lines["EXCUSED"]
    assert "1 with us" in lines["ASKED"]
    assert "0 <span" in lines["STARTED"]
    assert "of 1<" in lines["STARTED"]
    assert "5 June 2026, 00:00</time> SST" in lines["MOVED"]
    assert "none yet" in lines["NO-FILE"]
    assert "Completed late" in lines["TOO-LATE"]


def line_of(page: str, company: Company) -> str:
    box = f'name="tenant" value="{company.id}"'
    return page[page.index(box) :].split("</tr>", maxsplit=1)[0]


def test_the_filters_lead_to_those_they_count(
    cast: dict[str, Company], client: Client
) -> None:
    clerk = staff_client(StaffRole.CLERK)
    for standing in Standing:
        slug = standing.value.replace(" ", "-")
        text = clerk.get(f"/staff/?period={MAY}&standing={slug}").content.decode()
        wanted = {name for name, one in IN_THE_END.items() if one is standing}
        shown = {
            name
            for name, company in cast.items()
            if f'name="tenant" value="{company.id}"' in text
        }
        assert shown == wanted
