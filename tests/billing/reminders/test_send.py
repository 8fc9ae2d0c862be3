"""Reminders through a mail server that is cut: none twice, unsure ones recorded."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.validators import EmailValidator
from django.db import connections

from billing.models import Reminder
from billing.periods import open_periods
from billing.reminders import plan as reminder_plan
from billing.reminders import send as reminder_send
from portal.db import unit_of_work
from portal.jobs import queue as job_queue
from portal.mail import send as mail_send
from portal.mail import switch as mail_switch
from portal.mail.outbox import NEVER_ANSWERED, MailOutcome
from portal.models import Membership, Role, Tenant, User
from portal.tenants import create
from portal.typed_text.clean import one_line
from tests.billing.reminders.cutting_mail_server import CUTS, CuttingMailServer, running
from tests.builders import NOW, PASSWORD, Company

ENDED = datetime(2026, 5, 28, 9, tzinfo=ZoneInfo("Europe/Berlin"))

# Mails of one run, and of the one that is cut everywhere.
MAILS, MANY = 12, 100

# Where a cut leaves it open whether the mail was taken.
IN_TEXT = {"data", "text", "answer"}


@pytest.fixture
def mail_server(alice: Company, settings: Any) -> Iterator[CuttingMailServer]:
    open_periods.open_current_periods(today=date(2026, 5, 20), at=NOW)
    with running(settings) as mail_server:
        yield mail_server


def recipients(company: Company, count: int) -> list[str]:
    """Give the tenant so many admins, and return the addresses of all."""
    found = [company.people["admin"].email]
    with unit_of_work.acting_for(unit_of_work.STAFF):
        for number in range(count - 1):
            person = create.add_person(
                email=f"admin{number}@a-100.example",
                name=f"Admin {number}",
                password=PASSWORD,
                at=NOW,
            )
            create.add_member(
                company.id, user=person, role=Role.ADMIN, by="test", at=NOW
            )
            found.append(person.email)
    return found


def rows(company: Company) -> list[Reminder]:
    with unit_of_work.acting_for(company.id, reading=True):
        return list(Reminder.objects.order_by("pk"))


def run_send_task(first: datetime, count: int = 12, *, minutes: int = 20) -> None:
    """Run the task as beat does, each time until there is nothing that can be sent."""
    for number in range(count):
        at = first + timedelta(minutes=minutes * number)
        reminder_plan.plan_reminders(at=at)
        while reminder_send.send_waiting(now=lambda: at):  # noqa: B023 - called at once
            pass


@pytest.mark.parametrize("where", CUTS)
def test_cut_at_each_command_nobody_gets_two(
    alice: Company, mail_server: CuttingMailServer, where: str
) -> None:
    people = recipients(alice, MAILS)
    mail_server.cut_at, mail_server.every = where, 3
    run_send_task(ENDED)
    assert mail_server.seen[where] >= MAILS
    assert all(len(mail_server.of(person)) <= 1 for person in people)
    sent = {row.recipient for row in rows(alice) if row.shown_state == "sent"}
    unsure = {row.recipient for row in rows(alice) if row.shown_state == "unsure"}
    assert sent | unsure == set(people)
    assert bool(unsure) == (where in IN_TEXT)
    # Whom it says it has sent to has it; only the unsure may have it or not.
    taken = {person for person in people if mail_server.of(person)}
    assert sent <= taken
    assert taken - sent <= unsure
    # And they stay as they are.
    mail_server.cut_at = ""
    run_send_task(ENDED + timedelta(hours=6), 3)
    assert {row.recipient for row in rows(alice) if row.shown_state == "sent"} == sent


# 140 runs, each of which ends at a cut.
@pytest.mark.timeout(400)
def test_cut_everywhere_in_a_run_of_a_hundred_mails_nobody_gets_two(
    alice: Company, mail_server: CuttingMailServer
) -> None:
    people = recipients(alice, MANY)
    mail_server.cut_at, mail_server.every, mail_server.in_turn = CUTS[0], 2, CUTS
    # A run ends with the first mail that is cut, which at most places is the second.
    run_send_task(ENDED, 140, minutes=5)
    assert all(len(mail_server.of(person)) <= 1 for person in people)
    by_state: dict[str, set[str]] = {}
    for row in rows(alice):
        by_state.setdefault(row.shown_state, set()).add(row.recipient)
    sent, unsure = by_state.pop("sent"), by_state.pop("unsure")
    assert by_state == {}
    assert sent | unsure == set(people)
    assert unsure
    assert sent <= {person for person in people if mail_server.of(person)}


def test_two_runs_at_once_send_each_mail_once(
    alice: Company, mail_server: CuttingMailServer
) -> None:
    people = recipients(alice, MAILS)

    def run(_: int) -> None:
        try:
            run_send_task(ENDED, 1)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(4)))
    run_send_task(ENDED + timedelta(minutes=30), 2)
    assert [len(mail_server.of(person)) for person in people] == [1] * MAILS
    assert {row.shown_state for row in rows(alice)} == {"sent"}


def test_whose_worker_never_came_back_is_unsure(
    alice: Company, mail_server: CuttingMailServer
) -> None:
    reminder_plan.plan_reminders(at=ENDED)
    (claim,) = job_queue.claim(
        Reminder, most=1, lease_for=timedelta(minutes=10), at=ENDED
    )
    with unit_of_work.acting_for(unit_of_work.STAFF):
        leave = mail_switch.send_permission()
    assert reminder_send._prepare(leave, frozenset(), claim, ENDED) is not None
    assert rows(alice)[0].shown_state == "sending"
    run_send_task(ENDED + timedelta(minutes=11), 2)
    (row,) = rows(alice)
    assert (row.shown_state, row.problem) == ("unsure", NEVER_ANSWERED)
    assert mail_server.taken == []


def test_a_recipient_refused_for_good_stops_nobody_else(
    alice: Company, mail_server: CuttingMailServer
) -> None:
    first, second, third = recipients(alice, 3)
    mail_server.refuses = {first: "550 no such person", second: "450 mailbox busy"}
    run_send_task(ENDED, 3)
    told = {row.recipient: (row.shown_state, row.problem) for row in rows(alice)}
    assert told == {
        first: ("failed", "address-refused"),
        second: ("waiting", "address-refused-for-now"),
        third: ("sent", ""),
    }
    mail_server.refuses = {}
    run_send_task(ENDED + timedelta(hours=2), 3)
    assert [len(mail_server.of(one)) for one in (first, second, third)] == [0, 1, 1]


def test_an_address_that_cannot_be_written_stops_nobody_else(
    alice: Company, mail_server: CuttingMailServer
) -> None:
    admin = alice.people["admin"].email
    # Django's own check of addresses lets it through.
    address = f"a@{'ä' * 60}.com"
    EmailValidator()(address)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        User.objects.filter(email=alice.people["viewer"].email).update(email=address)
    with unit_of_work.acting_for(alice.id):
        Membership.objects.filter(role=Role.VIEWER).update(gets_reminders=True)
    run_send_task(ENDED, 2)
    assert {row.recipient: (row.shown_state, row.problem) for row in rows(alice)} == {
        address: ("failed", "address-refused"),
        admin: ("sent", ""),
    }
    assert len(mail_server.of(admin)) == 1


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("554 this is spam", ("failed", "mail-refused")),
        ("451 later", ("waiting", "mail-refused-for-now")),
        ("999 what", ("unsure", "mail-cut")),
    ],
)
def test_what_a_server_answers_to_the_text(
    alice: Company, mail_server: CuttingMailServer, answer: str, told: tuple[str, str]
) -> None:
    mail_server.refuses_text = answer
    run_send_task(ENDED, 2)
    assert [(row.shown_state, row.problem) for row in rows(alice)] == [told]


def test_a_server_that_is_away_is_tried_for_ever(alice: Company, settings: Any) -> None:
    open_periods.open_current_periods(today=date(2026, 5, 20), at=NOW)
    with running(settings):
        pass  # its port is free again
    run_send_task(ENDED, 20)
    (row,) = rows(alice)
    assert (row.shown_state, row.problem, row.faults) == ("waiting", "mail-away", 0)
    assert row.begun_at is None
    with running(settings) as mail_server:
        run_send_task(ENDED + timedelta(hours=7), 1)
    assert len(mail_server.taken) == 1


@pytest.mark.parametrize("name", ["Alice\r\nBcc: spy@evil.example", "ß" * 200])
def test_a_name_of_a_tenant_breaks_no_header(
    alice: Company, mail_server: CuttingMailServer, name: str
) -> None:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        # Names are stored cleaned; the database refuses others.
        Tenant.objects.update(name=one_line(name))
    run_send_task(ENDED, 1)
    (message,) = mail_server.taken
    assert message["Bcc"] is None
    assert message["To"] == "admin@a-100.example"
    text = message.get_body(("plain",))
    assert text is not None
    assert name.split("\r\n", maxsplit=1)[0] in text.get_content()


def test_another_backend_that_breaks_leaves_it_unsure(
    alice: Company, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_periods.open_current_periods(today=date(2026, 5, 20), at=NOW)
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    monkeypatch.setattr(
        "django.core.mail.backends.locmem.EmailBackend.send_messages",
        lambda *_: 1 / 0,
    )
    run_send_task(ENDED, 3)
    assert [row.outcome for row in rows(alice)] == [MailOutcome.UNSURE]


def test_a_folder_that_cannot_be_written_is_ours(alice: Company, settings: Any) -> None:
    open_periods.open_current_periods(today=date(2026, 5, 20), at=NOW)
    settings.EMAIL_BACKEND = "portal.mail.file_backend.FolderBackend"
    settings.EMAIL_FILE_PATH = settings.VAR / "mail"
    settings.EMAIL_FILE_PATH.write_text("a file where the folder should be")
    run_send_task(ENDED, 2)
    assert [row.shown_state for row in rows(alice)] == ["waiting"]
    settings.EMAIL_FILE_PATH.unlink()
    run_send_task(ENDED + timedelta(hours=1), 1)
    assert [row.shown_state for row in rows(alice)] == ["sent"]
    assert len(list(settings.EMAIL_FILE_PATH.iterdir())) == 1


def test_deliveries_say_what_came_of_them() -> None:
    assert {one.value for one in mail_send.DeliveryOutcome} == {
        *("sent", "later", "refused", "unsure")
    }
