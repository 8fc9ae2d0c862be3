"""*Remind now*: numbered rounds, double clicks, and a preview of both."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
from django.db import connections

from billing.coverage.periods import Period
from billing.models import SafetyStop
from billing.periods import deadlines
from billing.reminders import send_now
from billing.reminders.send_now import NotReminded, ReminderRound
from portal.db import unit_of_work
from portal.mail import switch as mail_switch
from portal.models import Membership, Tenant
from tests.billing.lateness.late_tenants import DAY, HOUR, MAY, open_short
from tests.billing.reminders.cutting_mail_server import CuttingMailServer, running
from tests.billing.reminders.tenant_with_gaps import (
    DEADLINE,
    ENDED,
    open_periods,
    reminder_states,
    rows,
    run,
    send,
    send_days,
)
from tests.builders import Company

AT = ENDED + 2 * HOUR


@pytest.fixture
def alice(db: None) -> Company:
    return open_short("A-100")


@pytest.fixture
def charlie(db: None) -> Company:
    return open_short("C-300", zone="America/Chicago")


@pytest.fixture
def mail_server(
    alice: Company, charlie: Company, settings: Any
) -> Iterator[CuttingMailServer]:
    open_periods()
    with running(settings) as server:
        yield server


def remind(*companies: Company, at: datetime = AT) -> ReminderRound:
    """Ask what it would do, do it, and see that it was the same."""
    ids = [one.id for one in companies]
    shown = send_now.preview_remind_now(ids, MAY, at=at)
    before = sum(len(rows(one)) for one in companies)
    done = send_now.remind_now(ids, MAY, by="clerk", at=at)
    assert done == shown
    written = sum(len(rows(one)) for one in companies) - before
    assert written == (0 if done.held else done.mails)
    return done


def why(found: ReminderRound) -> list[str]:
    return [one.why_not for one in found.selected]


def test_rounds_are_numbered_and_pressed_twice_it_writes_once(
    alice: Company, mail_server: CuttingMailServer
) -> None:
    assert remind(alice).mails == 1
    assert why(remind(alice)) == [NotReminded.TODAY]
    send(AT)
    assert why(remind(alice, at=AT + HOUR)) == [NotReminded.TODAY]
    assert remind(alice, at=AT + DAY).mails == 1
    send(AT + DAY)
    assert reminder_states(alice) == [("now-1", "sent", ""), ("now-2", "sent", "")]
    assert len(mail_server.taken) == 2
    assert len({one["Message-ID"] for one in mail_server.taken}) == 2
    assert {row.asked_by for row in rows(alice)} == {"clerk"}


def test_pressed_by_several_at_once_it_writes_once(
    alice: Company, mail_server: CuttingMailServer
) -> None:
    def one(_: int) -> None:
        try:
            send_now.remind_now([alice.id], MAY, by="clerk", at=AT)
            send(AT)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(8)))
    send(AT)
    assert reminder_states(alice) == [("now-1", "sent", "")]
    assert len(mail_server.taken) == 1


def test_it_and_the_steps_are_one_mail_a_day(
    alice: Company, mail_server: CuttingMailServer
) -> None:
    run(ENDED)
    assert why(remind(alice)) == [NotReminded.TODAY]
    target = ENDED + 6 * DAY
    remind(alice, at=target - 2 * HOUR)
    send(target - 2 * HOUR)
    run(target)
    run(target + HOUR)
    assert [step for step, *_ in reminder_states(alice)] == ["ended", "now-1"]
    assert len(mail_server.taken) == 2


def test_only_who_lacks_something_in_an_open_period(
    alice: Company, charlie: Company, mail_server: CuttingMailServer
) -> None:
    send_days(alice)
    found = remind(alice, charlie)
    assert why(found) == [NotReminded.NOTHING_MISSING, ""]
    assert (found.tenants, found.mails) == (1, 1)
    old = send_now.preview_remind_now([alice.id], Period(2024, 1), at=AT)
    nobody = send_now.preview_remind_now([10**6], MAY, at=AT)
    assert why(old) == why(nobody) == [NotReminded.NOT_OPEN]
    send(AT)
    assert [one["To"] for one in mail_server.taken] == ["admin@c-300.example"]


def test_where_nobody_wants_any_it_says_so(
    alice: Company, mail_server: CuttingMailServer
) -> None:
    with unit_of_work.acting_for(alice.id):
        Membership.objects.update(gets_reminders=False)
    assert why(remind(alice)) == [NotReminded.NOBODY]


def test_a_file_that_comes_first_stops_it(
    alice: Company, mail_server: CuttingMailServer
) -> None:
    remind(alice)
    send_days(alice)
    send(AT)
    assert reminder_states(alice) == [("now-1", "unneeded", "complete")]
    assert mail_server.taken == []


def test_the_contact_gets_it_once_it_is_late(
    alice: Company, mail_server: CuttingMailServer
) -> None:
    with unit_of_work.acting_for(alice.id):
        Tenant.objects.update(escalation_address="boss@a-100.example")
    remind(alice)
    send(AT)
    late = DEADLINE + 12 * HOUR
    remind(alice, at=late)
    send(late)
    assert len(mail_server.of("boss@a-100.example")) == 1
    assert len(mail_server.of("admin@a-100.example")) == 2


def test_a_safety_stop_holds_what_says_late(
    alice: Company, charlie: Company, mail_server: CuttingMailServer
) -> None:
    late = DEADLINE + 12 * HOUR
    with unit_of_work.acting_for(unit_of_work.STAFF):
        stop = SafetyStop.objects.create(
            period="2026-05", found=30, usual=2, raised_at=DEADLINE
        )
    deadlines.extend(
        *(charlie.id, MAY),
        to=(DEADLINE + 9 * DAY).date(),
        by="clerk",
        at=ENDED,
        reason="x",
    )
    # Whose deadline has not passed is not told to be late.
    assert why(remind(alice, charlie, at=late)) == [NotReminded.STOPPED, ""]
    # Also one that was written before.
    with unit_of_work.acting_for(unit_of_work.STAFF):
        stop.released_at = late
        stop.save()
    remind(alice, at=late)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        stop.released_at = None
        stop.save()
    send(late)
    assert reminder_states(alice) == [("now-1", "waiting", "safety-stop")]
    assert [one["To"] for one in mail_server.taken] == ["admin@c-300.example"]


def test_while_mail_is_stopped_nothing_is_written(
    alice: Company, mail_server: CuttingMailServer
) -> None:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        mail_switch.stop(reason="x", by="clerk", at=AT)
    assert remind(alice).held == "stopped"
    assert rows(alice) == []
