"""The staff's page *Mail*: sent and planned mail, and decisions about it."""

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.test import Client

from billing.coverage.periods import Period
from billing.models import Reminder
from billing.periods import open_periods
from billing.reminders import plan as reminder_plan
from billing.reminders import send as reminder_send
from portal.accounts import request_mails
from portal.db import unit_of_work
from portal.jobs.queue import JobState
from portal.mail.outbox import MailOutcome
from portal.models import AuditEntry, MailStop, StaffRole
from tests.billing.reminders.cutting_mail_server import running
from tests.billing.staff.staff_clients import staff_client
from tests.builders import NOW, Company
from tests.portal.mail.sent_mails import sent

MAY = Period(2026, 5)
ENDED = datetime(2026, 5, 28, 9, tzinfo=ZoneInfo("Europe/Berlin"))


@pytest.fixture(autouse=True)
def _opened(alice: Company) -> Iterator[None]:
    open_periods.open_current_periods(today=date(2026, 5, 20), at=NOW)
    mail.outbox.clear()
    yield
    mail.outbox.clear()


@pytest.fixture
def auditor(db: None) -> Client:
    return staff_client(StaffRole.AUDITOR)


def mailed(at: datetime = ENDED) -> Reminder:
    """Have alice's admin reminded."""
    reminder_plan.plan_reminders(at=at)
    send(at)
    return row()


def send(at: datetime) -> int:
    count = 0
    while reminder_send.send_waiting(now=lambda: at):
        count += 1
    return count


def unsure(settings: Any) -> Reminder:
    """Have a reminder taken by a mail server that hangs up before it says so."""
    with running(settings) as post:
        post.cut_at = "answer"
        one = mailed()
    assert one.outcome == MailOutcome.UNSURE
    return one


def row() -> Reminder:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        return Reminder.objects.get()


def page(client: Client, **query: str) -> str:
    return client.get("/staff/mail", query).content.decode()


def acts() -> list[str]:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        return list(AuditEntry.objects.order_by("pk").values_list("act", flat=True))


def test_a_mail_is_listed_and_shown_as_it_was_sent(
    alice: Company, auditor: Client
) -> None:
    one = mailed()
    listed = page(auditor)
    assert one.recipient in listed
    shown = auditor.get(f"/staff/mail/reminder/{one.pk}")
    assert shown.status_code == 200
    text = shown.content.decode()
    assert "IC01" in text or alice.number in text
    assert one.subject in text
    (message,) = sent()
    assert message.subject == one.subject


@pytest.mark.parametrize(
    ("told", "is_there"), [("sent", True), ("waiting", False), ("x", True)]
)
def test_the_list_is_narrowed_by_state(
    auditor: Client, told: str, is_there: bool
) -> None:
    one = mailed()
    assert (one.recipient in page(auditor, told=told)) is is_there
    assert one.recipient not in page(auditor, kind="receipt")


def test_a_mail_that_is_not_there_is_not_found(clerk: Client) -> None:
    for address in ("reminder/99", "nothing/1", "digest/1", "receipt/1"):
        assert clerk.get(f"/staff/mail/{address}").status_code == 404
        for act in ("again", "arrived"):
            answer = clerk.post(f"/staff/mail/{address}/{act}", follow=True)
            assert "Nothing was done" in answer.content.decode()


def test_all_mail_is_stopped_for_a_reason_and_goes_on(clerk: Client) -> None:
    assert "Say why" in _posted(clerk, "stop")
    assert "No mail goes out" in _posted(clerk, "stop", reason="Wrong figures.")
    assert "Wrong figures." in page(clerk)
    reminder_plan.plan_reminders(at=ENDED)
    assert send(ENDED) == 0
    assert sent() == []
    # Twice is once.
    assert clerk.post("/staff/mail/stop", {"reason": "Again."}).status_code == 409
    assert "Mail goes out again" in _posted(clerk, "go-on", reason="Mended.")
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        [stop] = MailStop.objects.all()
    assert (stop.reason, stop.ended_reason) == ("Wrong figures.", "Mended.")
    assert mailed().shown_state == "sent"
    assert {"mail-stopped", "mail-goes-on"} <= set(acts())


