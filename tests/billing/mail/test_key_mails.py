"""Files of a script that wait for an unknown server key: one mail to each admin."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives

from billing.mail import key_mails
from billing.models import KeyMail
from portal.db import unit_of_work
from portal.mail import switch as mail_switch
from portal.mail.send import DeliveryOutcome, DeliveryResult
from portal.models import Role, User
from portal.tenants import create
from tests.builders import NOW, PASSWORD, Company, Writer
from tests.portal.mail.sent_mails import html_of, links_of, sent
from tests.usage.inbox.notice_mails import send as send_notices
from tests.usage.inbox.s3_inboxes import open_inboxes, put, run_inbox_task
from usage.models import How, ServerKey
from usage.servers import end_keys
from usage.servers import keys as server_keys
from usage.storage import s3_client
from usage.uploads import judge
from usage.uploads.receive import IncomingFile
from usage.usg import fingerprint

MINUTE = timedelta(minutes=1)
SENT = NOW + 11 * MINUTE
ADMIN = "admin@a-100.example"


def unknown(company: Company, name: str = "IC9") -> Writer:
    """A server that the tenant has not registered."""
    return Writer(company.number, name, company.zone, company.sealing_public)


def upload(
    company: Company,
    server: Writer,
    count: int = 1,
    *,
    how: How = How.API,
    by: str = "the script",
    at: datetime = NOW,
) -> None:
    for data in server.days(date(2026, 5, 1), date(2026, 5, count)):
        arrival = IncomingFile(
            tenant_id=company.id,
            name=f"{server.name}.usg",
            size=len(data),
            sha256=None,
            how=how,
            sent_by=by,
            received_at=at,
        )
        judge.receive_and_judge(arrival, iter([data]), at=at)


def beat(at: datetime) -> list[EmailMultiAlternatives]:
    """Plan and send as beat does; return the mails of this run."""
    before = len(mail.outbox)
    key_mails.plan(at=at)
    while key_mails.send_waiting(now=lambda: at):
        pass
    return sent()[before:]


def states(company: Company) -> list[tuple[str, str]]:
    with unit_of_work.acting_for(company.id, reading=True):
        rows = KeyMail.objects.order_by("pk")
        return [(row.shown_state, row.problem) for row in rows]


def test_ten_files_of_a_script_are_one_mail_to_each_admin(alice: Company) -> None:
    server = unknown(alice)
    upload(alice, server, 10)
    # The mail waits until the script has sent all its files, so that it counts them.
    assert beat(NOW + 9 * MINUTE) == []
    [message] = beat(SENT)
    assert message.to == [ADMIN]
    text = "10 files wait for you: confirm the key of IC9"
    assert message.subject == f"A-100: {text}"
    for body in (message.body, html_of(message)):
        assert f"{text}." in re.sub("</?bdi>", "", str(body))
        assert fingerprint(server.pair.public) in body
        assert "refuse the key" in body
    assert any(link.endswith("/servers") for link in links_of(message))
    # One mail for the key, even if more files follow.
    alice.send(server.day(date(2026, 5, 11)), at=SENT)
    assert beat(SENT + timedelta(days=1)) == []


def test_another_key_of_the_server_is_another_mail(alice: Company) -> None:
    upload(alice, unknown(alice))
    assert len(beat(SENT)) == 1
    upload(alice, unknown(alice), at=SENT)
    [message] = beat(SENT + 11 * MINUTE)
    assert message.subject == "A-100: 1 file waits for you: confirm the key of IC9"


def test_the_keys_of_forty_servers_are_one_mail_and_each_is_mentioned_once(
    alice: Company,
) -> None:
    servers = [unknown(alice, f"IC{number}") for number in range(20, 60)]
    for server in servers:
        upload(alice, server)
    [message] = beat(SENT)
    text = "40 files wait for you: confirm 40 server keys"
    assert message.subject == f"A-100: {text}"
    for body in (message.body, html_of(message)):
        assert f"{text}." in re.sub("</?bdi>", "", str(body))
        for server in servers:
            assert body.count(fingerprint(server.pair.public)) == 1
    assert Counter(states(alice)) == {
        ("sent", ""): 1,
        ("unneeded", "in-another-mail"): 39,
    }
    assert beat(SENT + timedelta(days=1)) == []
    # A later key is in a mail of its own.
    upload(alice, unknown(alice, "IC60"), at=SENT)
    [later] = beat(SENT + 11 * MINUTE)
    assert later.subject == "A-100: 1 file waits for you: confirm the key of IC60"


def test_a_mail_that_is_tried_again_lists_the_keys_that_still_wait(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers = [unknown(alice, name) for name in ("IC20", "IC21", "IC22")]
    for server in servers:
        upload(alice, server)
    with monkeypatch.context() as away:
        later = DeliveryResult(DeliveryOutcome.LATER, "mail-busy")
        away.setattr("portal.mail.outbox.deliver", lambda _message: later)
        assert beat(SENT) == []
    key = fingerprint(servers[0].pair.public)
    server_keys.confirm_key(alice.id, server="IC20", key=key, by=ADMIN, at=SENT)
    [message] = beat(SENT + timedelta(hours=1))
    assert message.subject == "A-100: 2 files wait for you: confirm 2 server keys"
    assert key not in message.body


@pytest.mark.parametrize("problem", ["restored", "nothing-held", "not-wanted"])
def test_a_mail_that_was_not_needed_is_sent_once_files_wait_again(
    alice: Company, problem: str
) -> None:
    upload(alice, unknown(alice))
    key_mails.plan(at=SENT)
    with unit_of_work.acting_for(alice.id):
        KeyMail.objects.update(
            state="done", outcome="unneeded", problem=problem, ended_at=SENT
        )
    assert len(beat(SENT + MINUTE)) == 1
    assert states(alice) == [("sent", "")]
    assert beat(SENT + 2 * MINUTE) == []


def test_a_key_that_was_confirmed_before_the_mail_was_sent_needs_none(
    alice: Company,
) -> None:
    server = unknown(alice)
    upload(alice, server, 2)
    key_mails.plan(at=SENT)
    key = fingerprint(server.pair.public)
    server_keys.confirm_key(alice.id, server="IC9", key=key, by=ADMIN, at=SENT)
    assert beat(SENT) == []
    assert states(alice) == [("unneeded", "key-confirmed")]


def test_a_key_that_was_refused_before_the_mail_was_sent_needs_none(
    alice: Company,
) -> None:
    upload(alice, unknown(alice))
    key_mails.plan(at=SENT)
    with unit_of_work.acting_for(alice.id, reading=True):
        key = ServerKey.objects.get(server__name="IC9")
    end_keys.refuse_key(alice.id, key_id=key.pk, by=ADMIN, at=SENT, reason="Not ours.")
    assert beat(SENT) == []
    assert states(alice) == [("unneeded", "key-refused")]
    assert key_mails.plan(at=SENT + MINUTE) == 0


@pytest.mark.parametrize(
    ("how", "by", "mails"),
    [
        (How.BROWSER, ADMIN, 0),
        (How.FORM, ADMIN, 0),
        # An uploader who may not confirm keys: the admins get the mail.
        (How.BROWSER, "uploader@a-100.example", 1),
        # A token is a script, whatever it is called.
        (How.API, ADMIN, 1),
        (How.INBOX, "S3 inbox", 1),
    ],
)
def test_an_admin_who_uploads_by_hand_sees_the_key_and_gets_no_mail(
    alice: Company, how: How, by: str, mails: int
) -> None:
    upload(alice, unknown(alice), how=how, by=by)
    assert len(beat(SENT)) == mails


def test_known_keys_and_other_tenants_cause_no_mail(
    alice: Company, charlie: Company
) -> None:
    alice.send(alice.server.day(date(2026, 5, 1)))
    upload(charlie, unknown(charlie))
    assert [one.to for one in beat(SENT)] == [[charlie.people["admin"].email]]
    assert states(alice) == []


def test_a_former_admin_gets_no_mail(alice: Company) -> None:
    upload(alice, unknown(alice))
    key_mails.plan(at=SENT)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        person = create.add_person(
            email="second@a-100.example", name="Bo", password=PASSWORD, at=NOW
        )
        create.add_member(alice.id, user=person, role=Role.ADMIN, by="test", at=NOW)
        User.objects.filter(email=ADMIN).update(is_active=False)
    assert [one.to for one in beat(SENT)] == [["second@a-100.example"]]
    assert states(alice) == [("unneeded", "not-wanted"), ("sent", "")]


def test_a_restored_copy_sends_none_and_none_that_its_original_may_have_sent(
    alice: Company, settings: Any
) -> None:
    upload(alice, unknown(alice))
    with unit_of_work.acting_for(unit_of_work.STAFF):
        mail_switch.send_permission()
    (Path(settings.VAR) / "mail-stamp").unlink()
    assert beat(SENT) == []
    mail_switch.claim(by="operator", at=SENT)
    assert beat(SENT + MINUTE) == []
    assert states(alice) == []
    upload(alice, unknown(alice, "IC10"), at=SENT + MINUTE)
    assert len(beat(SENT + 20 * MINUTE)) == 1


@pytest.fixture
def inbox(alice: Company, settings: Any) -> Iterator[None]:
    open_inboxes(settings)
    yield
    s3_client.client.cache_clear()


def test_files_of_the_inbox_that_wait_for_a_key_cause_one_mail_only(
    alice: Company, inbox: None
) -> None:
    server = unknown(alice)
    for day in (1, 2):
        put(alice, f"IC9_{day}.usg", server.day(date(2026, 5, day)))
    put(alice, "bad.usg", b"rubbish")
    run_inbox_task()
    [message] = beat(SENT)
    assert message.subject.endswith("2 files wait for you: confirm the key of IC9")
    send_notices(NOW + timedelta(hours=1))
    notice = sent()[-1]
    assert "bad.usg" in notice.body
    assert "IC9_1.usg" not in notice.body
