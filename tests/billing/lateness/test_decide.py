"""Staff decide about a late flag: waive days, choose a consequence."""

from typing import Any

import pytest

from billing.lateness import decide as late_decide
from billing.lateness import queries as late_queries
from billing.lateness.decide import ConsequenceChoice
from billing.lateness.text import flag_row
from portal.db import unit_of_work
from portal.errors import Refused
from portal.models import AuditEntry
from tests.billing.lateness.late_tenants import (
    AFTER,
    BEFORE,
    CHECKED,
    DAY,
    DUE,
    HOUR,
    LAST,
    audited_acts,
    broken_invariants,
    flag,
    open_periods,
    open_short,
    run_check,
)
from tests.billing.reminders.tenant_with_gaps import reminder_states as mail_states
from tests.billing.reminders.tenant_with_gaps import run
from tests.builders import Company

FIRST_DAY, LAST_DAY = "2026-05-26 IC01", "2026-05-27 IC01"
CLERK: dict[str, Any] = {"by": "clerk", "at": AFTER, "reason": "A fire."}


@pytest.fixture
def late(db: None, settings: Any) -> Company:
    """Two days are late."""
    settings.INBOX_BUCKET = ""
    company = open_short("L-1")
    open_periods()
    assert run_check(CHECKED) == 1
    assert flag(company).evidence == [FIRST_DAY, LAST_DAY]
    return company


@pytest.fixture
def half(db: None, settings: Any) -> Company:
    """The first day is here, but late is the last one."""
    settings.INBOX_BUCKET = ""
    company = open_short("L-1")
    open_periods()
    company.send(company.server.day(LAST - DAY), at=BEFORE)
    assert run_check(CHECKED) == 1
    assert flag(company).evidence == [LAST_DAY]
    return company


def waive(company: Company, *cells: str, **changes: Any) -> None:
    found = flag(company)
    fields = CLERK | changes
    late_decide.waive(company.id, flag_id=found.pk, cells=cells, **fields)


def decide(company: Company, consequence: str, seen: str, **changes: Any) -> None:
    found = flag(company)
    days = changes.pop("days", found.still)
    choice = ConsequenceChoice(consequence, seen=seen, days=days)
    late_decide.decide(company.id, flag_id=found.pk, choice=choice, **(CLERK | changes))


def details(company: Company, act: str) -> dict[str, Any]:
    with unit_of_work.acting_for(company.id, reading=True):
        found = AuditEntry.objects.filter(tenant=company.id, act=act).latest("number")
    return dict(found.details)


def to_decide() -> list[str]:
    """Say the state of each flag that is to be decided."""
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        found = [flag_row(one).state for one in late_queries.flags("to-decide")]
        assert len(found) == late_queries.awaiting_decision().count()
    return found


def test_waived_days_are_open_no_more(late: Company) -> None:
    waive(late, FIRST_DAY)
    found = flag(late)
    assert (found.waived, found.open_days) == ([FIRST_DAY], [LAST_DAY])
    assert (found.waived_by, found.waived_at) == ("clerk", AFTER)
    # What was late is told for ever.
    assert found.still == found.evidence == [FIRST_DAY, LAST_DAY]
    waive(late, LAST_DAY, reason="Water, too.")
    assert flag(late).open_days == []
    assert details(late, "late-days-waived") == {
        "days": 1,
        "first": LAST_DAY,
        "left": 0,
        "deadline_at": DUE.isoformat(),
        "reason": "Water, too.",
    }
    assert broken_invariants(AFTER) == set()


@pytest.mark.parametrize("cells", [(), ("2026-05-25 IC01",), (FIRST_DAY, "x")])
def test_only_open_days_can_be_waived(late: Company, cells: tuple[str, ...]) -> None:
    with pytest.raises(Refused, match="decided-already"):
        waive(late, *cells)
    assert flag(late).waived == []


def test_nothing_is_waived_twice(late: Company) -> None:
    waive(late, FIRST_DAY)
    with pytest.raises(Refused, match="decided-already"):
        waive(late, FIRST_DAY)


