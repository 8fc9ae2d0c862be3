"""The month end over several tenants: outcomes, progress, commands."""

from datetime import date, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from billing.models import MonthEndOutcome, MonthEndRun, Statement
from billing.statements import month_end
from billing.statements.month_end import RunProgress, RunRequest
from portal.db import unit_of_work
from portal.errors import Refused, Unavailable
from portal.health import invariants
from portal.models import AuditEntry
from tests.billing.statements.statement_tenants import (
    AFTER,
    FIRST,
    LAST,
    MAY,
    open_tenant,
    send_all,
    send_day,
)
from tests.builders import Company
from usage.storage import store
from usage.usg import Sessions

UNKNOWN = Sessions(
    users=["ada"],
    licence_sets=[["I3_ACCESS_UNHEARD_OF"]],
    user=[0],
    licences=[0],
    login=[60],
    logout=[120],
    flags=[0],
)


def run(*, at: datetime = AFTER, **changes: bool | str) -> RunProgress:
    """Start a run and work on it until no tenant waits."""
    asked = {"period": MAY, "is_issuing": True, "by": "clara", "at": at}
    started = month_end.start(RunRequest(**{**asked, **changes}), wakes=False)  # type: ignore[arg-type]  # the fields of a request
    month_end.work(now=lambda: at, has_time=lambda: True)
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        return month_end.progress(started)


def outcome_of(company: Company) -> str:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        last = MonthEndRun.objects.order_by("-pk")[0]
        return last.work.get(tenant=company.id).outcome


@pytest.fixture
def tenants(db: None) -> dict[str, Company]:
    """A tenant for each outcome of a first run."""
    found = {
        name: open_tenant(f"T-{name}")
        for name in ("complete", "missing", "unknown", "broken")
    }
    for name in ("complete", "unknown", "broken"):
        send_all(found[name], last=date(2026, 5, 26))
    send_day(found["complete"], LAST)
    send_day(found["broken"], LAST)
    other = found["unknown"].server.day(LAST, sessions=UNKNOWN)
    found["unknown"].send(other, at=AFTER)
    store.remove(found["broken"].files()[0].stored_as)
    return found


def test_a_run_issues_complete_statements_and_names_other_obstacles(
    tenants: dict[str, Company],
) -> None:
    found = run()
    assert found.outcomes == {
        MonthEndOutcome.ISSUED: 1,
        MonthEndOutcome.INCOMPLETE: 1,
        MonthEndOutcome.UNCLASSIFIED: 1,
        MonthEndOutcome.UNREADABLE: 1,
    }
    assert (found.done, found.tenants, found.waiting, found.failed) == (4, 4, 0, 0)
    assert outcome_of(tenants["complete"]) == MonthEndOutcome.ISSUED
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        assert Statement.objects.get().number == "T-complete-2026-05-1"
        assert AuditEntry.objects.filter(act="month-end-started").count() == 1


def test_a_second_run_changes_nothing(tenants: dict[str, Company]) -> None:
    run()
    later = AFTER + timedelta(hours=1)
    assert run(at=later).outcomes[MonthEndOutcome.UNCHANGED] == 1
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        assert Statement.objects.count() == 1


def test_a_run_without_issuing_computes_only(tenants: dict[str, Company]) -> None:
    assert run(is_issuing=False).outcomes[MonthEndOutcome.COMPUTED] == 1
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        assert not Statement.objects.exists()


def test_a_draft_is_issued_only_with_a_reason(tenants: dict[str, Company]) -> None:
    run(with_incomplete=True, reason="closed")
    send_all(tenants["missing"])
    run()
    assert outcome_of(tenants["missing"]) == MonthEndOutcome.CHANGED
    run(reason="the files were found")
    assert outcome_of(tenants["missing"]) == MonthEndOutcome.ISSUED
    scope = [(company.id, company.number) for company in tenants.values()]
    found = invariants.findings(
        tenants=scope, reads=invariants.CheckCost.ROWS, at=AFTER
    )
    broken = {one.invariant.name for one in found if one.finding.is_breach}
    assert not [name for name in broken if "statement" in name]


def test_incomplete_periods_are_not_closed_without_a_reason(db: None) -> None:
    with pytest.raises(Refused):
        run(with_incomplete=True)


def test_a_statement_that_cannot_be_computed_now_is_tried_again(
    tenants: dict[str, Company], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise Unavailable("statement-waits")

    with monkeypatch.context() as patch:
        patch.setattr("billing.statements.refresh.fresh_statement", away)
        assert run().waiting == 4
    month_end.work(now=lambda: AFTER.replace(hour=12), has_time=lambda: True)
    assert outcome_of(tenants["complete"]) == MonthEndOutcome.ISSUED


def test_the_command_issues_and_prints_the_outcomes(
    tenants: dict[str, Company],
) -> None:
    out = StringIO()
    call_command("month_end", "2026-05", "--issue", stdout=out)
    assert "4 of 4 tenants" in out.getvalue()
    assert "1  issued\n" in out.getvalue()


def test_the_command_prints_a_statement(db: None) -> None:
    send_all(open_tenant("T-complete"))
    out = StringIO()
    call_command("statement", "T-complete", "2026-05", stdout=out)
    assert "Alice Assurance, 2026-05: provisional" in out.getvalue()
    assert "3 server-days owed, 0 missing" in out.getvalue()
    assert "doubtful, alike_groups: 1\n" in out.getvalue()
    assert "not classified" not in out.getvalue()


def test_the_command_names_what_prevents_issuing(db: None) -> None:
    company = open_tenant("T-complete")
    company.send(company.server.day(FIRST, sessions=UNKNOWN), at=AFTER)
    send_day(company, LAST)
    gone = company.files()[1]
    store.remove(gone.stored_as)
    out = StringIO()
    call_command("statement", "T-complete", "2026-05", stdout=out)
    assert "keys not classified: I3_ACCESS_UNHEARD_OF\n" in out.getvalue()
    assert f"files that do not open: {bytes(gone.sha256).hex()}\n" in out.getvalue()


@pytest.mark.parametrize(
    "arguments",
    [
        ("statement", "T-none", "2026-05"),
        ("statement", "T-complete", "2026-5"),
        ("statement", "T-complete", "2020-05"),
        ("month_end", "05/2026"),
        ("month_end", "2026-05", "--issue", "--close-incomplete"),
    ],
)
def test_commands_with_wrong_arguments_fail(
    db: None, arguments: tuple[str, ...]
) -> None:
    open_tenant("T-complete")
    with pytest.raises(CommandError):
        call_command(*arguments)
