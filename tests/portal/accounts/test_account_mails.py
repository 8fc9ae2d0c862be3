"""Mails about accounts: queued alike for everybody, tried again, and never stored."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import settings as django_settings
from django.core.mail import EmailMultiAlternatives
from django.db import ProgrammingError, connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal import tasks
from portal.accounts import request_mails
from portal.accounts import send_mails as account_mails
from portal.db import unit_of_work
from portal.jobs import schedule, wakeup
from portal.mail import switch as mail_switch
from portal.models import AccountMail, AccountMailKind, User
from tests.builders import Company
from tests.portal.mail.hostile_mail_server import HostileMailServer, hostile_server
from tests.portal.mail.sent_mails import path_of_link, sent

ADMIN = "admin@a-100.example"
NEW = "a goose walks over the bridge"


@pytest.fixture
def server(alice: Company, settings: Any) -> Iterator[HostileMailServer]:
    with hostile_server(settings) as running:
        yield running


def ask(email: str = ADMIN) -> Any:
    return Client().post("/forgotten", {"email": email})


def rows() -> list[AccountMail]:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        return list(AccountMail.objects.order_by("pk"))


def outcomes() -> list[tuple[str, str]]:
    return [(row.shown_state, row.problem) for row in rows()]


def run_at(**later: float) -> None:
    """Run the task as beat does, so much later."""
    with time_machine.travel(timezone.now() + timedelta(**later), tick=False):
        tasks.send_account_mails()


def choose(client: Client, path: str) -> Any:
    form = client.get(path, follow=True)
    [(there, _status)] = form.redirect_chain
    return client.post(there, {"password1": NEW, "password2": NEW})


def test_a_link_that_is_refused_for_now_is_sent_again(
    alice: Company, server: HostileMailServer
) -> None:
    server.replies["RCPT"] = "451 greylisted"
    ask()
    tasks.send_account_mails()
    assert server.taken == []
    assert outcomes() == [("waiting", "address-refused-for-now")]
    server.replies = {}
    run_at(minutes=1)
    run_at(minutes=2)
    assert [one["To"] for one in server.taken] == [ADMIN]
    assert outcomes() == [("sent", "")]


def test_a_link_that_goes_out_late_is_valid_for_three_days_from_then(
    alice: Company,
) -> None:
    ask()
    late = timezone.now() + timedelta(days=2, hours=23)
    with time_machine.travel(late, tick=False):
        [message] = sent()
    nearly = late + timedelta(seconds=django_settings.PASSWORD_RESET_TIMEOUT - 60)
    with time_machine.travel(nearly, tick=False):
        assert choose(Client(), path_of_link(message)).status_code == 302


def test_a_request_that_is_three_days_old_is_dropped(alice: Company) -> None:
    ask()
    run_at(days=3, minutes=1)
    assert outcomes() == [("unneeded", "expired")]
    assert sent() == []


def test_of_requests_that_waited_together_the_last_one_gets_the_link(
    alice: Company,
) -> None:
    ask()
    ask()
    tasks.send_account_mails()
    assert outcomes() == [("unneeded", "overtaken"), ("sent", "")]


def test_a_link_is_not_needed_once_a_password_was_chosen(alice: Company) -> None:
    ask()
    request_mails.report_changed_password(ADMIN, ip="127.0.0.1")
    tasks.send_account_mails()
    assert outcomes() == [("unneeded", "password-chosen"), ("sent", "")]


def queue_first_password(address: str) -> None:
    """Queue a mail as versions before invitations did."""
    AccountMail(kind="first-password", recipient=address, invited_by="clerk").save(
        force_insert=True
    )


def test_a_person_who_has_signed_in_gets_no_link_for_a_first_password(
    alice: Company,
) -> None:
    viewer = alice.people["viewer"].email
    for address in (ADMIN, viewer):
        queue_first_password(address)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        User.objects.filter(email=ADMIN).update(last_login=timezone.now())
        User.objects.filter(email=viewer).update(last_login=None)
    tasks.send_account_mails()
    assert outcomes() == [("unneeded", "signed-in"), ("sent", "")]


def test_a_request_runs_the_same_statements_for_any_address(alice: Company) -> None:
    found = []
    for address in (ADMIN, "nobody@a-100.example"):
        with CaptureQueriesContext(connection) as queries:
            ask(address)
        found.append([shape_of(one["sql"]) for one in queries])
    known, unknown = found
    assert known == unknown
    assert any("portal_accountmail" in one for one in known)
    # In particular nobody is looked up: that is done when the mail is sent.
    assert not any("portal_user" in one for one in known)


def shape_of(sql: str) -> str:
    """Return a statement without its values."""
    return re.sub(r"'(?:[^']|'')*'(::\w+)?|\d+", "?", sql)


def test_nothing_is_kept_of_an_address_without_an_account(alice: Company) -> None:
    ask("nobody@a-100.example")
    assert len(rows()) == 1
    tasks.send_account_mails()
    assert rows() == []
    assert sent() == []


def test_an_address_that_no_account_can_have_is_refused(alice: Company) -> None:
    page = ask(f"{'a' * 60}@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 60}.example")
    assert page.status_code == 200
    assert rows() == []


@pytest.mark.parametrize("kind", ["new-password", "first-password"])
def test_a_link_is_never_stored(alice: Company, kind: str) -> None:
    if kind == "new-password":
        ask()
    else:
        with unit_of_work.acting_for(unit_of_work.STAFF):
            User.objects.filter(email=ADMIN).update(last_login=None)
        queue_first_password(ADMIN)
    before = everything_stored()
    [message] = sent()
    secret = path_of_link(message).removeprefix("/new-password/")
    for stored in (before, everything_stored()):
        assert ADMIN in stored
        assert not [part for part in secret.split("/")[1:] if part in stored]
        assert "/new-password/" not in stored


def everything_stored() -> str:
    """Return all rows of the table, as its owner sees them."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("select coalesce(json_agg(m), '[]') from portal_accountmail m")
        ((found,),) = cursor.fetchall()
    return found if isinstance(found, str) else json.dumps(found)