def test_each_needs_a_reason(late: Company) -> None:
    with pytest.raises(Refused, match="reason-needed"):
        waive(late, FIRST_DAY, reason=" ")
    with pytest.raises(Refused, match="reason-needed"):
        decide(late, "penalty", "", reason="\0")
    assert audited_acts(late) == ["late-flag-raised"]


def test_a_flag_of_another_tenant_is_not_found(late: Company, charlie: Company) -> None:
    found = flag(late)
    with pytest.raises(Refused, match="not-found"):
        late_decide.waive(charlie.id, flag_id=found.pk, cells=[FIRST_DAY], **CLERK)
    choice = ConsequenceChoice("penalty", seen="", days=[LAST_DAY])
    with pytest.raises(Refused, match="not-found"):
        late_decide.decide(charlie.id, flag_id=found.pk, choice=choice, **CLERK)


def test_new_missing_days_reopen_it(half: Company) -> None:
    waive(half, LAST_DAY)
    assert flag(half).open_days == []
    # A server that nobody knew: it owes both days, and its file is of the first.
    unknown = half.registered("IC02")
    half.send(unknown.day(LAST - DAY), at=AFTER + DAY)
    found = flag(half)
    assert found.open_days == ["2026-05-26 IC02", "2026-05-27 IC02"]
    assert found.evidence == [LAST_DAY]
    assert "late-flag-reopened" in audited_acts(half)
    assert broken_invariants(AFTER + DAY) == set()


def test_a_consequence_is_decided_with_its_reason(late: Company) -> None:
    decide(late, "penalty", "")
    found = flag(late)
    assert (found.consequence, found.decision_reason) == ("penalty", "A fire.")
    assert (found.decided_by, found.decided_at) == ("clerk", AFTER)
    decide(late, "none", "penalty", reason="They called.")
    assert flag(late).consequence == "none"
    assert details(late, "late-decided") == {
        "consequence": "none",
        "was": "penalty",
        "deadline_at": DUE.isoformat(),
        "reason": "They called.",
    }


def test_new_missing_days_are_to_be_decided_too(half: Company) -> None:
    decide(half, "none", "")
    assert (flag(half).undecided_days, to_decide()) == ([], [])
    unknown = half.registered("IC02")
    half.send(unknown.day(LAST - DAY), at=AFTER + DAY)
    assert flag(half).undecided_days == ["2026-05-26 IC02", "2026-05-27 IC02"]
    assert to_decide() == ["Late, with more days since the decision"]
    assert audited_acts(half)[-1] == "late-flag-reopened"
    # It is told of at nine on the next morning, and then decided.
    run(AFTER + 2 * DAY)
    assert mail_states(half) == []
    run(AFTER + 2 * DAY + 8 * HOUR)
    assert mail_states(half) == [("late", "sent", "")]
    decide(half, "none", "none")
    assert (to_decide(), flag(half).consequence) == ([], "none")
    run(AFTER + 9 * DAY)
    assert mail_states(half) == [("late", "sent", "")]


def test_it_is_not_decided_unseen(late: Company) -> None:
    decide(late, "penalty", "")
    with pytest.raises(Refused, match="decided-already"):
        decide(late, "disablement", "")
    assert flag(late).consequence == "penalty"


def test_there_is_no_other_consequence(late: Company) -> None:
    with pytest.raises(Refused, match="not-found"):
        decide(late, "prison", "")


def test_nothing_is_decided_about_a_void_flag(half: Company) -> None:
    # The next file has the next number and is of a later day: nothing was written.
    half.send(half.server.day(LAST + 2 * DAY), at=AFTER)
    assert flag(half).voided_at == AFTER
    with pytest.raises(Refused, match="decided-already"):
        decide(half, "penalty", "")
    with pytest.raises(Refused, match="decided-already"):
        waive(half, LAST_DAY)


def test_it_is_for_the_days_that_were_shown_alone(late: Company) -> None:
    decide(late, "penalty", seen="", days=[FIRST_DAY])
    assert flag(late).undecided_days == [LAST_DAY]
    decide(late, "penalty", seen="penalty")
    assert flag(late).undecided_days == []
