"""The desk agrees with each tenant's own calendar, in every situation."""

from collections import Counter
from datetime import UTC, datetime

import pytest
from django.test import Client

from billing.coverage.cells import UNCOVERED, CellState
from billing.coverage.facts import Mode
from billing.coverage.standing import Standing
from billing.desk.desk_row import DeskRow
from billing.desk.queries import desk_rows, standing_counts
from billing.desk.sql import DeskFilter
from billing.periods.queries import PeriodView, view_period
from portal.db import unit_of_work
from portal.models import StaffRole
from tests.billing.desk.tenants_in_situations import IN_THE_END, PAGO_PAGO
from tests.billing.lateness.late_tenants import (
    BEFORE,
    DUE,
    MAY,
    SECOND,
    run_check,
)
from tests.billing.staff.staff_clients import staff_client
from tests.builders import NOW, Company

AT_LAST = datetime(2026, 6, 20, tzinfo=UTC)

# While the period runs, after it, and around each deadline that somebody has.
INSTANTS = (
    *(NOW, datetime(2026, 5, 27, 12, tzinfo=UTC), BEFORE, DUE - SECOND, DUE),
    *(PAGO_PAGO - SECOND, PAGO_PAGO, datetime(2026, 6, 19, 22, tzinfo=UTC), AT_LAST),
)


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
    situations: dict[str, Company], at: datetime
) -> None:
    found = desk_at(at)
    assert found.keys() == situations.keys()
    for name, company in situations.items():
        assert_same(found[name], own(company, at))


def test_each_stands_as_it_should(situations: dict[str, Company]) -> None:
    assert {name: row.standing for name, row in desk_at(AT_LAST).items()} == IN_THE_END
    # At the first deadline two have more time.
    at_first = {name: row.standing for name, row in desk_at(DUE).items()}
    assert at_first == IN_THE_END | {
        "EXTENDED": Standing.INCOMPLETE,
        "MOVED": Standing.INCOMPLETE,
        "TOO-LATE": at_first["TOO-LATE"],
    }
    flagged = sum(one is Standing.LATE for one in IN_THE_END.values())
    assert run_check(AT_LAST) == flagged + 1  # who has completed it too late


def test_each_says_on_the_page_what_it_is(situations: dict[str, Company]) -> None:
    clerk = staff_client(StaffRole.CLERK)
    text = clerk.get(f"/staff/?period={MAY}").content.decode()
    lines = {name: line_of(text, company) for name, company in situations.items()}
    assert "1 fault" in lines["AUTOMATED"]
    assert "automated" in lines["AUTOMATED"]
    assert "nothing is owed" in lines["NONE"]
    assert "no licence" in lines["NONE"]
    assert "extended" in lines["EXTENDED"]
    assert "20 June 2026, 00:00</time> CEST" in lines["EXTENDED"]
    assert 'class="excused"' in lines["EXCUSED"]
    assert "1 waiting" in lines["ASKED"]
    assert "0 <span" in lines["STARTED"]
    assert "of 1<" in lines["STARTED"]
    assert "5 June 2026, 00:00</time> SST" in lines["MOVED"]
    assert "none yet" in lines["NO-FILE"]
    assert "Completed late" in lines["TOO-LATE"]


def line_of(page: str, company: Company) -> str:
    box = f'name="tenant" value="{company.id}"'
    return page[page.index(box) :].split("</tr>", maxsplit=1)[0]


def test_the_filters_lead_to_those_they_count(
    situations: dict[str, Company], client: Client
) -> None:
    clerk = staff_client(StaffRole.CLERK)
    for standing in Standing:
        slug = standing.value.replace(" ", "-")
        text = clerk.get(f"/staff/?period={MAY}&standing={slug}").content.decode()
        wanted = {name for name, one in IN_THE_END.items() if one is standing}
        shown = {
            name
            for name, company in situations.items()
            if f'name="tenant" value="{company.id}"' in text
        }
        assert shown == wanted
