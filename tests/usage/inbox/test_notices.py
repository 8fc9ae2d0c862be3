"""Admins get a mail about bad files in their inbox, at most once a day."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core import mail

from portal.db import unit_of_work
from portal.jobs import queue as job_queue
from portal.jobs.queue import JobState
from portal.mail import switch as mail_switch
from portal.models import Membership, Role
from tests.builders import NOW, Company, Writer
from tests.portal.mail.sent_mails import html_of, links_of, sent
from tests.usage.inbox.notice_mails import QUARTER, notices, send
from tests.usage.inbox.s3_inboxes import objects, open_inboxes, put, run_inbox_task
from usage import tasks
from usage.inbox import notices as inbox_notices
from usage.models import InboxNotice
from usage.servers import keys as server_keys
from usage.storage import s3_client
from usage.usg import fingerprint

DAY = date(2026, 5, 7)

# A clock that is ahead: held until staff decide.
FUTURE = DAY + timedelta(days=300)


@pytest.fixture(autouse=True)
def _inbox(db: None, settings: Any) -> Iterator[None]:
    open_inboxes(settings)
    mail.outbox.clear()
    yield
    s3_client.client.cache_clear()


def confirm(company: Company, writer: Writer) -> None:
    server_keys.confirm_key(
        company.id,
        server=writer.name,
        key=fingerprint(writer.pair.public),
        by="admin",
        at=NOW,
    )


def test_what_is_accepted_is_not_written_about(alice: Company) -> None:
    put(alice, "day.usg", alice.server.day(DAY))
    run_inbox_task()
    assert notices(alice) == []


def test_one_mail_names_all_that_came_together(alice: Company) -> None:
    put(alice, "bad.usg", b"rubbish")
    # A file that waits for its key alone has another mail: once for the key.
    put(alice, "key.usg", alice.writer("IC77").day(DAY))
    put(alice, "good.usg", alice.server.day(DAY))
    put(alice, "strange.usg", alice.server.day(FUTURE))
    run_inbox_task()
    assert send(NOW + timedelta(minutes=14)) == 0
    assert send(NOW + QUARTER) == 1
    (message,) = sent()
    assert message.to == [alice.people["admin"].email]
    assert "A-100" in message.subject
    for text in (message.body, html_of(message)):
        assert "bad.usg" in text
        assert "strange.usg" in text
        assert "good.usg" not in text
        assert "key.usg" not in text
        assert "held" in text
        assert "rejected" in text
        assert "Alice Assurance" in text
    assert any(link.endswith("/files?how=inbox") for link in links_of(message))
    (notice,) = notices(alice)
    assert (notice.state, notice.faults) == (JobState.DONE, 0)
    assert {row.notice_id for row in objects(alice) if row.verdict != "accepted"} == {
        notice.pk
    }
    assert send(NOW + timedelta(days=3)) == 0


def test_what_comes_after_the_mail_waits_for_the_next_day(alice: Company) -> None:
    put(alice, "one.usg", b"one")
    run_inbox_task()
    send(NOW + QUARTER)
    for number, name in enumerate(("two.usg", "three.usg")):
        put(alice, name, name.encode())
        run_inbox_task(NOW + timedelta(minutes=20 + number))
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
    run_inbox_task(morning + timedelta(hours=1))
    assert send(morning + timedelta(hours=9)) == 0
    assert len(notices(alice)) == 3


def test_one_local_day_has_one_mail_also_after_midnight(alice: Company) -> None:
    # Ten minutes to midnight in Berlin: the mail goes on the next day.
    late = datetime(2026, 5, 20, 21, 50, tzinfo=UTC)
    put(alice, "one.usg", b"one")
    run_inbox_task(late)
    assert send(late + QUARTER) == 1
    put(alice, "two.usg", b"two")
    run_inbox_task(late + timedelta(minutes=20))
    assert send(late + timedelta(hours=23)) == 0
    assert [notice.day.day for notice in notices(alice)] == [21, 22]
    assert send(datetime(2026, 5, 22, 7, tzinfo=UTC)) == 1
    assert len(sent()) == 2


def test_a_mail_that_is_being_written_is_not_added_to(alice: Company) -> None:
    put(alice, "one.usg", b"one")
    run_inbox_task()
    at = NOW + QUARTER
    (claim,) = job_queue.claim(InboxNotice, most=1, lease_for=QUARTER, at=at)
    put(alice, "two.usg", b"two")
    run_inbox_task(at)
    assert [row.notice_id for row in objects(alice)] == [
        claim.pk,
        notices(alice)[1].pk,
    ]


@pytest.mark.parametrize("is_told_again", [True, False])
def test_what_counts_by_then_is_not_written_about(
    alice: Company, *, is_told_again: bool
) -> None:
    stranger = alice.writer("IC77")
    put(alice, "strange.usg", stranger.day(DAY))
    run_inbox_task()
    (notice,) = notices(alice)
    confirm(alice, stranger)
    if is_told_again:
        run_inbox_task(NOW + timedelta(minutes=1))
    assert send(NOW + QUARTER) == 1
    assert sent() == []
    (notice,) = notices(alice)
    assert (notice.state, notice.sent_to) == (JobState.DONE, [])


def test_what_still_waits_is_named_beside_what_counts_by_then(alice: Company) -> None:
    stranger = alice.writer("IC77")
    put(alice, "strange.usg", stranger.day(DAY))
    put(alice, "other.usg", alice.server.day(FUTURE))
    put(alice, "bad.usg", b"rubbish")
    run_inbox_task()
    confirm(alice, stranger)
    send(NOW + QUARTER)
    (message,) = sent()
    assert "strange.usg" not in message.body
    assert "other.usg" in message.body
    assert "bad.usg" in message.body


def test_each_tenant_is_told_of_its_own(alice: Company, charlie: Company) -> None:
    put(alice, "a-secret.usg", b"one")
    put(charlie, "c-secret.usg", b"two")
    run_inbox_task()
    assert send(NOW + QUARTER) == 2
    for company, own, other in (
        (alice, "a-secret", "c-secret"),
        (charlie, "c-secret", "a-secret"),
    ):
        (message,) = (
            one for one in sent() if one.to == [company.people["admin"].email]
        )
        assert own in message.body
        assert other not in message.body + html_of(message)


def test_a_mail_that_cannot_be_written_waits_for_a_person(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(alice, "bad.usg", b"rubbish")
    run_inbox_task()
    monkeypatch.setattr(inbox_notices, "_lines", lambda _: 1 / 0)
    for number in range(job_queue.MOST_FAULTS):
        send(NOW + timedelta(hours=1 + number))
    assert notices(alice)[0].state == JobState.FAILED


def test_a_mail_whose_worker_never_comes_back_waits_for_a_person(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(alice, "bad.usg", b"rubbish")
    run_inbox_task()
    with unit_of_work.acting_for(alice.id):
        InboxNotice.objects.update(faults=job_queue.MOST_FAULTS)
    assert send(NOW + QUARTER) == 1
    assert notices(alice)[0].state == JobState.FAILED
    assert sent() == []


def test_a_tenant_without_an_admin_gets_none(alice: Company) -> None:
    with unit_of_work.acting_for(alice.id):
        Membership.objects.filter(role=Role.ADMIN).delete()
    put(alice, "bad.usg", b"rubbish")
    run_inbox_task()
    assert send(NOW + QUARTER) == 1
    assert notices(alice)[0].state == JobState.DONE
    assert sent() == []


def test_a_mail_names_so_many_and_counts_the_rest(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox_notices, "_NAMED", 2)
    for number in range(5):
        put(alice, f"{number}.usg", b"rubbish %d" % number)
    run_inbox_task()
    send(NOW + QUARTER)
    (message,) = sent()
    assert "1.usg" in message.body
    assert "2.usg" not in message.body
    assert "3 more" in message.body
    assert "3 more" in html_of(message)


def test_names_and_reasons_are_text_in_the_mail(alice: Company) -> None:
    put(alice, "<b>&amp;.usg", b"rubbish")
    run_inbox_task()
    send(NOW + QUARTER)
    (message,) = sent()
    assert "<b>&amp;.usg" in message.body
    assert "&lt;b&gt;&amp;amp;.usg" in html_of(message)


def test_the_task_sends_all_that_is_due(alice: Company, charlie: Company) -> None:
    for company in (alice, charlie):
        put(company, "bad.usg", b"rubbish")
    run_inbox_task()
    tasks.mail_inbox_notices()
    assert len(sent()) == 2


def test_a_copy_sends_none_and_later_none_that_its_original_may_have_sent(
    alice: Company, settings: Any
) -> None:
    put(alice, "bad.usg", b"rubbish")
    run_inbox_task()
    with unit_of_work.acting_for(unit_of_work.STAFF):
        mail_switch.send_permission()
    (settings.VAR / "mail-stamp").unlink()
    assert send(NOW + QUARTER) == 0
    mail_switch.claim(by="test", at=NOW + QUARTER)
    send(NOW + 2 * QUARTER)
    assert sent() == []
    assert [notice.state for notice in notices(alice)] == [JobState.DONE]


def test_while_staff_have_stopped_all_mail_it_waits(alice: Company) -> None:
    put(alice, "bad.usg", b"rubbish")
    run_inbox_task()
    with unit_of_work.acting_for(unit_of_work.STAFF):
        mail_switch.stop(reason="wrong words", by="clerk", at=NOW)
    assert send(NOW + QUARTER) == 0
    with unit_of_work.acting_for(unit_of_work.STAFF):
        mail_switch.resume(reason="put right", by="clerk", at=NOW)
    assert send(NOW + QUARTER) == 1
    assert len(sent()) == 1
