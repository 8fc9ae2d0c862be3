"""Mails about inboxes on a real mail server: refused, deferred, cut off."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.mail import EmailMessage

from portal.jobs import queue as job_queue
from portal.jobs.queue import JobState
from portal.mail import send as mail_send
from portal.mail.send import DeliveryResult
from portal.models import User
from tests.builders import NOW, Company
from tests.portal.mail.refusing_mail_server import HANG_UP, MailServer, mail_server
from tests.usage.inbox.notice_mails import QUARTER, notices, second_admin, send
from tests.usage.inbox.s3_inboxes import open_inboxes, put, run_inbox_task
from usage.inbox import notices as inbox_notices
from usage.storage import s3_client

DUE = NOW + QUARTER


@pytest.fixture(autouse=True)
def _inbox(db: None, settings: Any) -> Iterator[None]:
    open_inboxes(settings)
    yield
    s3_client.client.cache_clear()


@pytest.fixture
def server(settings: Any) -> Iterator[MailServer]:
    with mail_server(settings) as running:
        yield running


@pytest.fixture
def admins(alice: Company) -> tuple[User, User]:
    """Two of them, and something to tell them."""
    second = second_admin(alice)
    put(alice, "bad.usg", b"rubbish")
    run_inbox_task()
    return alice.people["admin"], second


def test_every_admin_gets_one_with_a_name_of_its_own(
    alice: Company, admins: tuple[User, User], server: MailServer
) -> None:
    assert send(DUE) == 1
    first, second = admins
    assert server.addresses() == [first.email, second.email]
    (notice,) = notices(alice)
    assert (notice.state, notice.sent_to) == (JobState.DONE, [first.pk, second.pk])
    assert [message["Message-ID"] for _, message in server.taken] == [
        inbox_notices.message_id(notice, person) for person in admins
    ]
    assert all(
        message["Message-ID"].endswith("@localhost>") for _, message in server.taken
    )
    assert "bad.usg" in server.texts(first.email)[0]


@pytest.mark.parametrize("command", ["RCPT", "DATA"])
def test_a_mail_that_is_refused_keeps_nobody_else_waiting(
    alice: Company, admins: tuple[User, User], server: MailServer, command: str
) -> None:
    first, second = admins
    server.answers[first.email, command] = "550 not here"
    assert send(DUE) == 1
    assert server.addresses() == [second.email]
    for number in range(1, job_queue.MOST_FAULTS):
        assert send(DUE + timedelta(hours=number)) == 1
    (notice,) = notices(alice)
    assert (notice.state, notice.problem) == (
        JobState.FAILED,
        inbox_notices.REFUSED_ADDRESS,
    )
    assert server.addresses() == [second.email]


@pytest.mark.parametrize("command", ["RCPT", "DATA"])
def test_a_mail_that_is_put_off_is_tried_as_long_as_it_takes(
    alice: Company, admins: tuple[User, User], server: MailServer, command: str
) -> None:
    first, second = admins
    server.answers[first.email, command] = "451 later"
    for number in range(2 * job_queue.MOST_FAULTS):
        assert send(DUE + timedelta(hours=number)) == 1
    assert server.addresses() == [second.email]
    (notice,) = notices(alice)
    assert (notice.state, notice.faults) == (JobState.WAITING, 0)
    assert notice.problem == "mail-deferred"
    server.answers.clear()
    assert send(DUE + timedelta(days=1)) == 1
    assert server.addresses() == [second.email, first.email]
    assert notices(alice)[0].state == JobState.DONE


def test_what_is_refused_in_one_inbox_keeps_no_other_waiting(
    alice: Company, charlie: Company, admins: tuple[User, User], server: MailServer
) -> None:
    for person in admins:
        server.answers[person.email, "DATA"] = "554 no spam here"
    put(charlie, "bad.usg", b"rubbish")
    run_inbox_task(NOW + timedelta(minutes=1))
    assert send(DUE + timedelta(minutes=1)) == 2
    assert server.addresses() == [charlie.people["admin"].email]


@pytest.mark.parametrize("said", [HANG_UP, "421 too busy"])
def test_a_server_that_hangs_up_ends_the_run_and_nobody_gets_two(
    alice: Company, admins: tuple[User, User], server: MailServer, said: str
) -> None:
    first, second = admins
    server.answers[second.email, "RCPT"] = said
    for number in range(5):
        at = DUE + timedelta(hours=number)
        assert not inbox_notices.send_waiting(now=lambda: at)  # noqa: B023 - called at once
    assert server.addresses() == [first.email]
    (notice,) = notices(alice)
    assert (notice.state, notice.problem, notice.faults) == ("waiting", "mail-away", 0)
    server.answers.clear()
    assert send(DUE + timedelta(hours=9)) == 1
    assert server.addresses() == [first.email, second.email]
    assert notices(alice)[0].state == JobState.DONE


def test_a_server_that_is_away_is_tried_for_ever(
    alice: Company, admins: tuple[User, User], settings: Any
) -> None:
    with mail_server(settings):
        pass
    for number in range(5):
        assert send(DUE + timedelta(hours=number)) == 0
    (notice,) = notices(alice)
    assert (notice.state, notice.problem, notice.faults) == ("waiting", "mail-away", 0)


def test_what_comes_once_somebody_has_the_mail_is_told_to_everybody(
    alice: Company, admins: tuple[User, User], server: MailServer
) -> None:
    server.answers[admins[1].email, "RCPT"] = "451 later"
    send(DUE)
    put(alice, "two.usg", b"two")
    run_inbox_task(NOW + timedelta(minutes=20))
    server.answers.clear()
    send(NOW + timedelta(days=2))
    for person in admins:
        assert sum("two.usg" in text for text in server.texts(person.email)) == 1


def test_a_mail_that_perhaps_has_gone_waits_for_a_person(
    alice: Company, admins: tuple[User, User], server: MailServer
) -> None:
    first, second = admins
    # It takes the mail, and nobody hears that it did.
    server.answers[first.email, "DATA"] = HANG_UP
    assert send(DUE) == 0
    (notice,) = notices(alice)
    assert (notice.state, notice.unsure, notice.sent_to) == ("waiting", [first.pk], [])
    assert send(DUE + timedelta(hours=1)) == 1
    assert server.addresses() == [first.email, second.email]
    (notice,) = notices(alice)
    assert (notice.state, notice.problem) == (JobState.FAILED, inbox_notices.UNSURE)
    assert send(DUE + timedelta(days=1)) == 0
    # Somebody says that it shall go once more.
    server.answers.clear()
    at = DUE + timedelta(days=2)
    assert inbox_notices.retry(alice.id, notice.pk, by="clerk", at=at)
    assert send(at) == 1
    assert server.addresses() == [first.email, second.email, first.email]
    (notice,) = notices(alice)
    assert (notice.state, notice.unsure) == (JobState.DONE, [])


def test_a_mail_whose_worker_died_waits_for_a_person(
    alice: Company,
    admins: tuple[User, User],
    server: MailServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = admins
    real = mail_send.deliver

    def hand_over_and_die(message: EmailMessage) -> None:
        real(message)
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(mail_send, "deliver", hand_over_and_die)
        with pytest.raises(SystemExit):
            send(DUE)
    assert send(DUE + timedelta(hours=1)) == 1
    assert server.addresses() == [first.email, second.email]
    (notice,) = notices(alice)
    assert (notice.state, notice.unsure) == (JobState.FAILED, [first.pk])


def test_a_worker_that_has_lost_its_lease_sends_no_more(
    alice: Company,
    admins: tuple[User, User],
    server: MailServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = admins
    real = mail_send.deliver

    def hand_over_slowly(message: EmailMessage) -> DeliveryResult:
        came = real(message)
        monkeypatch.setattr(mail_send, "deliver", real)
        # Another one comes when the lease is over, and knows of the first mail.
        assert send(DUE + timedelta(hours=1)) == 1
        return came

    monkeypatch.setattr(mail_send, "deliver", hand_over_slowly)
    assert inbox_notices.send_waiting(now=lambda: DUE)
    assert server.addresses() == [first.email, second.email]
    (notice,) = notices(alice)
    assert (notice.state, notice.unsure) == (JobState.FAILED, [first.pk])
