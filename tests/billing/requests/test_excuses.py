"""Excuses, from the customer's request through to standing and summary."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from billing.coverage.standing import Standing
from billing.models import Excuse, ExcuseKindChoices
from billing.periods import open_periods
from billing.requests import excuses
from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.errors import Refused
from portal.models import AuditEntry
from tests.billing.periods.summary_differences import differing
from tests.billing.requests.excuse_requests import (
    AFTER,
    BEFORE,
    DAY,
    FIRST,
    LAST,
    current_judgement,
    excuse_request,
    may,
    request_excuse,
    send_all,
    send_until,
    states,
    stored_summary,
)
from tests.builders import NOW, Company
from usage.review import decide


@pytest.fixture(autouse=True)
def _opened(alice: Company) -> None:
    open_periods.open_current_periods(today=date(2026, 6, 30), at=NOW)


def test_down_waits_with_us_and_then_counts(alice: Company) -> None:
    send_until(alice, may(20))
    gone = [may(day) for day in range(21, 28)]
    assert current_judgement(alice, at=BEFORE).standing is Standing.INCOMPLETE
    excuse = request_excuse(alice, *gone)
    assert states(current_judgement(alice), *gone) == ["with us"] * 7
    assert current_judgement(alice).standing is Standing.INCOMPLETE
    assert len(stored_summary(alice).with_us_from) == 7
    excuses.approve(alice.id, excuse_id=excuse.pk, by="clerk", at=AFTER)
    assert states(current_judgement(alice), *gone) == ["excused"] * 7
    assert current_judgement(alice).standing is Standing.COMPLETE
    assert stored_summary(alice).covered == 30
    assert stored_summary(alice).strip.endswith("r" + "e" * 7)


def test_lost_by_day_stands_where_numbers_are_missing(alice: Company) -> None:
    send_all(alice, without=frozenset({9}))
    excuse = request_excuse(alice, may(6), kind=ExcuseKindChoices.LOST)
    assert states(current_judgement(alice), may(6)) == ["with us"]
    excuses.approve(alice.id, excuse_id=excuse.pk, by="clerk", at=AFTER)
    assert states(current_judgement(alice), may(6)) == ["excused"]
    assert current_judgement(alice).late == ()


def test_lost_by_number_covers_the_days_once_none_is_left(alice: Company) -> None:
    send_all(alice, without=frozenset({9, 10, 11}))
    days = [may(6), may(7), may(8)]
    series = alice.server.series
    for numbers in ((9, 9), (10, 11)):
        assert states(current_judgement(alice), *days) != ["excused"] * 3
        excuse = request_excuse(
            alice, kind=ExcuseKindChoices.LOST, series=series, numbers=numbers
        )
        excuses.approve(alice.id, excuse_id=excuse.pk, by="clerk", at=AFTER)
    assert states(current_judgement(alice), *days) == ["excused"] * 3
    assert current_judgement(alice).standing is Standing.COMPLETE


def test_a_file_beats_an_excuse(alice: Company) -> None:
    (late_file,) = send_all(alice, without=frozenset({30}))
    excuse = request_excuse(alice, LAST)
    excuses.approve(alice.id, excuse_id=excuse.pk, by="clerk", at=BEFORE)
    assert states(current_judgement(alice), LAST) == ["excused"]
    alice.send(late_file, at=AFTER)
    assert states(current_judgement(alice), LAST) == ["received"]


def test_down_ends_by_itself_where_a_gap_contradicts_it(alice: Company) -> None:
    send_until(alice, may(20))
    excuse = request_excuse(alice, may(21), may(22))
    excuses.approve(alice.id, excuse_id=excuse.pk, by="clerk", at=BEFORE)
    assert states(current_judgement(alice), may(21), may(22)) == ["excused"] * 2
    alice.server.sequence += 1
    alice.send(alice.server.day(may(23)), at=AFTER)
    assert states(current_judgement(alice), may(21), may(22)) == ["missing"] * 2


def test_asked_after_the_deadline_it_does_not_undo_lateness(alice: Company) -> None:
    send_until(alice, may(26))
    assert [day for _, day in current_judgement(alice).late] == [LAST]
    excuse = request_excuse(alice, LAST, at=AFTER)
    assert states(current_judgement(alice), LAST) == ["missing"]
    assert current_judgement(alice).standing is Standing.LATE
    excuses.approve(alice.id, excuse_id=excuse.pk, by="clerk", at=AFTER)
    assert states(current_judgement(alice), LAST) == ["excused"]
    assert current_judgement(alice).standing is Standing.COMPLETED_LATE


def test_what_is_taken_back_is_missing_again(alice: Company) -> None:
    send_until(alice, may(26))
    excuse = request_excuse(alice, LAST)
    excuses.withdraw(alice.id, excuse_id=excuse.pk, by="admin", at=BEFORE)
    assert states(current_judgement(alice, at=BEFORE), LAST) == ["missing"]
    again = request_excuse(alice, LAST)
    refused = excuses.refuse(
        alice.id, excuse_id=again.pk, by="clerk", at=BEFORE, reason=" It ran. "
    )
    assert (refused.decision_reason, refused.decided_by) == ("It ran.", "clerk")
    assert states(current_judgement(alice, at=BEFORE), LAST) == ["missing"]


def refusal(company: Company, *days: date, **changes: Any) -> str:
    with pytest.raises(Refused) as caught:
        request_excuse(company, *days, **changes)
    assert differing(company) == []
    return caught.value.code


def test_only_what_is_missing_now_and_owed_can_be_excused(alice: Company) -> None:
    send_all(alice, without=frozenset({9, 30}))
    series = alice.server.series
    by_number: dict[str, Any] = {"kind": ExcuseKindChoices.LOST, "series": series}
    # What is received, what is nobody's, what is of another period, nothing at all.
    assert refusal(alice, may(4), may(6)) == "not-missing"
    assert refusal(alice, FIRST - DAY) == "not-missing"
    assert refusal(alice, LAST + DAY) == "not-missing"
    assert refusal(alice) == "not-missing"
    # Days to come, and the one that is not over.
    early = datetime(2026, 5, 27, 12, tzinfo=UTC)
    assert refusal(alice, LAST, at=early) == "not-missing"
    # Numbers that are here, too many, upside down, of another series, never written.
    for numbers in ((8, 8), (9, 10), (9, 8), (31, 31)):
        assert refusal(alice, **by_number, numbers=numbers) == "not-missing"
    other = by_number | {"series": uuid4()}
    assert refusal(alice, **other, numbers=(9, 9)) == "not-missing"
    down = by_number | {"kind": ExcuseKindChoices.DOWN}
    assert refusal(alice, **down, numbers=(9, 9)) == "not-missing"
    assert refusal(alice, LAST, reason=" \0 ") == "reason-needed"
    with unit_of_work.acting_for(alice.id, reading=True):
        assert not Excuse.objects.exists()


def test_nothing_is_asked_for_or_answered_twice(alice: Company) -> None:
    send_all(alice, without=frozenset({9, 30}))
    series = alice.server.series
    numbers: dict[str, Any] = {"kind": ExcuseKindChoices.LOST, "series": series}
    excuse = request_excuse(alice, LAST, at=AFTER)
    assert refusal(alice, LAST, at=AFTER) == "asked-already"
    request_excuse(alice, **numbers, numbers=(9, 9))
    assert refusal(alice, **numbers, numbers=(9, 9)) == "asked-already"
    excuses.approve(alice.id, excuse_id=excuse.pk, by="clerk", at=AFTER)
    for act in (excuses.approve, excuses.refuse):
        with pytest.raises(Refused, match="decided-already"):
            act(alice.id, excuse_id=excuse.pk, by="x", at=AFTER, reason="Why not.")
    with pytest.raises(Refused, match="decided-already"):
        excuses.withdraw(alice.id, excuse_id=excuse.pk, by="x", at=AFTER)


def test_charlie_can_ask_for_nothing_of_alices(
    alice: Company, charlie: Company
) -> None:
    send_until(alice, may(26))
    with pytest.raises(Refused, match="not-found"):
        excuses.request_excuse(
            charlie.id, request=excuse_request(alice, LAST), by="charlie", at=BEFORE
        )
    excuse = request_excuse(alice, LAST)
    with pytest.raises(Refused, match="not-found"):
        excuses.withdraw(charlie.id, excuse_id=excuse.pk, by="charlie", at=BEFORE)
    with unit_of_work.acting_for(charlie.id, reading=True):
        assert list(excuses.open_excuses()) == []
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        assert [one.pk for one in excuses.open_excuses()] == [excuse.pk]


def test_each_act_is_told_in_the_audit_trail(alice: Company) -> None:
    send_until(alice, may(25))
    one, two = request_excuse(alice, may(26)), request_excuse(alice, LAST)
    excuses.withdraw(alice.id, excuse_id=one.pk, by="admin", at=BEFORE)
    excuses.refuse(alice.id, excuse_id=two.pk, by="clerk", at=AFTER, reason="It ran.")
    with unit_of_work.acting_for(alice.id, reading=True):
        told = AuditEntry.objects.filter(act__startswith="excuse-").order_by("number")
        acts = [(entry.act, entry.subject, entry.details["days"]) for entry in told]
        assert audit_log.first_break(tenant_id=alice.id) is None
        reasons = [entry.details["reason"] for entry in told]
    assert acts == [
        ("excuse-asked", "IC01", "2026-05-26"),
        ("excuse-asked", "IC01", "2026-05-27"),
        ("excuse-withdrawn", "IC01", "2026-05-26"),
        ("excuse-refused", "IC01", "2026-05-27"),
    ]
    assert reasons == ["The disk broke.", "The disk broke.", "", "It ran."]


def test_a_refusal_after_the_deadline_gives_three_days(alice: Company) -> None:
    send_until(alice, may(26))
    excuse = request_excuse(alice, LAST)
    excuses.refuse(alice.id, excuse_id=excuse.pk, by="clerk", at=AFTER, reason="No.")
    up = AFTER + 3 * DAY
    assert current_judgement(alice, at=up - timedelta(seconds=1)).late == ()
    assert [day for _, day in current_judgement(alice, at=up).late] == [LAST]
    kept = stored_summary(alice)
    assert (kept.late, kept.graced) == ((), ("2026-05-27 IC01",))
    assert kept.graced_until == (up,)
    alice.send(alice.server.day(LAST), at=up - timedelta(seconds=1))
    assert current_judgement(alice, at=up).standing is Standing.COMPLETE


def test_a_held_file_refused_after_the_deadline_gives_three_days(
    alice: Company,
) -> None:
    send_until(alice, may(26))
    held, _ = alice.send(alice.server.day(LAST, zone="Mars/Olympus"), at=BEFORE)
    assert states(current_judgement(alice), LAST) == ["with us"]
    decide.refuse(alice.id, file_id=held.pk, by="clerk", at=AFTER, reason="No.")
    assert states(current_judgement(alice), LAST) == ["missing"]
    assert stored_summary(alice).graced_until == (AFTER + 3 * DAY,)
    assert current_judgement(alice, at=AFTER).standing is Standing.INCOMPLETE
    assert current_judgement(alice, at=AFTER + 3 * DAY).standing is Standing.LATE
    decide.reopen(alice.id, file_id=held.pk, by="clerk", at=AFTER, reason="Yes.")
    assert stored_summary(alice).graced_until == ()
