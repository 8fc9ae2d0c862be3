"""Missing numbers between two series reach stored summaries, however far away."""

from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from typing import Any
from uuid import uuid4

from django.db import connections

from billing.models import ExcuseKindChoices, StatementMark, SummaryMark
from billing.periods import open_periods, refresh
from billing.requests import excuses
from billing.statements import completeness
from portal.db import unit_of_work
from tests.billing.periods.summary_differences import differing
from tests.billing.requests.excuse_requests import (
    AFTER,
    DAY,
    FIRST,
    MAY,
    current_judgement,
    may,
    request_excuse,
    states,
)
from tests.builders import NOW, Company

AUTUMN = datetime(2026, 9, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def reinstalled(company: Company, *, sequence: int) -> None:
    writer = company.server
    writer.series, writer.sequence, writer.previous = uuid4(), sequence, None


def counted_down(company: Company) -> int:
    with unit_of_work.acting_for(company.id, reading=True):
        return int(completeness.load(MAY, last_day=None, at=AUTUMN).part["down"])


def test_a_series_that_begins_months_later_contradicts_down_until_its_numbers_come(
    alice: Company,
) -> None:
    open_periods.open_current_periods(today=date(2026, 9, 10), at=NOW)
    for data in alice.server.days(FIRST, may(5)):
        alice.send(data, at=AFTER)
    down = request_excuse(alice, may(10), may(11), at=AFTER)
    excuses.approve(alice.id, excuse_id=down.pk, by="clerk", at=AFTER)
    assert states(current_judgement(alice), may(10), may(11)) == ["excused"] * 2
    assert counted_down(alice) == 2
    reinstalled(alice, sequence=1)
    alice.send(alice.server.day(date(2026, 9, 1)), at=AUTUMN)
    assert states(current_judgement(alice), may(10), may(11)) == ["missing"] * 2
    assert counted_down(alice) == 0
    # The file is known to be lost now: no number is left that may be of these days.
    [gap] = current_judgement(alice).calendar.missing_files
    numbers: dict[str, Any] = {"series": gap.series, "numbers": (1, 1)}
    lost = request_excuse(alice, kind=ExcuseKindChoices.LOST, at=AUTUMN, **numbers)
    excuses.approve(alice.id, excuse_id=lost.pk, by="clerk", at=AUTUMN)
    assert states(current_judgement(alice), may(10), may(11)) == ["excused"] * 2


def test_down_counts_again_once_the_first_numbers_arrive(alice: Company) -> None:
    open_periods.open_current_periods(today=date(2026, 9, 10), at=NOW)
    alice.send(alice.server.day(may(5)), at=AFTER)
    down = request_excuse(alice, may(10), at=AFTER)
    excuses.approve(alice.id, excuse_id=down.pk, by="clerk", at=AFTER)
    reinstalled(alice, sequence=0)
    first, second = alice.server.days(date(2026, 8, 31), date(2026, 9, 1))
    alice.send(second, at=AUTUMN)
    assert states(current_judgement(alice), may(10)) == ["missing"]
    alice.send(first, at=AUTUMN + HOUR)
    assert states(current_judgement(alice), may(10)) == ["excused"]


def test_the_migration_marks_tenants_with_several_series_of_a_server(
    alice: Company, charlie: Company
) -> None:
    migration: Any = import_module("billing.migrations.0022_gaps_contradict_down")
    open_periods.open_current_periods(today=date(2026, 5, 20), at=NOW)
    for company in (alice, charlie):
        company.send(company.server.day(FIRST), at=NOW)
    reinstalled(alice, sequence=4)
    alice.send(alice.server.day(FIRST + 2 * DAY), at=NOW)
    refresh.refresh_all(seconds=60)
    for _ in range(2):  # again, over marks that are still there
        with connections["owner"].cursor() as cursor:
            cursor.execute(migration._MARK)
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        [found] = SummaryMark.objects.all()
        assert (found.tenant_id, found.rank) == (alice.id, 1)
        assert (found.first_period, found.last_period) == ("0000-00", "9999-99")
        marked = StatementMark.objects.get(tenant=alice.id)
        assert marked.generation == found.generation
    assert differing(alice) == differing(charlie) == []
