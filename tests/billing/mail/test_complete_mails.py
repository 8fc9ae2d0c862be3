"""A complete period is mailed, once, to everybody who was reminded of it."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives

from billing.mail import complete_mails
from billing.models import CompleteMail
from billing.periods import refresh
from portal.db import unit_of_work
from portal.mail import switch as mail_switch
from portal.models import Membership, Role, Tenant
from tests.billing.lateness.late_tenants import HOUR, run_check
from tests.billing.reminders.tenant_with_gaps import (
    DEADLINE,
    ENDED,
    open_periods,
    run,
)
from tests.builders import Company
from tests.portal.mail.sent_mails import html_of, links_of, sent
from usage.models import FileState, UsageFile

ADMIN = "admin@a-1.example"


@pytest.fixture
def reminded(short: Company) -> Company:
    """A tenant that lacks two days, whose admin was reminded of them."""
    open_periods()
    run(ENDED)
    assert [one.to for one in sent()] == [[ADMIN]]
    mail.outbox.clear()
    return short


def complete(company: Company, *, at: datetime) -> None:
    for data in company.server.days(*DAYS):
        company.send(data, at=at)
    refresh.refresh_all(seconds=60)


DAYS = (date(2026, 5, 26), date(2026, 5, 27))


def beat(at: datetime) -> list[EmailMultiAlternatives]:
    """Plan and send as beat does; return the mails of this run."""
    before = len(mail.outbox)
    complete_mails.plan(at=at)
    while complete_mails.send_waiting(now=lambda: at):
        pass
    return sent()[before:]


def rows(company: Company) -> list[tuple[str, str, str]]:
    with unit_of_work.acting_for(company.id, reading=True):
        found = CompleteMail.objects.order_by("recipient")
        return [(row.recipient, row.shown_state, row.problem) for row in found]


def test_who_was_reminded_gets_one_mail_about_the_complete_period(
    reminded: Company,
) -> None:
    at = ENDED + 2 * HOUR
    assert beat(at) == []
    complete(reminded, at=at)
    [message] = beat(at + HOUR)
    assert message.to == [ADMIN]
    assert message.subject == "A-1: 28 April to 27 May is complete"
    for text in (message.body, html_of(message)):
        assert "28 April to 27 May is complete, 2 of 2 server-days." in text
        assert "Thu 28 May 2026, 11:00, Berlin (CEST, UTC+2)" in text
        assert "late" not in text.split("Who gets")[0].lower()
    ends = {link.partition("8000")[2] for link in links_of(message)}
    assert {"/upload?period=2026-05", "/billing-data/2026-05", "/people"} <= ends
    assert message.extra_headers["List-Unsubscribe"].endswith("/people>")
    for hours in (2, 30, 500):
        assert beat(at + hours * HOUR) == []


def test_the_mail_states_that_a_period_was_completed_late(reminded: Company) -> None:
    run_check(DEADLINE + HOUR)
    mail.outbox.clear()
    complete(reminded, at=DEADLINE + 2 * HOUR)
    [message] = beat(DEADLINE + 3 * HOUR)
    assert message.subject == "A-1: 28 April to 27 May is complete, late"
    for text in (message.body, html_of(message)):
        assert "It was completed late." in text
        assert "late from" in text
        assert "Fri 5 June 2026, 00:00, Berlin (CEST, UTC+2)" in text


def test_only_people_who_were_reminded_get_the_mail(short: Company) -> None:
    open_periods()
    complete(short, at=ENDED - HOUR)
    assert beat(ENDED + HOUR) == []
    assert rows(short) == []


def test_a_period_that_is_incomplete_again_by_then_is_not_called_complete(
    reminded: Company,
) -> None:
    at = ENDED + 2 * HOUR
    complete(reminded, at=at)
    complete_mails.plan(at=at)
    with unit_of_work.acting_for(reminded.id):
        UsageFile.objects.filter(day=DAYS[1]).update(state=FileState.HELD)
    while complete_mails.send_waiting(now=lambda: at):
        pass
    assert sent() == []
    assert rows(reminded) == [(ADMIN, "unneeded", "incomplete")]
    with unit_of_work.acting_for(reminded.id):
        UsageFile.objects.filter(day=DAYS[1]).update(state=FileState.ACCEPTED)
    assert len(beat(at + HOUR)) == 1
    assert beat(at + 2 * HOUR) == []


def test_a_person_who_stopped_reminders_gets_no_mail(reminded: Company) -> None:
    at = ENDED + 2 * HOUR
    complete(reminded, at=at)
    with unit_of_work.acting_for(reminded.id):
        Membership.objects.filter(role=Role.ADMIN).update(gets_reminders=False)
    assert beat(at) == []
    assert rows(reminded) == [(ADMIN, "unneeded", "not-wanted")]


def test_the_contact_for_late_mails_gets_no_link_that_needs_an_account(
    reminded: Company,
) -> None:
    with unit_of_work.acting_for(reminded.id):
        Tenant.objects.update(escalation_address="boss@a-1.example")
    run_check(DEADLINE + HOUR)
    run(DEADLINE + 9 * HOUR)
    mail.outbox.clear()
    complete(reminded, at=DEADLINE + 10 * HOUR)
    found = {one.to[0]: one for one in beat(DEADLINE + 11 * HOUR)}
    assert set(found) == {ADMIN, "boss@a-1.example"}
    contact = found["boss@a-1.example"]
    assert "/upload" not in contact.body
    assert "/people" not in html_of(contact)
    assert "List-Unsubscribe" not in contact.extra_headers


def test_a_restored_copy_sends_none_and_none_of_what_was_complete_before(
    reminded: Company, settings: Any
) -> None:
    at = ENDED + 2 * HOUR
    complete(reminded, at=at)
    (Path(settings.VAR) / "mail-stamp").unlink()
    assert beat(at) == []
    assert rows(reminded) == []
    mail_switch.claim(by="operator", at=at + HOUR)
    assert beat(at + 2 * HOUR) == []
    assert rows(reminded) == []


def test_a_mail_that_waited_in_a_restored_copy_is_dropped(
    reminded: Company,
) -> None:
    at = ENDED + 2 * HOUR
    complete(reminded, at=at)
    complete_mails.plan(at=at)
    mail_switch.claim(by="operator", at=at + HOUR)
    assert beat(at + 2 * HOUR) == []
    assert rows(reminded) == [(ADMIN, "unneeded", "restored")]


def test_a_stop_of_mails_holds_it(reminded: Company) -> None:
    at = ENDED + 2 * HOUR
    complete(reminded, at=at)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        mail_switch.stop(reason="A test", by="clerk", at=at)
    assert beat(at) == []
    with unit_of_work.acting_for(unit_of_work.STAFF):
        mail_switch.resume(reason="Done", by="clerk", at=at)
    assert len(beat(at + HOUR)) == 1


def test_a_tenant_sees_no_mails_of_another_tenant(
    reminded: Company, charlie: Company
) -> None:
    at = ENDED + 2 * HOUR
    complete(reminded, at=at)
    beat(at)
    with unit_of_work.acting_for(charlie.id, reading=True):
        assert not CompleteMail.objects.exists()
