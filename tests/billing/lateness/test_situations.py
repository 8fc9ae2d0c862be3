"""The late flags of tenants in every situation."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.test import Client

from billing.coverage import licences
from billing.coverage.standing import Standing
from billing.models import ExcuseKindChoices
from billing.periods import deadlines
from billing.periods import open_periods as period_open_periods
from billing.periods import text as period_text
from billing.periods.queries import view_period
from billing.requests import excuses
from billing.requests import licences as licence_requests
from portal.db import unit_of_work
from tests.billing.lateness.late_tenants import (
    BEFORE,
    CHECKED,
    DAY,
    DUE,
    HOUR,
    LAST,
    MAY,
    SECOND,
    broken_invariants,
    flag,
    flags,
    numbers_of_late,
    open_periods,
    open_short,
    run_check,
    send_month,
    summary_row,
)
from tests.billing.requests import excuse_requests
from tests.builders import Company
from tests.usage.inbox import s3_inboxes
from usage.inbox import listing as inbox_listing
from usage.models import FileState, Server, ServerRequestKind
from usage.servers import keys as server_keys
from usage.servers import requests as server_requests

AT_LAST = datetime(2026, 6, 20, tzinfo=UTC)


pytestmark = pytest.mark.usefixtures("no_inbox")


@pytest.fixture
def short(db: None) -> Company:
    """A tenant that owes two days and has sent the first."""
    company = open_short("L-1")
    open_periods()
    company.send(company.server.day(LAST - DAY), at=BEFORE)
    return company


def standing(company: Company) -> Standing:
    with unit_of_work.acting_for(company.id, reading=True):
        return view_period(MAY, at=AT_LAST).judgement.standing


def licensed(company: Company, *keys: str) -> None:
    licence_requests.set_licences(
        company.id, from_on=LAST - DAY, keys=keys, by="clerk", at=BEFORE
    )


def test_under_a_manual_licence_it_is_late(short: Company) -> None:
    assert (run_check(AT_LAST), standing(short)) == (1, Standing.LATE)


def test_under_automated_upload_a_gap_is_a_fault(short: Company) -> None:
    licensed(short, licences.AUTOMATED)
    assert (run_check(AT_LAST), standing(short)) == (0, Standing.INCOMPLETE)
    assert broken_invariants(AT_LAST) == set()


def test_without_a_licence_nothing_is_owed(db: None) -> None:
    nobody = open_short("N-1")
    open_periods()
    licensed(nobody)
    assert (run_check(AT_LAST), standing(nobody)) == (0, Standing.NOTHING_OWED)


def test_a_licence_that_is_recorded_later_voids_the_flag(short: Company) -> None:
    assert run_check(AT_LAST) == 1
    licensed(short, licences.AUTOMATED)
    assert flag(short).voided_at == BEFORE
    assert numbers_of_late() == set()
    licensed(short, licences.MANUAL)
    assert numbers_of_late() == {"L-1"}
    assert broken_invariants(AT_LAST) == set()


def test_who_has_more_time_is_not_late_before_it_ends(short: Company) -> None:
    fields: dict[str, Any] = {"by": "clerk", "at": BEFORE, "reason": "Holidays."}
    deadlines.extend(short.id, MAY, to=date(2026, 6, 19), **fields)
    until = datetime(2026, 6, 19, 22, tzinfo=UTC)
    assert run_check(until) == 0
    assert run_check(until + HOUR) == 1
    assert flag(short).deadline_at == until


def excuse(company: Company, at: datetime) -> int:
    asked = excuse_requests.request_excuse(
        company, LAST, kind=ExcuseKindChoices.LOST, at=at
    )
    return asked.pk


def test_who_is_excused_is_not_late(short: Company) -> None:
    asked = excuse(short, BEFORE)
    # Asked for in time: until it is answered it waits for us.
    assert (run_check(AT_LAST), standing(short)) == (0, Standing.INCOMPLETE)
    excuses.approve(short.id, excuse_id=asked, by="clerk", at=AT_LAST)
    assert (run_check(AT_LAST), standing(short)) == (0, Standing.COMPLETE)


def test_an_excuse_that_is_asked_for_too_late_undoes_nothing(short: Company) -> None:
    assert run_check(AT_LAST) == 1
    asked = excuse(short, AT_LAST)
    excuses.approve(short.id, excuse_id=asked, by="clerk", at=AT_LAST)
    found = flag(short)
    assert (found.voided_at, found.completed_at) == (None, AT_LAST)
    assert standing(short) is Standing.COMPLETED_LATE
    assert broken_invariants(AT_LAST) == set()


def test_who_starts_in_the_middle_owes_from_then_on(alice: Company) -> None:
    open_periods()
    with unit_of_work.acting_for(alice.id, reading=True):
        server = Server.objects.get()
    change = server_requests.ServerChange(
        server_id=server.pk,
        kind=ServerRequestKind.FIRST_DAY,
        day=LAST - DAY,
        reason="It is new.",
    )
    asked = server_requests.request_change(
        alice.id, change=change, by="admin", at=BEFORE
    )
    assert asked is not None
    server_requests.approve(alice.id, request_id=asked.pk, by="clerk", at=BEFORE)
    alice.send(alice.server.day(LAST - DAY), at=BEFORE)
    assert run_check(AT_LAST) == 1
    assert flag(alice).evidence == ["2026-05-27 IC01"]


def test_of_two_zones_the_later_deadline_counts(short: Company) -> None:
    fields: dict[str, Any] = {"by": "clerk", "at": BEFORE, "reason": "They moved."}
    deadlines.correct_zone(short.id, MAY, zone="Pacific/Pago_Pago", **fields)
    due = datetime(2026, 6, 5, 11, tzinfo=UTC)
    assert run_check(due) == 0
    assert run_check(due + HOUR) == 1
    assert flag(short).deadline_at == due


def test_who_has_sent_everything_is_complete(alice: Company, short: Company) -> None:
    open_periods()
    send_month(alice)
    assert run_check(AT_LAST) == 1
    assert (flags(alice), standing(alice)) == ([], Standing.COMPLETE)
    assert numbers_of_late() == {"L-1"}


@pytest.fixture
def done(short: Company) -> Company:
    """A tenant that has sent all it owes, in time."""
    short.send(short.server.day(LAST), at=BEFORE)
    return short


def test_a_server_that_was_registered_later_makes_nobody_late(done: Company) -> None:
    writer = done.writer("IC02")
    with unit_of_work.acting_for(done.id):
        server_keys.register(
            done.id, name="IC02", public=writer.pair.public, by="admin", at=AT_LAST
        )
    assert (run_check(AT_LAST), standing(done)) == (0, Standing.INCOMPLETE)
    # Also not once its files have come.
    writer.sequence = 7
    done.send(writer.day(LAST), at=AT_LAST)
    assert (run_check(AT_LAST), standing(done)) == (0, Standing.INCOMPLETE)
    assert broken_invariants(AT_LAST) == set()


def test_a_server_that_shows_up_later_makes_nobody_late(done: Company) -> None:
    held, _ = done.send(done.writer("IC02").day(LAST + 20 * DAY), at=AT_LAST)
    assert held.state == FileState.HELD
    assert (run_check(AT_LAST), standing(done)) == (0, Standing.INCOMPLETE)
    assert broken_invariants(AT_LAST) == set()


def test_a_server_that_was_known_by_its_file_alone_is_owed_in_time(
    done: Company,
) -> None:
    writer = done.writer("IC02")
    done.send(writer.day(LAST - DAY), at=BEFORE)
    done.send(done.server.day(LAST + DAY), at=BEFORE)
    assert run_check(AT_LAST) == 1
    assert flag(done).evidence == ["2026-05-27 IC02"]


def test_what_lay_in_the_inbox_in_time_is_in_time_also_if_it_was_uploaded_since(
    db: None, settings: Any
) -> None:
    company = open_short("L-1")
    open_periods()
    first, last = company.server.days(LAST - DAY, LAST)
    company.send(first, at=BEFORE)
    s3_inboxes.open_inboxes(settings)
    until = DUE - HOUR + SECOND
    s3_inboxes.put(company, "last.usg", last)
    # Found in time; taken only after the customer has lost patience.
    assert inbox_listing.list_waiting(now=lambda: DUE - HOUR, until=until)
    file, _ = company.send(last, at=DUE + HOUR)
    assert summary_row(company).late == ["2026-05-27 IC01"]
    assert s3_inboxes.run_inbox_task(CHECKED + HOUR)
    (row,) = s3_inboxes.objects(company)
    assert (row.file_id, row.verdict) == (file.pk, "accepted")
    assert run_check(CHECKED + 2 * HOUR) == 0
    assert summary_row(company).late == []
    assert row.file is not None
    assert row.file.received_at == DUE + HOUR
    reader = Client()
    reader.force_login(company.people["viewer"])
    page = reader.get(f"/files/{file.pk}").content.decode()
    assert "counts as here since" in page
    assert broken_invariants(CHECKED + 2 * HOUR) == set()


def test_faults_of_automated_upload_are_asked_of_nobody(short: Company) -> None:
    licensed(short, licences.AUTOMATED)
    with unit_of_work.acting_for(short.id, reading=True):
        said = period_text.period_text(view_period(MAY, at=AT_LAST), at=AT_LAST)
    assert said.answer == "1 server-day of automated upload is missing."
    assert said.please.startswith("This does not count against you.")


def test_of_two_licences_in_a_period_only_the_manual_days_are_asked_for(
    db: None,
) -> None:
    nobody = open_short("N-1")
    open_periods()
    licensed(nobody, licences.AUTOMATED)
    licence_requests.set_licences(
        nobody.id, from_on=LAST, keys=[licences.MANUAL], by="clerk", at=BEFORE
    )
    with unit_of_work.acting_for(nobody.id, reading=True):
        said = period_text.period_text(view_period(MAY, at=AT_LAST), at=AT_LAST)
    assert said.answer == "1 server-day is missing."


def test_a_file_from_the_middle_can_say_that_a_server_was_known_in_time(
    done: Company,
) -> None:
    period_open_periods.open_current_periods(today=AT_LAST.date(), at=BEFORE)
    writer = done.registered("IC02", at=AT_LAST)
    writer.sequence = 6  # nothing proves what it wrote before
    days = writer.days(LAST + DAY, LAST + 7 * DAY)
    middle = days.pop(5)  # far from the period's edge
    for data in days:
        done.send(data, at=AT_LAST)
    assert summary_row(done).late == []
    # Received in time, and judged only now: it was known of the server by then.
    done.send(middle, at=DUE - HOUR)
    assert summary_row(done).late == ["2026-05-26 IC02", "2026-05-27 IC02"]
    assert broken_invariants(AT_LAST) - {("who-was-late-has-a-flag", False)} == set()
