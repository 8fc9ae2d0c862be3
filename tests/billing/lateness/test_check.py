"""The late check flags once, from an hour after the deadline, by the facts at it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
from django.db import connection, connections

from billing.lateness import check as late_check
from billing.models import ExcuseKindChoices, VoidReason
from billing.requests import excuses
from portal.db import unit_of_work
from tests.billing.lateness.late_tenants import (
    AFTER,
    BEFORE,
    CHECKED,
    DAY,
    DUE,
    HOUR,
    SECOND,
    audited_acts,
    broken_invariants,
    flag,
    flags,
    may,
    open_periods,
    received_only,
    run_check,
    send_month,
)
from tests.billing.requests import excuse_requests
from tests.builders import Company, open_company
from usage.models import FileState, InboxListing, InboxObject
from usage.uploads import judge

# Nine days are enough to be late with.
OWED = may(19)


@pytest.fixture
def alice(db: None) -> Company:
    return open_company("A-100", name="A", zone="Europe/Berlin", first_owed_on=OWED)


@pytest.fixture(autouse=True)
def _opened(alice: Company, settings: Any) -> None:
    settings.INBOX_BUCKET = ""
    open_periods()


def test_nobody_is_flagged_before_an_hour_after_the_deadline(alice: Company) -> None:
    send_month(alice, first=OWED, without=frozenset({4}))
    assert run_check(CHECKED - SECOND) == 0
    assert flags(alice) == []
    assert run_check(CHECKED) == 1
    found = flag(alice)
    assert (found.period, found.deadline_at, found.raised_at) == (
        "2026-05",
        DUE,
        CHECKED,
    )
    assert found.evidence == found.still == ["2026-05-22 IC01"]
    assert audited_acts(alice) == ["late-flag-raised"]
    assert broken_invariants(AFTER) == set()


@pytest.mark.parametrize(
    ("received_at", "is_late"), [(DUE - SECOND, False), (DUE, True)]
)
def test_it_is_judged_to_the_second(
    alice: Company, received_at: datetime, *, is_late: bool
) -> None:
    (left_out,) = send_month(alice, first=OWED, without=frozenset({4}))
    alice.send(left_out, at=received_at)
    assert run_check(AFTER) == is_late
    # Here before the check has run, and after the deadline: late, and completed.
    assert [one.completed_at for one in flags(alice)] == [DUE] * is_late
    assert broken_invariants(AFTER) == set()


def test_who_sent_everything_is_not_flagged(alice: Company) -> None:
    send_month(alice, first=OWED)
    assert run_check(AFTER) == 0
    assert broken_invariants(AFTER) == set()


def test_it_runs_again_and_nothing_happens(alice: Company) -> None:
    send_month(alice, first=OWED, without=frozenset({4}))
    assert [run_check(CHECKED + number * HOUR) for number in range(4)] == [1, 0, 0, 0]
    assert len(flags(alice)) == 1
    assert audited_acts(alice) == ["late-flag-raised"]


def test_the_trail_is_told_by_the_next_run_if_one_was_cut(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_month(alice, first=OWED, without=frozenset({4}))
    with monkeypatch.context() as patch:
        patch.setattr(late_check, "_audit_new_flags", _cut)
        with pytest.raises(KeyboardInterrupt):
            run_check(CHECKED)
    assert (len(flags(alice)), audited_acts(alice)) == (1, [])
    assert run_check(AFTER) == 0
    assert audited_acts(alice) == ["late-flag-raised"]


def _cut(**_: Any) -> None:
    raise KeyboardInterrupt


def test_a_row_that_an_upload_is_changing_is_left_to_the_next_run(
    alice: Company,
) -> None:
    send_month(alice, first=OWED, without=frozenset({4}))

    def meanwhile() -> int:
        try:
            return run_check(CHECKED)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool, unit_of_work.acting_for(alice.id, holding=True):
        with connection.cursor() as cursor:
            cursor.execute("update billing_periodrollup set owed = owed")
        assert pool.submit(meanwhile).result(timeout=30) == 0
    assert run_check(CHECKED) == 1


def test_a_file_in_time_that_nobody_has_judged_yet_makes_nobody_late(
    alice: Company,
) -> None:
    (left_out,) = send_month(alice, first=OWED, without=frozenset({4}))
    received_only(alice, left_out, at=DUE - SECOND)
    assert run_check(AFTER) == 0
    assert broken_invariants(AFTER) == set()
    file = next(one for one in alice.files() if one.state == FileState.RECEIVED)
    judge.judge_file(alice.id, file.pk, at=AFTER)
    assert run_check(AFTER + HOUR) == 0
    assert (flags(alice), broken_invariants(AFTER + HOUR)) == ([], set())


def test_one_that_came_too_late_waits_in_vain(alice: Company) -> None:
    (left_out,) = send_month(alice, first=OWED, without=frozenset({4}))
    received_only(alice, left_out, at=DUE)
    assert run_check(AFTER) == 1


def test_once_it_is_judged_as_nothing_the_tenant_is_late_all_the_same(
    alice: Company,
) -> None:
    send_month(alice, first=OWED, without=frozenset({4}))
    received_only(alice, b"no usage file", at=DUE - SECOND)
    assert run_check(AFTER) == 0
    file = next(one for one in alice.files() if one.state == FileState.RECEIVED)
    judge.judge_file(alice.id, file.pk, at=AFTER)
    assert run_check(AFTER + HOUR) == 1


# The inbox


def listing(company: Company, listed_at: datetime | None) -> None:
    """Say when the tenant's inbox was last listed to its end."""
    with unit_of_work.acting_for(company.id):
        if not InboxListing.objects.update(listed_at=listed_at):
            InboxListing.objects.create(
                tenant_id=company.id, due_at=DUE, listed_at=listed_at
            )


