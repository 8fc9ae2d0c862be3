"""Staff move a deadline by extension or zone, only ever to a later instant."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from billing.coverage.periods import Period
from billing.models import VoidReason
from billing.periods import deadlines
from portal.db import unit_of_work
from portal.errors import Refused
from portal.models import AuditEntry, Scope
from tests.billing.lateness.late_tenants import (
    AFTER,
    BEFORE,
    CHECKED,
    DUE,
    HOUR,
    MAY,
    SECOND,
    audited_acts,
    broken_invariants,
    flag,
    flags,
    open_periods,
    open_short,
    opened,
    run_check,
    summary_row,
)
from tests.builders import Company

# The midnight that ends 9 June in Berlin.
LATER = datetime(2026, 6, 9, 22, tzinfo=UTC)


@pytest.fixture
def company(db: None, settings: Any) -> Company:
    """Two days are missing."""
    settings.INBOX_BUCKET = ""
    made = open_short("L-1")
    open_periods()
    return made


def extend(one: Company, to: date | datetime = date(2026, 6, 9), **more: Any) -> None:
    fields: dict[str, Any] = {"by": "clerk", "at": BEFORE, "reason": "Holidays."}
    deadlines.extend(one.id, more.pop("period", MAY), to=to, **(fields | more))


def correct(one: Company, zone: str, **more: Any) -> None:
    fields: dict[str, Any] = {"by": "clerk", "at": BEFORE, "reason": "They moved."}
    deadlines.correct_zone(one.id, MAY, zone=zone, **(fields | more))


def test_a_day_is_on_time_to_its_end_in_the_zone_of_the_period(
    company: Company,
) -> None:
    extend(company)
    row = opened(company)
    assert (row.effective_at, row.deadline_at) == (LATER, DUE)
    assert (row.decided_by, row.decision_reason) == ("clerk", "Holidays.")
    assert summary_row(company).deadline_at == LATER
    assert audited_acts(company) == ["deadline-extended"]
    assert broken_invariants(BEFORE) == set()


def test_nobody_is_late_before_the_new_deadline(company: Company) -> None:
    extend(company)
    assert run_check(CHECKED) == run_check(LATER + HOUR - SECOND) == 0
    assert run_check(LATER + HOUR) == 1
    assert flag(company).deadline_at == LATER


def test_a_flag_is_voided_by_it_and_the_new_deadline_raises_its_own(
    company: Company,
) -> None:
    run_check(CHECKED)
    extend(company, at=AFTER)
    first = flag(company)
    assert (first.void_reason, first.voided_at) == (VoidReason.EXTENDED, AFTER)
    assert run_check(LATER) == 0
    assert broken_invariants(LATER) == set()
    assert run_check(LATER + HOUR) == 1
    first, second = flags(company)
    assert (first.void_reason, second.voided_at) == (VoidReason.EXTENDED, None)
    assert audited_acts(company) == [
        *("late-flag-raised", "late-flag-voided", "deadline-extended"),
        "late-flag-raised",
    ]
    assert broken_invariants(LATER + 2 * HOUR) == set()


def test_a_void_flag_stays_void_whatever_comes(company: Company) -> None:
    run_check(CHECKED)
    extend(company, at=AFTER)
    for data in company.server.days(date(2026, 5, 26), date(2026, 5, 28)):
        company.send(data, at=LATER)
    assert flag(company).void_reason == VoidReason.EXTENDED
    assert run_check(LATER + HOUR) == 1
    assert [bool(one.completed_at) for one in flags(company)] == [False, True]


def test_it_may_be_an_instant(company: Company) -> None:
    extend(company, to=DUE + HOUR)
    assert opened(company).effective_at == DUE + HOUR


@pytest.mark.parametrize(
    "to",
    [
        date(2026, 6, 4),
        date(2026, 6, 3),
        DUE,
        date(2027, 6, 9),
        DUE + timedelta(days=367),
        date(1, 1, 1),
        date(9999, 12, 31),
    ],
)
def test_a_deadline_gets_later_and_not_by_years(
    company: Company, to: date | datetime
) -> None:
    with pytest.raises(Refused, match="deadline-implausible"):
        extend(company, to=to)
    assert opened(company).effective_at == DUE


def test_it_needs_a_reason_and_a_period_that_has_opened(company: Company) -> None:
    with pytest.raises(Refused, match="reason-needed"):
        extend(company, reason="")
    with pytest.raises(Refused, match="not-found"):
        extend(company, period=Period(2026, 9))
    with pytest.raises(Refused, match="reason-needed"):
        correct(company, "Asia/Tokyo", reason="")


def test_a_zone_to_the_west_makes_the_deadline_later(company: Company) -> None:
    correct(company, "America/Los_Angeles")
    row = opened(company)
    assert row.zone == "America/Los_Angeles"
    assert row.effective_at == datetime(2026, 6, 5, 7, tzinfo=UTC)
    assert run_check(CHECKED) == 0
    assert run_check(row.effective_at + HOUR) == 1
    assert broken_invariants(row.effective_at + HOUR) == set()
    assert audited_acts(company) == ["deadline-zone-corrected", "late-flag-raised"]


def test_a_zone_to_the_east_takes_nothing_away(company: Company) -> None:
    correct(company, "Asia/Tokyo")
    row = opened(company)
    assert (row.zone, row.effective_at) == ("Asia/Tokyo", DUE)
    # The later instant is the one of the zone before, and no breach.
    assert broken_invariants(BEFORE) == set()


def test_an_extension_stands_beside_it_while_it_is_later(company: Company) -> None:
    extend(company)
    correct(company, "America/Los_Angeles")
    assert opened(company).effective_at == LATER
    extend(company, to=LATER + HOUR)
    assert opened(company).effective_at == LATER + HOUR


def test_an_extension_that_is_earlier_gives_way(company: Company) -> None:
    extend(company, to=DUE + HOUR)
    correct(company, "Pacific/Pago_Pago")
    row = opened(company)
    assert (row.extended_to, row.effective_at) == (
        None,
        datetime(2026, 6, 5, 11, tzinfo=UTC),
    )


def test_a_zone_is_corrected_of_an_open_period_only(company: Company) -> None:
    with pytest.raises(Refused, match="deadline-passed"):
        correct(company, "America/Los_Angeles", at=DUE)
    correct(company, "America/Los_Angeles", at=DUE - SECOND)


def test_there_has_to_be_such_a_zone_and_another_one(company: Company) -> None:
    with pytest.raises(Refused, match="zone-unknown"):
        correct(company, "Europe/Atlantis")
    with pytest.raises(Refused, match="decided-already"):
        correct(company, "Europe/Berlin")


def test_the_trail_tells_what_was_before(company: Company) -> None:
    extend(company)
    with unit_of_work.acting_for(company.id, reading=True):
        entry = AuditEntry.objects.get(act="deadline-extended")
    assert (entry.actor, entry.subject, entry.at) == ("clerk", "2026-05", BEFORE)
    assert entry.details == {
        "deadline_at": LATER.isoformat(),
        "was": DUE.isoformat(),
        "reason": "Holidays.",
    }


def test_the_api_tells_the_deadline_that_counts(company: Company) -> None:
    extend(company)
    headers = {"Authorization": f"Bearer {company.issue(Scope.READ)}"}
    listed = Client().get("/api/v1/periods", headers=headers).json()["periods"]
    (one,) = (line for line in listed if line["period"] == str(MAY))
    found = Client().get(f"/api/v1/periods/{MAY}", headers=headers).json()
    assert one["deadline_at"] == found["deadline_at"] == "2026-06-09T22:00:00Z"
