"""What once made a statement wrong, or impossible to issue."""

import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection

from billing.coverage.periods import Period
from billing.models import CurrentStatement, Statement, UsageDay
from billing.statements import build_current, catalogue, inputs, issue, queries, refresh
from billing.statements.compute.catalogue import Kind, base_key, base_keys
from billing.statements.inputs import LONGEST_SPAN, counted_file
from billing.statements.issue import IssueRequest
from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.errors import Refused
from portal.models import AuditEntry, Tenant
from tests.billing.statements.statement_tenants import (
    AFTER,
    LAST,
    MAY,
    issue_version,
    open_tenant,
    send_all,
    send_day,
)
from tests.builders import Company
from usage.models import FileState, UsageFile


def served(company: Company, version: str = "latest") -> dict[str, Any]:
    return queries.serve(company.id, MAY, version=version, at=AFTER).content()


def classify(kinds: dict[str, Kind], *, valid_from: Period = MAY) -> None:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        catalogue.classify(
            kinds, valid_from=valid_from, reason="a test", by="clara", at=AFTER
        )


def test_a_stored_day_that_no_file_touches_any_more_is_not_counted(db: None) -> None:
    company = open_tenant("A-1")
    send_all(company)
    before = served(company)["totals"]["logins"]
    with unit_of_work.acting_for(company.id, holding=True):
        UsageFile.objects.filter(day=LAST).update(
            state=FileState.REFUSED, decided_at=AFTER, decision_reason="a test"
        )
    # The day is still stored, as a slow refresher would leave it.
    assert build_current.build(company.id, MAY, at=AFTER)
    with unit_of_work.acting_for(company.id, reading=True):
        assert UsageDay.objects.filter(day=LAST).exists()
        current = CurrentStatement.objects.get()
    found = queries.serve_current(company.id, MAY).content()
    assert found["totals"]["logins"] == before * 2 // 3
    assert current.file_count == 2


def test_a_key_that_is_classified_changes_no_other_key_in_earlier_periods(
    db: None,
) -> None:
    company = open_tenant("A-1")
    send_all(company)
    issue_version(company)
    classify({"I3_ACCESS_CLIENT": Kind.AGENT}, valid_from=MAY.next())
    classify({"SOMEBODY_ELSES": Kind.BUSINESS}, valid_from=MAY)
    with pytest.raises(Refused):
        served(company, "draft")
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        assert catalogue.catalogue_of("2026-05").kinds["I3_ACCESS_CLIENT"] == "business"
        assert catalogue.catalogue_of("2026-06").kinds["I3_ACCESS_CLIENT"] == "agent"
        assert [one.changed for one in catalogue.changes()] == [
            {"SOMEBODY_ELSES": Kind.BUSINESS},
            {"I3_ACCESS_CLIENT": Kind.AGENT},
        ]


def test_a_build_from_before_a_version_is_not_stored_after_it(db: None) -> None:
    company = open_tenant("A-1")
    send_all(company)
    served(company)
    with unit_of_work.acting_for(company.id, reading=True, repeatable=True):
        early = build_current.build_row(Tenant.objects.get(), MAY, at=AFTER)
    assert early is not None
    issue_version(company)
    # Whatever mark was set meanwhile, it was compared with no version.
    early.generation = 10**12
    with unit_of_work.acting_for(company.id):
        build_current.store(early)
    with unit_of_work.acting_for(company.id, reading=True):
        assert CurrentStatement.objects.get().state == "issued"
        assert not inputs.stale_periods(company.id, ["2026-05"], at=AFTER)


def test_an_earlier_build_is_not_stored_after_a_later_one(db: None) -> None:
    company = open_tenant("A-1")
    send_all(company)
    served(company)
    with unit_of_work.acting_for(company.id, reading=True, repeatable=True):
        early, late = (
            build_current.build_row(Tenant.objects.get(), MAY, at=AFTER)
            for _ in range(2)
        )
    assert early is not None
    assert late is not None
    assert early.generation == late.generation
    with unit_of_work.acting_for(company.id):
        build_current.store(late)
        build_current.store(early)
        assert CurrentStatement.objects.get().built_at == late.built_at
        assert early.built_at < late.built_at