def test_an_inbox_that_was_not_listed_since_makes_nobody_late(
    alice: Company, settings: Any
) -> None:
    settings.INBOX_BUCKET = "inbox"
    send_month(alice, first=OWED, without=frozenset({4}))
    assert run_check(AFTER) == 0
    for listed_at in (None, DUE - SECOND):
        listing(alice, listed_at)
        assert run_check(AFTER) == 0
    listing(alice, DUE)
    assert run_check(AFTER) == 1


def test_an_object_of_the_inbox_without_a_verdict_makes_nobody_late(
    alice: Company, settings: Any
) -> None:
    settings.INBOX_BUCKET = "inbox"
    send_month(alice, first=OWED, without=frozenset({4}))
    listing(alice, DUE + HOUR)
    with unit_of_work.acting_for(alice.id):
        one = InboxObject.objects.create(
            tenant_id=alice.id,
            key="day.usg",
            etag="1",
            size=1,
            # By the store's clock; we have seen it after the deadline only.
            modified_at=DUE - SECOND,
            first_seen_at=DUE + HOUR,
            due_at=DUE,
        )
    assert run_check(AFTER) == 0
    with unit_of_work.acting_for(alice.id):
        InboxObject.objects.filter(pk=one.pk).update(verdict="gone", state="done")
    assert run_check(AFTER) == 1


def test_an_inbox_that_is_off_holds_up_nothing(alice: Company, settings: Any) -> None:
    settings.INBOX_BUCKET = ""
    send_month(alice, first=OWED, without=frozenset({4}))
    listing(alice, None)
    assert run_check(AFTER) == 1


# What comes afterwards


def test_a_late_file_completes_it_late(alice: Company) -> None:
    (left_out,) = send_month(alice, first=OWED, without=frozenset({4}))
    run_check(CHECKED)
    alice.send(left_out, at=AFTER)
    found = flag(alice)
    assert (found.completed_at, found.voided_at) == (AFTER, None)
    # What made it late is told for ever.
    assert found.evidence == found.still == ["2026-05-22 IC01"]
    assert audited_acts(alice) == ["late-flag-raised", "late-flag-completed"]
    assert broken_invariants(AFTER) == set()


