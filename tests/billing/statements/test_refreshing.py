"""Current statements follow the facts: by marks and for readers, in any order."""

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from billing.coverage.periods import Period
from billing.models import CurrentStatement, StatementMark, UsageDay
from billing.periods import open_periods
from billing.statements import catalogue, compute_days, file_opener, queries, refresh
from billing.statements.compute.catalogue import Kind
from portal.db import unit_of_work
from portal.errors import Unavailable
from portal.models import Tenant
from tests.builders import Company, Writer, open_company
from usage.models import UsageFile
from usage.storage import store
from usage.usg import Sessions

MAY = Period(2026, 5)
AFTER = datetime(2026, 6, 3, 9, 0, tzinfo=UTC)
FIRST, LAST = date(2026, 5, 23), date(2026, 5, 27)


def open_alice(number: str = "A-1") -> Company:
    company = open_company(
        number, name="Alice", zone="Europe/Berlin", first_owed_on=FIRST
    )
    with unit_of_work.acting_for(company.id):
        open_periods.open_period(Tenant.objects.get(), MAY, at=AFTER)
    return company


@pytest.fixture
def company(db: None) -> Company:
    return open_alice()


def busy(user: str, *licences: str) -> Sessions:
    """Somebody from eight to nine, who holds some licence keys."""
    return Sessions(
        users=[user],
        licence_sets=[licences],
        user=[0],
        licences=[0],
        login=[8 * 3600],
        logout=[9 * 3600],
        flags=[0],
    )


def written(server: Writer) -> list[bytes]:
    days = [FIRST + timedelta(days=number) for number in range(5)]
    return [
        server.day(day, sessions=busy(f"user{day.day % 3}", "I3_ACCESS_CLIENT"))
        for day in days
    ]


def figures(company: Company) -> dict[str, Any]:
    return queries.serve(company.id, MAY, version="latest", at=AFTER).content()


def mark_due() -> None:
    """Make marks due now instead of some seconds after a change."""
    with unit_of_work.acting_for(unit_of_work.STAFF), connection.cursor() as cursor:
        cursor.execute("update billing_statementmark set due_at = clock_timestamp()")


def test_the_figures_do_not_depend_on_the_order_of_arrival(db: None) -> None:
    hashes = set()
    for number, seed in enumerate((2, 3, 5)):
        company = open_alice(f"A-{number}")
        west = company.registered("WEST", zone="America/Los_Angeles")
        files = [*written(company.server), *written(west)]
        random.Random(seed).shuffle(files)
        for place, data in enumerate([*files, *files[:3]]):
            company.send(data, at=AFTER)
            if place % seed == 0:
                figures(company)
        found = figures(company)
        counted = (found["totals"], found["lines"], found["days"], found["outside"])
        hashes.add(str(counted))
    assert len(hashes) == 1


def test_recomputing_all_days_gives_the_same_hash(
    company: Company,
) -> None:
    for data in written(company.server):
        company.send(data, at=AFTER)
    before = figures(company)["figures_sha256"]
    with unit_of_work.acting_for(company.id):
        UsageDay.objects.all().delete()
    with connection.cursor() as cursor, unit_of_work.acting_for(company.id):
        cursor.execute("update billing_currentstatement set generation = -1")
    with unit_of_work.acting_for(company.id, holding=True):
        StatementMark.objects.update(generation=10**9)
    assert figures(company)["figures_sha256"] == before


def test_a_late_file_recomputes_its_own_days_only(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    *others, last = written(company.server)
    for data in others:
        company.send(data, at=AFTER)
    figures(company)
    computed = []
    real = compute_days.DayComputer.compute

    def noted(self: compute_days.DayComputer, day: date) -> None:
        computed.append(day)
        real(self, day)

    monkeypatch.setattr(compute_days.DayComputer, "compute", noted)
    company.send(last, at=AFTER)
    assert figures(company)["lines"][1]["logins"] == 5
    assert computed == [LAST]


def test_the_refresher_computes_marked_statements_and_removes_the_mark(
    company: Company,
) -> None:
    for data in written(company.server):
        company.send(data, at=AFTER)
    mark_due()
    assert refresh.refresh_marked(now=lambda: AFTER, seconds=60) == 1
    with unit_of_work.acting_for(company.id, reading=True):
        assert not StatementMark.objects.exists()
        assert CurrentStatement.objects.get().file_count == 5
    assert refresh.refresh_marked(now=lambda: AFTER, seconds=60) == 0


def test_a_file_whose_bytes_are_gone_is_named_and_prevents_issuing(
    company: Company,
) -> None:
    for data in written(company.server):
        company.send(data, at=AFTER)
    lost = company.files()[0]
    store.remove(lost.stored_as)
    found = figures(company)
    assert found["files"]["unreadable"] == [bytes(lost.sha256).hex()]
    assert found["files"]["count"] == 4
    assert found["lines"][1]["logins"] == 4


def test_a_statement_waits_while_the_store_is_away(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.send(written(company.server)[0], at=AFTER)

    def away(*_: Any, **__: Any) -> None:
        message = "the store is away"
        raise OSError(message)

    monkeypatch.setattr(file_opener, "read_rows", away)
    with pytest.raises(Unavailable) as problem:
        figures(company)
    assert problem.value.code == "statement-waits"
    mark_due()
    refresh.refresh_marked(now=lambda: AFTER, seconds=60)
    with unit_of_work.acting_for(company.id, reading=True):
        assert StatementMark.objects.get().problem == refresh.STORE_AWAY
    monkeypatch.undo()
    assert figures(company)["files"]["count"] == 1


def test_files_stored_in_the_archive_only_are_counted(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = written(company.server)[0]
    company.send(data, at=AFTER)
    file = company.files()[0]
    with unit_of_work.acting_for(company.id, holding=True):
        UsageFile.objects.update(stored_as="", bytes_removed_at=AFTER)
    store.remove(file.stored_as)
    monkeypatch.setattr("usage.storage.archive.fetch", lambda _key: data)
    assert figures(company)["lines"][1]["logins"] == 1


def test_unknown_keys_are_named_until_they_are_classified(company: Company) -> None:
    sessions = busy("ada", "I3_ACCESS_NEW_CONCURRENT")
    company.send(company.server.day(FIRST, sessions=sessions), at=AFTER)
    assert figures(company)["catalogue"]["unclassified"] == ["I3_ACCESS_NEW"]
    assert figures(company)["totals"]["rows"] == 0
    with unit_of_work.acting_for(unit_of_work.STAFF):
        catalogue.classify(
            {"I3_ACCESS_NEW": Kind.ADD_ON},
            valid_from=MAY,
            reason="a new add-on",
            by="clara",
            at=AFTER,
        )
    found = figures(company)
    assert found["catalogue"]["unclassified"] == []
    assert found["catalogue"]["version"] == 2
    by_id = {line["id"]: line for line in found["lines"]}
    assert by_id["add_on:I3_ACCESS_NEW"]["logins"] == by_id["agent"]["logins"] == 1


def test_a_version_of_the_catalogue_is_not_valid_before_its_period(
    company: Company,
) -> None:
    sessions = busy("ada", "I3_ACCESS_NEW")
    company.send(company.server.day(FIRST, sessions=sessions), at=AFTER)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        catalogue.classify(
            {"I3_ACCESS_NEW": Kind.ADD_ON},
            valid_from=MAY.next(),
            reason="from June on",
            by="clara",
            at=AFTER,
        )
    assert figures(company)["catalogue"]["unclassified"] == ["I3_ACCESS_NEW"]
    assert figures(company)["catalogue"]["version"] == 1