def test_heads_are_listed_without_computing_once_the_time_is_over(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = open_tenant("A-1")
    send_all(company, last=date(2026, 5, 26))
    issue_version(company, reason="the deadline is over")
    send_day(company, LAST)
    monkeypatch.setattr(refresh, "PATIENCE", 0.0)
    [_, issued] = queries.heads_of_tenant(company.id, at=AFTER)
    assert issued.state == "issued"
    monkeypatch.undo()
    [_, draft, _] = queries.heads_of_tenant(company.id, at=AFTER)
    assert draft.state == "draft"


def test_the_counter_of_positions_leaves_no_gap(db: None) -> None:
    company = open_tenant("A-1")
    issue_version(company, reason="no files")
    with (
        pytest.raises(DatabaseError, match="positions have no gaps"),
        unit_of_work.acting_for(company.id),
        connection.cursor() as cursor,
    ):
        cursor.execute("update billing_statementcounter set last = last + 2")


@pytest.mark.parametrize(
    ("written", "base"),
    [
        ("KEY", "KEY"),
        ("KEY_CONCURRENT", "KEY"),
        ("KEY_CONCURRENT_CONCURRENT", "KEY"),
        (" KEY ", "KEY"),
        ("KEY _CONCURRENT\u00a0", "KEY"),
        ("_CONCURRENT", "_CONCURRENT"),
    ],
)
def test_what_a_key_is_compared_as(written: str, base: str) -> None:
    assert base_key(written) == base
    assert base_key(base) == base
    assert base_keys([written, " "]) == [base]


def test_a_file_that_was_open_for_years_is_named_and_not_counted() -> None:
    opened = datetime(2026, 5, 7, tzinfo=UTC)
    file = UsageFile(
        opened_at=opened,
        closed_at=datetime(9999, 12, 31, tzinfo=UTC),
        opened_offset=0,
        assigned_day=date(2026, 5, 7),
    )
    assert counted_file(file, UTC).days == ()
    file.closed_at = opened + timedelta(seconds=LONGEST_SPAN)
    assert len(counted_file(file, UTC).days) == 100


def test_a_correction_to_nothing_is_issued(db: None) -> None:
    company = open_tenant("A-1")
    send_all(company)
    issue_version(company)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        Tenant.objects.update(first_owed_on=LAST + timedelta(days=1))
    with unit_of_work.acting_for(company.id):
        CurrentStatement.objects.update(rules=0)
    second = issue.issue(
        company.id,
        IssueRequest(period=MAY, by="clara", at=AFTER, reason="was not a customer"),
    )
    assert second.version == 2
    with unit_of_work.acting_for(company.id, reading=True):
        assert Statement.objects.count() == 2


def test_a_day_that_stays_stale_is_an_error_and_no_endless_loop(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = open_tenant("A-1")
    send_all(company, last=date(2026, 5, 25))
    monkeypatch.setattr(build_current, "build", lambda *_, **__: False)
    with pytest.raises(RuntimeError, match="stay stale"):
        refresh.refresh_period(company.id, MAY, at=AFTER, seconds=60)


def test_readers_take_turns_day_by_day(db: None) -> None:
    company = open_tenant("A-1")
    send_all(company)
    entered = []

    class Gate:
        def __enter__(self) -> None:
            entered.append(threading.get_ident())

        def __exit__(self, *_: object) -> None:
            pass

    assert refresh.refresh_period(company.id, MAY, at=AFTER, seconds=60, gate=Gate)
    assert len(entered) == 3


def test_keys_named_like_the_reason_do_not_replace_it(db: None) -> None:
    classify({"reason": Kind.IGNORED, "valid_from": Kind.AGENT})
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        entry = AuditEntry.objects.get(act="keys-classified")
        assert audit_log.first_break(tenant_id=None) is None
    assert (entry.details["reason"], entry.details["valid_from"]) == (
        *("a test", "2026-05"),
    )
    assert entry.details["key reason"] == "ignored"
