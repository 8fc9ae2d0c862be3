"""A process killed while it computes or issues statements leaves them whole."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings

from billing.coverage.periods import Period
from billing.periods import open_periods
from billing.statements import month_end
from billing.statements.month_end import RunRequest
from portal.db import unit_of_work
from portal.health import failpoints
from portal.models import Tenant
from tests.builders import Company, open_company
from tests.faults.killable_portal import KILLED, KillablePortal, broken_invariants
from tests.faults.stored_state import StoredState

pytestmark = pytest.mark.faults

# The task that passes a failpoint; the others are passed by the month end.
TASKS = {
    "statement:claimed": "billing.refresh_statements",
    "statement:unmarked": "billing.refresh_statements",
}
MONTH_END = "billing.month_end"

MARCH = Period(2026, 3)
AFTER = datetime(2026, 4, 6, 9, 0, tzinfo=UTC)

VERSIONS = (
    "select number, version, position, document, tenant_id from billing_statement"
)
WORK = "select state, outcome from billing_monthendwork order by id"


@pytest.fixture(params=failpoints.STATEMENT_NAMES)
def place(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def open_complete(number: str, stored: StoredState) -> Company:
    """Open a tenant whose period of two owed days is complete."""
    company = open_company(
        number, name="Alice", zone="Europe/Berlin", first_owed_on=date(2026, 3, 26)
    )
    with unit_of_work.acting_for(company.id):
        open_periods.open_period(Tenant.objects.get(), MARCH, at=AFTER)
    stores: dict[str, Any] = {**settings.STORAGES}
    location = {"OPTIONS": {"location": str(stored.folder)}}
    stores["usage"] = {**stores["usage"], **location}
    with override_settings(STORAGES=stores):
        for data in company.server.days(date(2026, 3, 26), date(2026, 3, 27)):
            company.send(data, at=AFTER)
    return company


def start_run() -> None:
    wanted = RunRequest(period=MARCH, is_issuing=True, by="clara", at=AFTER)
    month_end.start(wanted, wakes=False)


def test_a_killed_process_issues_each_version_whole_and_once(
    killable: KillablePortal, place: str
) -> None:
    stored, work = killable.stored, killable.work
    number = failpoints.STATEMENT_NAMES.index(place)
    company = open_complete(f"K-{number}", stored)
    start_run()
    stored.let_time_pass()
    assert work.run(TASKS.get(place, MONTH_END), place=place) == KILLED
    for row in stored.rows(VERSIONS):
        # Every stored version is whole.
        assert json.loads(bytes(row["document"]))["statement"]["number"]
    stored.let_time_pass()
    assert work.run("billing.refresh_statements", MONTH_END) == 0
    versions = stored.rows(VERSIONS)
    own = [row["number"] for row in versions if row["tenant_id"] == company.id]
    assert own == [f"{company.number}-2026-03-1"]
    positions = sorted(row["position"] for row in versions)
    assert positions == list(range(1, len(versions) + 1))
    assert {row["state"] for row in stored.rows(WORK)} == {"done"}
    assert broken_invariants(work) == []
