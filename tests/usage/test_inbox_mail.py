"""Admins are told by mail what was bad in their inbox: at most once a day."""

import smtplib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives

from portal import access, tenants, work
from portal.models import Membership, Role, User
from portal.work import State
from tests.builders import NOW, PASSWORD, Company
from tests.portal.post import html_of, links_of, sent
from tests.usage.inboxes import objects, open_inboxes, put, ring
from usage import bucket, inbox_notices, tasks
from usage.inbox_rows import InboxNotice

DAY = date(2026, 5, 7)
QUARTER = timedelta(minutes=15)


@pytest.fixture(autouse=True)
def _inbox(db: None, settings: Any) -> Iterator[None]:
    open_inboxes(settings)
    mail.outbox.clear()
    yield
    bucket._client.cache_clear()


def notices(company: Company) -> list[InboxNotice]:
    with access.acting_for(company.id, reading=True):
        return list(InboxNotice.objects.order_by("day"))


def send(at: datetime) -> int:
    """Send all that is due; return how many rows were looked at."""
    count = 0
    while inbox_notices.send_waiting(now=lambda: at):
        count += 1
    return count


def second_admin(company: Company) -> User:
    with access.acting_for(access.STAFF):
        person = tenants.add_person(
            email="second@a-100.example", name="Second", password=PASSWORD, at=NOW
        )
        tenants.add_member(company.id, user=person, role=Role.ADMIN, by="test", at=NOW)
    return person


def test_what_is_accepted_is_not_written_about(alice: Company) -> None:
    put(alice, "day.usg", alice.server.day(DAY))
    ring()
    assert notices(alice) == []


def test_one_mail_names_all_that_came_together(alice: Company) -> None:
    put(alice, "bad.usg", b"rubbish")
    put(alice, "strange.usg", alice.writer("IC77").day(DAY))
    put(alice, "good.usg", alice.server.day(DAY))
    ring()
    assert send(NOW + timedelta(minutes=14)) == 0
    assert send(NOW + QUARTER) == 1
    (letter,) = sent()
    assert letter.to == [alice.people["admin"].email]
    assert "A-100" in letter.subject
    for text in (letter.body, html_of(letter)):
        assert "bad.usg" in text
        assert "strange.usg" in text
        assert "good.usg" not in text
        assert "held" in text
        assert "rejected" in text
        assert "Alice Assurance" in text
    assert any(link.endswith("/files?how=inbox") for link in links_of(letter))
    (notice,) = notices(alice)
    assert (notice.state, notice.faults) == (State.DONE, 0)
    assert {row.notice_id for row in objects(alice) if row.verdict != "accepted"} == {
        notice.pk
    }
    assert send(NOW + timedelta(days=3)) == 0


def test_what_comes_after_the_mail_waits_for_the_next_day(alice: Company) -> None:
    put(alice, "one.usg", b"one")
    ring()
    send(NOW + QUARTER)
    for number, name in enumerate(("two.usg", "three.usg")):
        put(alice, name, name.encode())
        ring(NOW + timedelta(minutes=20 + number))
    assert send(NOW + timedelta(hours=2)) == 0
    # Nine in the morning in Berlin.
    morning = datetime(2026, 5, 21, 7, tzinfo=UTC)
    assert [notice.due_at for notice in notices(alice)][1] == morning
    assert send(morning) == 1
    first, second = sent()
    assert "one.usg" in first.body
    assert "one.usg" not in second.body
    assert "two.usg" in second.body
    assert "three.usg" in second.body
    # Of that day, too, there is no second one.
    put(alice, "four.usg", b"four")
    ring(morning + timedelta(hours=1))
    assert send(morning + timedelta(hours=9)) == 0
    assert len(notices(alice)) == 3


def test_a_mail_that_is_being_written_is_not_added_to(alice: Company) -> None:
    put(alice, "one.usg", b"one")
    ring()
    at = NOW + QUARTER
    (claim,) = work.claim(InboxNotice, most=1, lease_for=QUARTER, at=at)
    put(alice, "two.usg", b"two")
    ring(at)
    assert [row.notice_id for row in objects(alice)] == [
        claim.pk,
        notices(alice)[1].pk,
    ]


def test_each_tenant_is_told_of_its_own(alice: Company, charlie: Company) -> None:
    put(alice, "a-secret.usg", b"one")
    put(charlie, "c-secret.usg", b"two")
    ring()
    assert send(NOW + QUARTER) == 2
    for company, own, other in (
        (alice, "a-secret", "c-secret"),
        (charlie, "c-secret", "a-secret"),
    ):
        (letter,) = (one for one in sent() if one.to == [company.people["admin"].email])
        assert own in letter.body
        assert other not in letter.body + html_of(letter)