def test_evidence_that_is_proved_wrong_voids_it(alice: Company) -> None:
    # The server wrote nothing on the last days: the file that says so comes late.
    writer = alice.server
    for data in writer.days(OWED, may(25)):
        alice.send(data, at=BEFORE)
    run_check(CHECKED)
    assert flag(alice).evidence == ["2026-05-26 IC01", "2026-05-27 IC01"]
    alice.send(writer.day(may(29)), at=AFTER)
    found = flag(alice)
    assert (found.voided_at, found.void_reason) == (AFTER, VoidReason.PROVED_WRONG)
    assert (found.open_days, found.completed_at) == ([], None)
    assert audited_acts(alice) == ["late-flag-raised", "late-flag-voided"]
    assert (run_check(AFTER + DAY), broken_invariants(AFTER + DAY)) == (0, set())


def test_a_part_that_is_proved_wrong_is_late_no_more(alice: Company) -> None:
    writer = alice.server
    for data in writer.days(OWED, may(20)):
        alice.send(data, at=BEFORE)
    run_check(CHECKED)
    assert len(flag(alice).evidence) == 7
    alice.send(writer.day(may(24)), at=AFTER)
    found = flag(alice)
    # 21 to 23 May were silent; 24 May came late.
    assert found.still == [f"2026-05-{day} IC01" for day in (24, 25, 26, 27)]
    assert len(found.evidence) == 7


# Days for which something was refused count three days later


@pytest.fixture
def refused(alice: Company) -> None:
    """Two days are missing; for one an excuse was asked for, and is refused late."""
    send_month(alice, first=OWED, without=frozenset({4, 7}))
    excuse = excuse_requests.request_excuse(
        alice, may(22), kind=ExcuseKindChoices.LOST, at=BEFORE
    )
    refuse: dict[str, Any] = {"excuse_id": excuse.pk, "by": "clerk", "reason": "No."}
    excuses.refuse(alice.id, at=DUE + 2 * HOUR, **refuse)


def test_a_refused_day_is_added_after_its_own_time(
    alice: Company, refused: None
) -> None:
    until = DUE + 2 * HOUR + 3 * DAY
    assert run_check(AFTER) == 1
    assert flag(alice).still == flag(alice).evidence == ["2026-05-25 IC01"]
    assert run_check(until + HOUR - SECOND) == 0
    assert flag(alice).still == ["2026-05-25 IC01"]
    assert run_check(until + HOUR) == 0
    assert flag(alice).still == ["2026-05-25 IC01", "2026-05-22 IC01"]
    assert flag(alice).evidence == ["2026-05-25 IC01"]
    assert broken_invariants(until + HOUR) == set()


def test_all_runs_that_were_missed_come_to_the_same(
    alice: Company, refused: None
) -> None:
    assert run_check(DUE + 9 * DAY) == 1
    assert flag(alice).evidence == ["2026-05-25 IC01"]
    assert flag(alice).still == ["2026-05-25 IC01", "2026-05-22 IC01"]


def test_it_alone_makes_late_from_then_on(alice: Company) -> None:
    send_month(alice, first=OWED, without=frozenset({4}))
    excuse = excuse_requests.request_excuse(
        alice, may(22), kind=ExcuseKindChoices.LOST, at=BEFORE
    )
    assert run_check(AFTER) == 0
    refuse: dict[str, Any] = {"excuse_id": excuse.pk, "by": "clerk", "reason": "No."}
    excuses.refuse(alice.id, at=AFTER, **refuse)
    until = AFTER + 3 * DAY
    assert run_check(until + HOUR - SECOND) == 0
    assert run_check(until + HOUR) == 1
    assert flag(alice).evidence == ["2026-05-22 IC01"]
    # An upload that began before is judged after: the flag stands.
    alice.send(alice.server.day(may(30)), at=until)
    assert flag(alice).voided_at is None
    assert broken_invariants(until + HOUR) == set()
