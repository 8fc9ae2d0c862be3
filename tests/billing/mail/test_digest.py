"""The staff's morning mail: recipients, time, once a day, content."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from billing.mail import digest
from billing.models import Digest
from billing.periods import open_periods
from portal.db import unit_of_work
from portal.mail import switch as mail_switch
from portal.mail.outbox import LEASE, MailOutcome
from portal.models import StaffRole, User
from tests.billing.reminders.cutting_mail_server import running
from tests.billing.staff.staff_clients import staff_client
from tests.builders import NOW, Company
from tests.portal.mail.sent_mails import sent

MORNING = datetime(2026, 6, 1, 6, 15, tzinfo=UTC)
ADDRESS = "clerk@vendor.example"


@pytest.fixture(autouse=True)
def _opened(alice: Company) -> Iterator[None]:
    open_periods.open_current_periods(today=date(2026, 6, 1), at=NOW)
    mail.outbox.clear()
    yield
    mail.outbox.clear()


@pytest.fixture
def clerk(db: None) -> Client:
    """One who wants the digest."""
    client = staff_client(StaffRole.CLERK)
    client.post("/staff/mail/digest", {"wanted": "yes"})
    return client


def due(at: datetime = MORNING) -> int:
    return digest.send_due(now=lambda: at)


def row() -> Digest:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        return Digest.objects.get()


def test_it_goes_each_morning_once_to_who_wants_it(clerk: Client) -> None:
    staff_client(StaffRole.AUDITOR)
    assert due(MORNING - timedelta(minutes=30)) == 0
    assert due() == 1
    assert due(MORNING + timedelta(minutes=15)) == 0
    (message,) = sent()
    assert message.to == [ADDRESS]
    assert due(MORNING + timedelta(days=1)) == 1
    # After noon it is no news.
    assert due(MORNING + timedelta(days=2, hours=7)) == 0


def test_it_says_how_tenants_stand_and_what_waits(
    alice: Company, clerk: Client
) -> None:
    admin = Client()
    admin.force_login(alice.people["admin"])
    admin.post("/licences/ask", {"from_on": "2026-05-20", "reason": "Sold."})
    due()
    (message,) = sent()
    assert "incomplete" in message.body.lower()
    assert "1 request to answer" in message.body
    assert "/staff/held" in message.body


def test_who_wants_it_no_more_or_is_no_staff_gets_none(
    alice: Company, clerk: Client
) -> None:
    clerk.post("/staff/mail/digest", {"wanted": "no"})
    admin = Client()
    admin.force_login(alice.people["admin"])
    assert admin.post("/staff/mail/digest", {"wanted": "yes"}).status_code == 403
    assert due() == 0


def test_while_mail_is_stopped_it_does_not_go(clerk: Client) -> None:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        mail_switch.stop(reason="Wait.", by="clerk", at=MORNING)
    assert due() == 0


def test_one_that_may_have_gone_is_not_sent_again(clerk: Client, settings: Any) -> None:
    with running(settings) as post:
        post.cut_at = "answer"
        assert due() == 0
        post.cut_at = ""
        assert due(MORNING + timedelta(minutes=15)) == 0
        assert len(post.taken) == 1
    assert row().outcome == MailOutcome.UNSURE


def test_one_that_was_not_taken_is_tried_again(clerk: Client, settings: Any) -> None:
    with running(settings) as post:
        post.cut_at = "mail"
        assert due() == 0
        post.cut_at = ""
        assert due(MORNING + timedelta(minutes=15)) == 1
    assert row().outcome == MailOutcome.SENT


def test_whose_worker_never_came_back_is_unsure(clerk: Client) -> None:
    person = User.objects.get(email=ADDRESS)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        Digest.objects.create(
            recipient=person.email,
            day=MORNING.date(),
            planned_at=MORNING,
            begun_at=MORNING,
            subject="x",
            text="x",
            html="x",
        )
    assert due(MORNING + LEASE + timedelta(minutes=1)) == 0
    assert row().outcome == MailOutcome.UNSURE
    assert sent() == []