def test_every_admin_gets_one_and_a_crash_sends_no_second(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = second_admin(alice)
    put(alice, "bad.usg", b"rubbish")
    ring()
    real = EmailMultiAlternatives.send

    def refuse(message: EmailMultiAlternatives) -> int:
        if message.to == [second.email]:
            raise smtplib.SMTPServerDisconnected
        return real(message)

    at = NOW + QUARTER
    with monkeypatch.context() as patch:
        patch.setattr(EmailMultiAlternatives, "send", refuse)
        for number in range(5):
            assert not inbox_notices.send_waiting(
                now=lambda: at + timedelta(hours=number)  # noqa: B023 - called at once
            )
    (notice,) = notices(alice)
    assert (notice.state, notice.problem, notice.faults) == ("waiting", "mail-away", 0)
    assert send(at + timedelta(hours=9)) == 1
    first, other = sent()
    assert {first.to[0], other.to[0]} == {alice.people["admin"].email, second.email}
    names = {one.extra_headers["Message-ID"] for one in (first, other)}
    assert names == {
        inbox_notices.message_id(notice, person)
        for person in (second, alice.people["admin"])
    }
    assert all(name.endswith("@localhost>") for name in names)


def test_an_address_that_is_refused_keeps_nobody_else_waiting(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = second_admin(alice)
    put(alice, "bad.usg", b"rubbish")
    ring()
    real = EmailMultiAlternatives.send

    def refuse(message: EmailMultiAlternatives) -> int:
        if message.to != [second.email]:
            raise smtplib.SMTPRecipientsRefused({})
        return real(message)

    monkeypatch.setattr(EmailMultiAlternatives, "send", refuse)
    for number in range(work.MOST_FAULTS):
        assert send(NOW + timedelta(hours=1 + number)) == 1
    assert [one.to for one in sent()] == [[second.email]]
    (notice,) = notices(alice)
    assert (notice.state, notice.problem) == (
        State.SET_ASIDE,
        inbox_notices.REFUSED_ADDRESS,
    )


def test_a_mail_that_cannot_be_written_is_set_aside(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(alice, "bad.usg", b"rubbish")
    ring()
    monkeypatch.setattr(inbox_notices, "_lines", lambda _: 1 / 0)
    for number in range(work.MOST_FAULTS):
        send(NOW + timedelta(hours=1 + number))
    assert notices(alice)[0].state == State.SET_ASIDE


def test_a_mail_whose_worker_never_comes_back_is_set_aside(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(alice, "bad.usg", b"rubbish")
    ring()
    with access.acting_for(alice.id):
        InboxNotice.objects.update(faults=work.MOST_FAULTS)
    assert send(NOW + QUARTER) == 1
    assert notices(alice)[0].state == State.SET_ASIDE
    assert sent() == []


def test_a_tenant_without_an_admin_gets_none(alice: Company) -> None:
    with access.acting_for(alice.id):
        Membership.objects.filter(role=Role.ADMIN).delete()
    put(alice, "bad.usg", b"rubbish")
    ring()
    assert send(NOW + QUARTER) == 1
    assert notices(alice)[0].state == State.DONE
    assert sent() == []


def test_a_mail_names_so_many_and_counts_the_rest(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox_notices, "_NAMED", 2)
    for number in range(5):
        put(alice, f"{number}.usg", b"rubbish %d" % number)
    ring()
    send(NOW + QUARTER)
    (letter,) = sent()
    assert "1.usg" in letter.body
    assert "2.usg" not in letter.body
    assert "3 more" in letter.body
    assert "3 more" in html_of(letter)


def test_names_and_reasons_are_text_in_the_mail(alice: Company) -> None:
    put(alice, "<b>&amp;.usg", b"rubbish")
    ring()
    send(NOW + QUARTER)
    (letter,) = sent()
    assert "<b>&amp;.usg" in letter.body
    assert "&lt;b&gt;&amp;amp;.usg" in html_of(letter)


def test_the_task_sends_all_that_is_due(alice: Company, charlie: Company) -> None:
    for company in (alice, charlie):
        put(company, "bad.usg", b"rubbish")
    ring()
    tasks.tell_of_inbox()
    assert len(sent()) == 2