def _posted(client: Client, act: str, **values: str) -> str:
    return client.post(f"/staff/mail/{act}", values, follow=True).content.decode()


def test_an_auditor_reads_and_decides_nothing(auditor: Client, settings: Any) -> None:
    one = unsure(settings)
    for address in ("stop", "go-on", f"reminder/{one.pk}/again"):
        answer = auditor.post(f"/staff/mail/{address}", {"reason": "x"})
        assert answer.status_code == 403
    assert row().outcome == MailOutcome.UNSURE


def test_an_unsure_mail_is_sent_again_only_by_a_person(
    clerk: Client, settings: Any
) -> None:
    kept = settings.EMAIL_BACKEND
    one = unsure(settings)
    settings.EMAIL_BACKEND = kept
    later = ENDED + timedelta(hours=2)
    reminder_plan.plan_reminders(at=later)
    assert send(later) == 0
    assert sent() == []
    assert one.recipient in page(clerk, told="unsure")
    clerk.post(f"/staff/mail/reminder/{one.pk}/again")
    waiting = row()
    assert (waiting.state, waiting.outcome) == (JobState.WAITING, "")
    assert "mail-sent-again" in acts()
    send(waiting.due_at)
    assert row().shown_state in {"sent", "unneeded"}


def test_an_unsure_mail_can_be_said_to_have_arrived(
    clerk: Client, settings: Any
) -> None:
    one = unsure(settings)
    assert "It counts as sent" in _posted(clerk, f"reminder/{one.pk}/arrived")
    assert (row().outcome, row().problem) == (MailOutcome.SENT, "said-to-be-here")
    for act in ("again", "arrived"):
        assert "Nothing was done" in _posted(clerk, f"reminder/{one.pk}/{act}")


def test_a_failed_mail_is_tried_again_by_hand(
    alice: Company, clerk: Client, settings: Any
) -> None:
    with running(settings) as post:
        post.refuses[alice.people["admin"].email] = "550 no such person"
        one = mailed()
    assert "does not take this address" in page(clerk, told="failed")
    clerk.post(f"/staff/mail/reminder/{one.pk}/again")
    assert (row().state, row().problem) == (JobState.WAITING, "")


def test_a_mail_that_waits_is_shown_as_it_would_go(clerk: Client) -> None:
    reminder_plan.plan_reminders(at=ENDED)
    one = row()
    shown = clerk.get(f"/staff/mail/reminder/{one.pk}").content.decode()
    assert "IC01" in shown or "28 April" in shown
    assert sent() == []


def test_a_restored_copy_says_so_and_sends_nothing(
    clerk: Client, settings: Any, tmp_path: Any
) -> None:
    mailed()
    settings.VAR = tmp_path / "elsewhere"
    assert "claim_mail" in page(clerk)
    assert send(ENDED + timedelta(days=6)) == 0


def test_mails_about_accounts_are_listed_without_a_text_or_a_link(
    alice: Company, auditor: Client
) -> None:
    request_mails.request_new_password("admin@a-100.example")
    page = auditor.get("/staff/mail?kind=account").content.decode()
    assert "Link for a new password" in page
    assert "admin@a-100.example" in page
    assert "Waiting" in page
    assert len(sent()) == 1
    page = auditor.get("/staff/mail?kind=account&told=sent").content.decode()
    [address] = set(re.findall(r"/staff/mail/account/\d+", page))
    page = auditor.get(address).content.decode()
    assert "The text is not stored" in page
    assert "/new-password/" not in page


@pytest.mark.parametrize("kind", ["complete", "key", "account"])
def test_each_kind_of_mail_has_a_tab(auditor: Client, kind: str) -> None:
    page = auditor.get(f"/staff/mail?kind={kind}").content.decode()
    assert f'href="?kind={kind}" aria-current="page"' in page
    assert "No mail yet" in page