def read_addresses() -> list[str]:
    return list(AccountMail.objects.values_list("recipient", flat=True))


def read_as(who: int | unit_of_work.Across) -> list[str]:
    with unit_of_work.acting_for(who, reading=True):
        return read_addresses()


def test_no_tenant_sees_mails_about_accounts_but_those_about_its_people(
    alice: Company, charlie: Company
) -> None:
    ask()
    with unit_of_work.acting_for(charlie.id):
        request_mails.queue(
            AccountMailKind.INVITATION,
            to="new@c-300.example",
            by="test",
            at=timezone.now(),
            tenant_id=charlie.id,
        )
    assert sorted(read_as(unit_of_work.STAFF)) == [ADMIN, "new@c-300.example"]
    assert read_as(alice.id) == []
    assert read_as(charlie.id) == ["new@c-300.example"]
    with pytest.raises(ProgrammingError, match="permission denied"):
        read_as(unit_of_work.SWEEP)
    # Nor does the application see any, before it knows who calls.
    with pytest.raises(ProgrammingError, match="permission denied"):
        read_addresses()


def test_a_tenant_cannot_queue_a_mail_of_another(
    alice: Company, charlie: Company
) -> None:
    with (
        pytest.raises(ProgrammingError, match="row-level security"),
        unit_of_work.acting_for(alice.id),
    ):
        request_mails.queue(
            AccountMailKind.INVITATION,
            to="new@c-300.example",
            by="test",
            at=timezone.now(),
            tenant_id=charlie.id,
        )


def test_a_stop_of_mails_holds_no_link(alice: Company) -> None:
    now = timezone.now()
    with unit_of_work.acting_for(unit_of_work.STAFF):
        mail_switch.stop(reason="A test", by="clerk", at=now)
    ask()
    assert [message.to for message in sent()] == [[ADMIN]]


def test_a_restored_copy_sends_no_link_and_none_that_was_requested_before(
    alice: Company, settings: Any
) -> None:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        mail_switch.send_permission()
    ask()
    (Path(settings.VAR) / "mail-stamp").unlink()
    tasks.send_account_mails()
    assert outcomes() == [("waiting", "")]
    mail_switch.claim(by="operator", at=timezone.now())
    tasks.send_account_mails()
    assert outcomes() == [("unneeded", "restored")]
    ask()
    assert [message.to for message in sent()] == [[ADMIN]]


def test_a_request_wakes_a_worker_and_beat_sends_what_no_broker_has_heard_of(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[str] = []
    monkeypatch.setattr(wakeup._thread, "request", woken.append)
    ask()
    assert woken == [request_mails.TASK]
    [entry] = [one for one in schedule.BEAT.values() if one["task"] in woken]
    assert entry["schedule"] == 60
    assert [message.to for message in sent()] == [[ADMIN]]


def test_a_mail_that_cannot_be_written_is_given_up_after_an_hour(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> EmailMultiAlternatives:
        raise RuntimeError

    monkeypatch.setattr(account_mails, "compose", fail)
    ask()
    for number in range(12):
        run_at(minutes=20 * number)
    assert outcomes() == [("failed", "sending-failed")]
    assert rows()[0].attempts == 10


def test_ended_mails_are_removed_after_three_months(alice: Company) -> None:
    ask()
    assert len(sent()) == 1
    for days, left in ((89, 1), (91, 0)):
        with time_machine.travel(timezone.now() + timedelta(days=days), tick=False):
            tasks.remove_ended_sessions()
        assert len(rows()) == left


def test_two_workers_send_a_mail_once(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask()
    compose, at = account_mails.compose, timezone.now()

    def compose_meanwhile(*given: Any, **more: Any) -> EmailMultiAlternatives:
        monkeypatch.setattr(account_mails, "compose", compose)
        # The other worker finds the lease, or has taken over once it has ended.
        assert not account_mails.send_waiting(now=lambda: at)
        later = at + timedelta(minutes=11)
        assert account_mails.send_waiting(now=lambda: later)
        return compose(*given, **more)

    monkeypatch.setattr(account_mails, "compose", compose_meanwhile)
    assert account_mails.send_waiting(now=lambda: at)
    assert len(sent()) == 1
    assert outcomes() == [("sent", "")]
