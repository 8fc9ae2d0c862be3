"""Mails about issued versions: planned with the version, sent once, if still wanted."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.db import IntegrityError
from django.test import Client

from billing import tasks
from billing.mail import queries as mail_queries
from billing.mail.text import problem_text
from billing.models import Statement, StatementMail
from billing.statements import issue, month_end, plan_mails, send_mails
from billing.statements.month_end import RunRequest
from portal.db import unit_of_work
from portal.errors import Refused
from portal.jobs import wakeup
from portal.mail import switch as mail_switch
from portal.models import Membership, User
from portal.tenants import create
from tests.billing.reminders.cutting_mail_server import running
from tests.billing.statements.name_scan import found_in_tables
from tests.billing.statements.statement_pages import words
from tests.billing.statements.statement_tenants import (
    AFTER,
    LAST,
    MAY,
    NAMES,
    issue_version,
    open_tenant,
    send_all,
    send_day,
)
from tests.builders import Company
from tests.portal.mail.sent_mails import html_of, sent

HOUR = timedelta(hours=1)
ADMIN, VIEWER = "admin@a-1.example", "viewer@a-1.example"


@pytest.fixture(autouse=True)
def _no_mails_before() -> Iterator[None]:
    mail.outbox.clear()
    yield
    mail.outbox.clear()


@pytest.fixture
def company(db: None) -> Company:
    """A tenant that lacks the last day of the period."""
    company = open_tenant("A-1")
    send_all(company, last=LAST - timedelta(days=1))
    return company


def close(company: Company) -> Statement:
    """Issue version 1, without the last day."""
    return issue_version(company, reason="The deadline is over.")


def correct(company: Company) -> Statement:
    """Issue version 2, with the last day."""
    send_day(company, LAST)
    return issue_version(company, reason="The file was found.")


def rows(company: Company) -> list[StatementMail]:
    with unit_of_work.acting_for(company.id, reading=True):
        return list(StatementMail.objects.order_by("pk"))


def planned(company: Company) -> list[tuple[str, int]]:
    return [(row.recipient, row.version) for row in rows(company)]


def states(company: Company) -> list[tuple[int, str, str]]:
    return [(row.version, row.shown_state, row.problem) for row in rows(company)]


def send(*, hours: int = 1) -> int:
    """Send what can be sent; return how often there was something."""
    count = 0
    while send_mails.send_waiting(now=lambda: AFTER + hours * HOUR):
        count += 1
    return count


def choose(company: Company, role: str, wanted: bool | None) -> None:
    with unit_of_work.acting_for(company.id):
        members = Membership.objects.filter(user=company.people[role])
        assert members.update(gets_statements=wanted) == 1


# Planning


def test_admins_get_the_mails_and_others_who_choose_it(company: Company) -> None:
    def found() -> list[str]:
        with unit_of_work.acting_for(company.id, reading=True):
            return [one.partition("@")[0] for one in plan_mails.recipients()]

    assert found() == ["admin"]
    for role in ("uploader", "viewer"):
        choose(company, role, True)
    assert found() == ["admin", "uploader", "viewer"]
    for role in ("admin", "uploader", "viewer"):
        choose(company, role, False)
        assert role not in found()
    choose(company, "admin", True)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        User.objects.filter(pk=company.people["admin"].pk).update(is_active=False)
    assert found() == []
    # Reminders are another choice.
    with unit_of_work.acting_for(company.id):
        Membership.objects.update(gets_reminders=True)
    assert found() == []


def test_a_version_and_its_mails_are_one_transaction(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[str] = []
    monkeypatch.setattr(wakeup._thread, "request", woken.append)
    choose(company, "viewer", True)
    with monkeypatch.context() as patch:
        patch.setattr(issue, "_next_position", lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            close(company)
    assert (planned(company), woken) == ([], [])
    close(company)
    assert planned(company) == [(ADMIN, 1), (VIEWER, 1)]
    assert woken == ["billing.send_mail"] == [tasks.send_mail.name]
    with pytest.raises(Refused):
        issue_version(company, reason="Again.")
    assert len(planned(company)) == 2
    choose(company, "viewer", False)
    correct(company)
    assert planned(company) == [(ADMIN, 1), (VIEWER, 1), (ADMIN, 2)]


def test_the_database_refuses_a_second_mail_and_one_about_nothing(
    company: Company,
) -> None:
    statement = close(company)
    with pytest.raises(IntegrityError), unit_of_work.acting_for(company.id):
        plan_mails.plan(statement, at=AFTER)
    other = open_tenant("C-300", name="Charlie")
    for tenant_id, version in ((company.id, 2), (other.id, 1)):
        about = Statement(tenant_id=tenant_id, period=str(MAY), version=version)
        with pytest.raises(IntegrityError), unit_of_work.acting_for(tenant_id):
            plan_mails.plan(about, at=AFTER)
    assert planned(company) == [(ADMIN, 1)]
    assert planned(other) == []


def test_a_month_end_mails_each_tenants_own_people(company: Company) -> None:
    """A partner, who is a member of two tenants, gets a mail of each."""
    charlie, late = open_tenant("C-300", name="Charlie"), open_tenant("L-1")
    send_day(company, LAST)
    send_all(charlie)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        create.add_member(
            charlie.id, user=company.people["viewer"], role="admin", by="x", at=AFTER
        )
    run = RunRequest(period=MAY, is_issuing=True, by="clara", at=AFTER)
    month_end.start(run, wakes=False)
    month_end.work(now=lambda: AFTER, has_time=lambda: True)
    assert planned(company) == [(ADMIN, 1)]
    assert planned(charlie) == [("admin@c-300.example", 1), (VIEWER, 1)]
    assert planned(late) == []
    assert send() == 3
    about = {"A-1": "Alice Assurance", "C-300": "Charlie"}
    to = {number: set[str]() for number in about}
    for message in sent():
        number = str(message.subject).partition(":")[0]
        to[number] |= set(message.to)
        for text in (str(message.body), html_of(message)):
            assert {name for name in about.values() if name in text} == {about[number]}
    assert to == {"A-1": {ADMIN}, "C-300": {"admin@c-300.example", VIEWER}}


# Sending


def test_a_sent_mail_has_the_figures_of_the_document_and_no_names(
    company: Company,
) -> None:
    first = json.loads(bytes(close(company).document))
    assert send() == 1
    document = json.loads(bytes(correct(company).document))
    assert send(hours=2) == 1
    before, after = sent()
    assert before.to == after.to == [ADMIN]
    peaks = {line["id"]: line["peak"] for line in document["lines"]}
    logins = [
        next(line["logins"] for line in one["lines"] if line["id"] == "agent")
        for one in (first, document)
    ]
    assert 0 not in (peaks["agent"], peaks["business"])
    assert logins[0] != logins[1]
    for text in (str(after.body), html_of(after)):
        assert f"{peaks['agent']} Agents, {peaks['business']} Business User" in text
        assert f"Agents, logins {logins[1]} (was {logins[0]})" in text
        assert f"computed from {document['files']['count']} usage files" in text
        assert "The file was found." in text
        assert "incomplete" not in text
        assert [name for name in NAMES if name.lower() in text.lower()] == []
    assert "incomplete: 1 of 3 server-days is missing" in str(before.body)
    assert "The deadline is over." in str(before.body)
    assert found_in_tables(NAMES) == []
    stored = rows(company)[1]
    assert (stored.subject, stored.text) == (after.subject, after.body)
    assert states(company) == [(1, "sent", ""), (2, "sent", "")]
    assert send(hours=9) == 0


def test_only_the_mail_of_the_newest_version_is_sent(company: Company) -> None:
    close(company)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        mail_switch.stop(reason="x", by="clerk", at=AFTER)
    assert send() == 0
    correct(company)
    assert states(company) == [(1, "waiting", ""), (2, "waiting", "")]
    with unit_of_work.acting_for(unit_of_work.STAFF):
        mail_switch.resume(reason="x", by="clerk", at=AFTER)
    send()
    assert states(company) == [(1, "unneeded", "later-version"), (2, "sent", "")]
    assert [str(one.subject)[-9:] for one in sent()] == ["version 2"]
    assert problem_text("later-version").endswith(".")


@pytest.mark.parametrize("leaves", ["membership", "person", "choice"])
def test_who_left_or_chose_otherwise_meanwhile_gets_none(
    company: Company, leaves: str
) -> None:
    close(company)
    admin = company.people["admin"]
    if leaves == "choice":
        choose(company, "admin", False)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        if leaves == "person":
            User.objects.filter(pk=admin.pk).update(is_active=False)
        elif leaves == "membership":
            Membership.objects.filter(user=admin).delete()
    send()
    assert states(company) == [(1, "unneeded", "not-wanted")]
    assert sent() == []


def test_a_restored_copy_sends_nothing_that_its_original_may_have_sent(
    company: Company, settings: Any
) -> None:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        assert mail_switch.send_permission().held == ""
    close(company)
    (settings.VAR / "mail-stamp").unlink()
    assert send() == 0
    assert states(company) == [(1, "waiting", "")]
    mail_switch.claim(by="operator", at=AFTER)
    send()
    assert states(company) == [(1, "unneeded", "restored")]
    assert sent() == []


def test_the_task_sends_them_and_the_people_page_lists_them(company: Company) -> None:
    close(company)
    with time_machine.travel(AFTER + HOUR, tick=False):
        tasks.send_mail()
        assert states(company) == [(1, "sent", "")]
        client = Client()
        client.force_login(company.people["viewer"])
        shown = words(client.get("/people").content.decode())
    assert f"Statement issued, version 1 28 April to 27 May {ADMIN}" in shown


# The staff's page


def test_staff_see_a_waiting_mail_as_it_would_be_sent(
    company: Company, clerk: Client
) -> None:
    close(company)
    [row] = rows(company)
    listed = clerk.get("/staff/mail?kind=statement&told=waiting").content.decode()
    for text in (ADMIN, "Statement issued, version 1", "28 April to 27 May"):
        assert text in listed
    shown = clerk.get(f"/staff/mail/statement/{row.pk}").content.decode()
    assert "This is what it would say now." in shown
    assert "A-1: statement of May 2026 issued, version 1" in shown
    assert sent() == []
    assert states(company) == [(1, "waiting", "")]


def test_an_unsure_mail_waits_for_staff_who_have_it_sent_again(
    company: Company, clerk: Client, settings: Any
) -> None:
    close(company)
    kept = settings.EMAIL_BACKEND
    with running(settings) as server:
        server.cut_at = "answer"
        send()
    settings.EMAIL_BACKEND = kept
    assert states(company) == [(1, "unsure", "mail-cut")]
    assert send(hours=9) == 0
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        assert mail_queries.unsure_or_failed() == 1
    assert "1 mail to look at" in clerk.get("/staff/mail").content.decode()
    again = f"/staff/mail/statement/{rows(company)[0].pk}/again"
    with time_machine.travel(AFTER + HOUR, tick=False):
        said = clerk.post(again, follow=True).content.decode()
    assert "It goes within a minute" in said
    assert send(hours=2) == 1
    assert states(company) == [(1, "sent", "")]
    assert len(sent()) == 1
