"""The text of a reminder: the days it requests, and *late* only for late tenants."""

from billing.coverage import licences
from billing.lateness import decide
from billing.mail.staff_presenters import as_row
from billing.periods import open_periods as period_open_periods
from billing.periods import refresh
from billing.reminders import plan as reminder_plan
from billing.reminders import send as reminder_send
from billing.reminders import send_now
from billing.requests import excuses
from billing.requests import licences as licence_requests
from portal.db import unit_of_work
from portal.models import Role
from portal.tenants import create
from tests.billing.lateness.late_tenants import (
    BEFORE,
    DAY,
    HOUR,
    LAST,
    MAY,
    flag,
    run_check,
)
from tests.billing.reminders.tenant_with_gaps import (
    DEADLINE,
    ENDED,
    open_periods,
    reminder_states,
    request_excuse,
    rows,
    run,
)
from tests.builders import NOW, PASSWORD, Company
from tests.portal.mail.sent_mails import html_of, sent

# Four in the morning in Berlin, five hours before late mails go.
NIGHT = DEADLINE + 4 * HOUR
MORNING = DEADLINE + 9 * HOUR


def mail_texts() -> tuple[str, str]:
    """Return the text and the HTML of the only mail, each with the subject."""
    (message,) = sent()
    return (
        f"{message.subject}\n{message.body}",
        f"{message.subject}\n{html_of(message)}",
    )


def test_days_that_are_waived_or_decided_on_are_not_asked_for(short: Company) -> None:
    run_check(NIGHT)
    found = flag(short)
    first, _ = found.open_days
    decide.waive(
        *(short.id,), flag_id=found.pk, cells=[first], by="x", at=NIGHT, reason="Fire."
    )
    run(MORNING)
    for text in mail_texts():
        assert "1 server-day is missing." in text
        assert "27 May." in text
        assert "26 to 27 May" not in text


def test_faults_of_automated_upload_are_not_counted(short: Company) -> None:
    for day, key in ((LAST - DAY, licences.AUTOMATED), (LAST, licences.MANUAL)):
        licence_requests.set_licences(short.id, from_on=day, keys=[key], by="x", at=NOW)
    run(ENDED)
    assert "1 server-day is missing. Due by the end of Wed 3 June." in mail_texts()[0]


def test_nobody_is_called_late_in_the_days_after_a_refusal(short: Company) -> None:
    asked = request_excuse(short, at=BEFORE)
    excuses.refuse(short.id, excuse_id=asked.pk, by="x", at=MORNING, reason="No.")
    send_now.remind_now([short.id], MAY, by="clerk", at=MORNING)
    run(MORNING)
    for text in mail_texts():
        assert "2 server-days are missing." in text
        assert "It was due by the end of" in text
        assert " late" not in text.lower()


def test_without_servers_nobody_is_called_late(db: None, no_inbox: None) -> None:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        new = create.open_tenant(
            number="N-1",
            name="N-1",
            zone="Europe/Berlin",
            first_owed_on=LAST,
            by="x",
            at=NOW,
        )
        period_open_periods.record_licences(
            *(new.pk,), from_on=LAST, licence_keys=[licences.MANUAL], by="x", at=NOW
        )
        admin = create.add_person(
            email="admin@n-1.example", name="Nora", password=PASSWORD, at=NOW
        )
        create.add_member(new.pk, user=admin, role=Role.ADMIN, by="x", at=NOW)
    open_periods()
    send_now.remind_now([new.pk], MAY, by="clerk", at=MORNING)
    run(MORNING)
    for text in mail_texts():
        assert "No server has sent a file yet." in text
        assert "It was due by the end of" in text
        assert " late" not in text.lower()


def test_who_is_late_is_told_so(short: Company) -> None:
    run_check(NIGHT)
    run(MORNING)
    for text in mail_texts():
        assert "A-1 is late" in text
        assert "is late from" in text


def test_a_refusal_is_told_of_once_with_its_reason(short: Company) -> None:
    asked = request_excuse(short, at=BEFORE)
    refused_at = MORNING + HOUR
    excuses.refuse(
        *(short.id,), excuse_id=asked.pk, by="x", at=refused_at, reason="It is on tape."
    )
    for hours in range(0, 72, 5):
        run_check(refused_at + hours * HOUR)
        run(refused_at + hours * HOUR)
    assert reminder_states(short) == [("refused", "sent", "")]
    for text in mail_texts():
        assert "refused: usage files of 28 April to 27 May" in text
        assert "Excuse for IC01, 26 to 27 May" in text
        assert "It is on tape." in text
        assert "2 server-days are missing." in text
        assert "It counts as late from" in text
        assert "Mon 8 June 2026, 10:00" in text
    for hours in range(73, 96):
        run_check(refused_at + hours * HOUR)
        run(refused_at + hours * HOUR)
    assert reminder_states(short)[1:] == [("late", "sent", "")]


def test_a_refusal_of_what_has_come_is_not_told_of(short: Company) -> None:
    asked = request_excuse(short, at=BEFORE)
    excuses.refuse(short.id, excuse_id=asked.pk, by="x", at=NIGHT, reason="No.")
    reminder_plan.plan_reminders(at=MORNING)
    for data in short.server.days(LAST - DAY, LAST):
        short.send(data, at=MORNING)
    run(MORNING)
    assert [row[:2] for row in reminder_states(short)] == [("refused", "unneeded")]


def test_the_preview_says_what_a_refusal_would_say(short: Company) -> None:
    asked = request_excuse(short, at=BEFORE)
    excuses.refuse(short.id, excuse_id=asked.pk, by="x", at=NIGHT, reason="On tape.")
    refresh.refresh_all(seconds=60)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        (planned,) = reminder_plan.preview_reminders(at=NIGHT, most=10)
    assert (planned.step, planned.at) == ("refused", MORNING)
    assert (
        "On tape." in reminder_send.draft(as_row(planned), at=MORNING).columns["text"]
    )
    assert rows(short) == []
