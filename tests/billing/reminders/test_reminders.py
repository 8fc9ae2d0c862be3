"""Reminders: recipients, times, texts, and files that end them."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import connections
from django.db.models import Value
from django.db.models.functions import Concat

from billing.models import LateFlag, Reminder, SafetyStop, TenantPeriod
from billing.reminders import plan as reminder_plan
from billing.reminders import send as reminder_send
from portal.db import unit_of_work
from portal.mail import switch as mail_switch
from portal.models import Membership, Role, Tenant
from portal.typed_text.clean import one_line
from tests.billing.lateness.late_tenants import LAST
from tests.billing.reminders.tenant_with_gaps import (
    AFTER,
    BERLIN,
    DEADLINE,
    ENDED,
    open_periods,
    reminder_states,
    rows,
    run,
    send,
    send_days,
)
from tests.builders import Company, open_company
from tests.portal.mail.sent_mails import html_of, links_of, sent

# The first day that is owed here.
FIRST = date(2026, 5, 20)


def berlin(day: date, hour: int = 9, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=BERLIN)


TARGET = berlin(date(2026, 6, 3))


@pytest.fixture
def alice(db: None) -> Company:
    """A tenant that owes the last eight days of the period."""
    return open_company(
        *("A-100",), name="Alice Assurance", zone="Europe/Berlin", first_owed_on=FIRST
    )


@pytest.fixture(autouse=True)
def _opened(alice: Company) -> Iterator[None]:
    open_periods()
    mail.outbox.clear()
    yield
    mail.outbox.clear()


def flag(company: Company, *, deadline_at: datetime = DEADLINE) -> None:
    with unit_of_work.acting_for(company.id):
        LateFlag.objects.create(
            tenant_id=company.id,
            period="2026-05",
            deadline_at=deadline_at,
            raised_at=deadline_at + timedelta(hours=1),
            evidence=["2026-05-27 IC01"],
            still=["2026-05-27 IC01"],
        )


def has_flag(company: Company) -> bool:
    with unit_of_work.acting_for(company.id, reading=True):
        return LateFlag.objects.exists()


def change_flag(company: Company, **changes: Any) -> None:
    with unit_of_work.acting_for(company.id):
        assert LateFlag.objects.update(**changes) == 1


def every_quarter(first: datetime, last: datetime) -> Iterator[datetime]:
    at = first
    while at <= last:
        yield at
        at += timedelta(minutes=15)


def test_the_steps_come_in_their_order_and_the_late_ones_need_a_flag(
    alice: Company,
) -> None:
    at = berlin(date(2026, 5, 27))
    while at < berlin(date(2026, 8, 20)):
        if at.date() == date(2026, 6, 5) and not has_flag(alice):
            flag(alice)
        run(at)
        at += timedelta(hours=7)
    periods = {row.period for row in rows(alice)}
    assert periods == {"2026-05"}  # others are not open here
    steps = [row.step for row in rows(alice)]
    weekly = [f"weekly-{number}" for number in range(1, 9)]
    assert steps == ["ended", "soon", "target", "last", "late", *weekly]
    assert {row.shown_state for row in rows(alice)} == {"sent"}
    assert len(sent()) == len(steps)


def test_however_often_it_is_planned_a_step_is_mailed_once(alice: Company) -> None:
    for at in every_quarter(ENDED, ENDED + timedelta(hours=20)):
        run(at)
        reminder_plan.plan_reminders(at=at)
    assert reminder_states(alice) == [("ended", "sent", "")]
    assert len(sent()) == 1


def test_runs_at_once_send_one_mail(alice: Company) -> None:
    def one(_: int) -> None:
        try:
            run(ENDED)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(one, range(10)))
    assert reminder_states(alice) == [("ended", "sent", "")]
    assert len(sent()) == 1


def test_it_goes_at_nine_of_the_tenants_morning(alice: Company) -> None:
    for at in every_quarter(ENDED - timedelta(hours=12), ENDED - timedelta(minutes=1)):
        assert reminder_plan.plan_reminders(at=at) == 0
    assert reminder_plan.plan_reminders(at=ENDED) == 1


def test_only_the_latest_step_goes_after_a_time_without_any(alice: Company) -> None:
    run(berlin(date(2026, 6, 4), 16))
    assert reminder_states(alice) == [("last", "sent", "")]


def test_at_night_a_step_waits_unless_the_deadline_would_pass(alice: Company) -> None:
    assert reminder_plan.plan_reminders(at=berlin(date(2026, 6, 3), 22)) == 0
    assert reminder_plan.plan_reminders(at=berlin(date(2026, 6, 4), 3)) == 0
    run(berlin(date(2026, 6, 4), 23, 45))
    assert reminder_states(alice) == [("last", "sent", "")]
    assert reminder_plan.plan_reminders(at=DEADLINE) == 0


def test_it_names_exactly_what_is_missing_and_by_when(alice: Company) -> None:
    send_days(alice, FIRST, last=date(2026, 5, 20))
    data = alice.server.days(date(2026, 5, 21), LAST)
    alice.send(data[0], at=AFTER)
    alice.send(data[4], at=AFTER)
    run(TARGET)
    (message,) = sent()
    assert message.to == [alice.people["admin"].email]
    assert "A-100" in message.subject
    for text in (message.body, html_of(message)):
        assert "Alice Assurance" in text
        assert "IC01" in text
        assert "3 files, numbers 3 to 5, between 22 and 24 May." in text
        assert "26 to 27 May." in text
        assert "Missing: 22 to 24 May" in text
        assert "The files are on each server in i3\\ic\\work\\usage." in text
        assert "Due by the end of Wed 3 June." in text
        assert "Fri 5 June 2026, 00:00, Berlin (CEST, UTC+2)" in text
    assert any(link.endswith("/upload?period=2026-05") for link in links_of(message))
    (row,) = rows(alice)
    assert (row.subject, row.text) == (message.subject, message.body)
    assert row.html == html_of(message)
    assert row.message_id == message.extra_headers["Message-ID"]


def test_who_has_brought_all_is_not_reminded(alice: Company) -> None:
    send_days(alice, FIRST)
    run(ENDED)
    assert reminder_states(alice) == []


def test_a_file_between_planning_and_sending_stops_the_mail(alice: Company) -> None:
    send_days(alice, FIRST, last=date(2026, 5, 26))
    assert reminder_plan.plan_reminders(at=ENDED) == 1
    alice.send(alice.server.day(LAST), at=AFTER)
    send(ENDED)
    assert reminder_states(alice) == [("ended", "unneeded", "complete")]
    assert sent() == []


def test_what_waits_for_us_is_not_reminded_of(alice: Company) -> None:
    send_days(alice, FIRST, last=date(2026, 5, 26))
    assert reminder_plan.plan_reminders(at=ENDED) == 1
    # Of the same server, of a key that nobody has confirmed: held.
    stranger = alice.writer("IC01")
    stranger.series, stranger.sequence = alice.server.series, alice.server.sequence
    stranger.previous = alice.server.previous
    alice.send(stranger.day(LAST), at=AFTER)
    send(ENDED)
    assert reminder_states(alice) == [("ended", "unneeded", "with-us")]


def test_a_waiver_a_decision_and_completion_end_the_late_ones(alice: Company) -> None:
    late_at = berlin(date(2026, 6, 5))
    for changes in (
        {"waived": ["2026-05-27 IC01"]},
        {"waived": [], "decided": ["2026-05-27 IC01"]},
        {"decided": [], "completed_at": late_at},
        {"completed_at": None, "voided_at": late_at, "void_reason": "extended"},
    ):
        number = len(rows(alice))
        with unit_of_work.acting_for(alice.id):
            # One that nobody had a mail for is planned for again.
            Reminder.objects.filter(recipient__startswith="admin").update(
                recipient=Concat(Value(f"{number}-"), "recipient")
            )
        if not has_flag(alice):
            flag(alice)
        assert reminder_plan.plan_reminders(at=late_at) == 1, changes
        change_flag(alice, **changes)
        assert reminder_plan.plan_reminders(at=late_at + timedelta(days=7)) == 0
        send(late_at)
        answer = next((one for one in ("waived", "decided") if changes.get(one)), "")
        assert reminder_states(alice)[-1][1:] == ("unneeded", answer or "settled"), (
            changes
        )
        back: dict[str, Any] = {"voided_at": None, "void_reason": "", "waived": []}
        change_flag(alice, decided=[], completed_at=None, **back)
    assert sent() == []


def test_an_extension_moves_the_last_day_and_what_follows(alice: Company) -> None:
    extended = DEADLINE + timedelta(days=7)
    with unit_of_work.acting_for(alice.id):
        TenantPeriod.objects.filter(period="2026-05").update(
            extended_to=extended, decided_by="clerk", decision_reason="moved"
        )
    at = TARGET
    while at < berlin(date(2026, 6, 14)):
        if at.date() == date(2026, 6, 12) and not has_flag(alice):
            flag(alice, deadline_at=extended)
        run(at)
        at += timedelta(hours=8)
    days = [(row.step, row.day) for row in rows(alice)]
    assert days == [
        ("target", date(2026, 6, 3)),
        ("last", date(2026, 6, 11)),
        ("late", date(2026, 6, 12)),
    ]


def test_a_safety_stop_holds_late_mails_and_no_others(alice: Company) -> None:
    flag(alice)
    at = berlin(date(2026, 6, 5))
    assert reminder_plan.plan_reminders(at=at) == 1
    with unit_of_work.acting_for(unit_of_work.STAFF):
        stop = SafetyStop.objects.create(
            period="2026-05", found=30, usual=2, raised_at=DEADLINE
        )
    assert reminder_plan.plan_reminders(at=at + timedelta(days=7)) == 0
    send(at)
    assert reminder_states(alice) == [("late", "waiting", "safety-stop")]
    with unit_of_work.acting_for(unit_of_work.STAFF):
        stop.released_at = at
        stop.save()
    send(at + timedelta(hours=1))
    assert reminder_states(alice) == [("late", "sent", "")]


def test_one_a_day_for_each_recipient_of_a_tenant(alice: Company) -> None:
    open_periods(today=date(2026, 6, 20))
    flag(alice)
    # Weekly mails of May meet the end of June.
    at = berlin(date(2026, 6, 26))
    while at < berlin(date(2026, 7, 6)):
        run(at)
        at += timedelta(hours=3)
    days = [row.day for row in rows(alice)]
    assert len(days) == len(set(days))
    assert {row.period for row in rows(alice)} == {"2026-05", "2026-06"}
    assert len(sent()) == len(days)


def test_members_choose_and_the_contact_gets_the_late_ones(alice: Company) -> None:
    with unit_of_work.acting_for(alice.id):
        Tenant.objects.update(escalation_address="boss@a-100.example")
        Membership.objects.filter(role=Role.ADMIN).update(gets_reminders=False)
        Membership.objects.filter(role=Role.VIEWER).update(gets_reminders=True)
    run(ENDED)
    assert {row.recipient for row in rows(alice)} == {"viewer@a-100.example"}
    flag(alice)
    run(berlin(date(2026, 6, 5)))
    late = [row.recipient for row in rows(alice) if row.step == "late"]
    assert sorted(late) == ["boss@a-100.example", "viewer@a-100.example"]
    (to_boss,) = (one for one in sent() if one.to == ["boss@a-100.example"])
    assert "the contact of Alice Assurance" in to_boss.body
    assert "late" in to_boss.subject


def test_who_wants_none_any_more_gets_none(alice: Company) -> None:
    reminder_plan.plan_reminders(at=ENDED)
    with unit_of_work.acting_for(alice.id):
        Membership.objects.filter(role=Role.ADMIN).delete()
    send(ENDED)
    assert reminder_states(alice) == [("ended", "unneeded", "not-wanted")]


def test_charlie_gets_nothing_about_alice(alice: Company, charlie: Company) -> None:
    open_periods()
    run(ENDED)
    run(ENDED + timedelta(hours=8))
    assert sorted(one.to[0] for one in sent()) == [
        "admin@a-100.example",
        "admin@c-300.example",
    ]
    for message in sent():
        own, other = (
            ("Alice", "Charlie") if "a-100" in message.to[0] else ("Charlie", "Alice")
        )
        text = f"{message.subject} {message.body} {html_of(message)}"
        assert own in text
        assert other not in text
        assert ("C-300" in text) == (own == "Charlie")


@pytest.mark.parametrize(
    "name", ["Alice\r\nBcc: spy@evil.example", "x" * 200, "\u202eecilA <b>&"]
)
def test_a_name_breaks_no_header(alice: Company, name: str) -> None:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        # Names are stored cleaned; the database refuses others.
        Tenant.objects.update(name=one_line(name))
    run(ENDED)
    (message,) = sent()
    raw = message.message().as_bytes()
    head, _, _ = raw.partition(b"\n\n")
    assert b"\nBcc:" not in head
    assert message.recipients() == ["admin@a-100.example"]
    assert "<b>&" not in html_of(message)


def test_a_copy_that_was_restored_sends_nothing(alice: Company, settings: Any) -> None:
    run(ENDED)
    reminder_plan.plan_reminders(at=TARGET)
    (settings.VAR / "mail-stamp").unlink()
    assert not reminder_send.send_waiting(now=lambda: TARGET)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        assert mail_switch.send_permission().held == "restored-copy"
    assert reminder_plan.plan_reminders(at=TARGET + timedelta(days=1)) == 0
    # Told to go on, it leaves out what its original may have sent.
    mail_switch.claim(by="test", at=TARGET)
    run(TARGET)
    assert reminder_states(alice) == [
        ("ended", "sent", ""),
        ("target", "unneeded", "restored"),
    ]
    run(berlin(date(2026, 6, 4)))
    assert reminder_states(alice)[-1] == ("last", "sent", "")


def test_a_folder_that_was_copied_is_a_copy(alice: Company, settings: Any) -> None:
    run(ENDED)
    original = settings.VAR / "mail-stamp"
    copy = settings.VAR / "copied-stamp"
    # With all its times, as a backup keeps them.
    shutil.copy2(original, copy)
    copy.replace(original)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        assert mail_switch.send_permission().held == "restored-copy"
    assert reminder_plan.plan_reminders(at=TARGET) == 0
    mail_switch.claim(by="test", at=ENDED)
    run(TARGET)
    assert reminder_states(alice)[-1] == ("target", "sent", "")


def test_tables_made_anew_are_a_copy(alice: Company) -> None:
    run(ENDED)
    with connections["owner"].cursor() as cursor:
        cursor.execute("alter table portal_mailstamp rename to was_stamp")
        cursor.execute("create table portal_mailstamp (like was_stamp including all)")
        cursor.execute("insert into portal_mailstamp select * from was_stamp")
        cursor.execute(
            "grant select, insert, update on portal_mailstamp to portal_staff"
        )
    try:
        with unit_of_work.acting_for(unit_of_work.STAFF):
            assert mail_switch.send_permission().held == "restored-copy"
    finally:
        with connections["owner"].cursor() as cursor:
            cursor.execute("drop table portal_mailstamp")
            cursor.execute("alter table was_stamp rename to portal_mailstamp")


def test_staff_can_stop_all_mail(alice: Company) -> None:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        mail_switch.stop(reason="wrong dates", by="clerk", at=ENDED)
    run(ENDED)
    assert reminder_states(alice) == []
    with unit_of_work.acting_for(unit_of_work.STAFF):
        mail_switch.resume(reason="put right", by="clerk", at=ENDED)
    run(ENDED)
    assert reminder_states(alice) == [("ended", "sent", "")]


def test_the_preview_says_what_goes_next_and_writes_nothing(alice: Company) -> None:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        (found,) = reminder_plan.preview_reminders(
            at=ENDED - timedelta(hours=20), most=10
        )
    assert (found.step, found.recipient) == ("ended", "admin@a-100.example")
    assert (found.tenant_id, found.at) == (alice.id, ENDED)
    assert rows(alice) == []


@pytest.mark.parametrize("hour", [0, 10, 20])
def test_the_preview_has_one_a_day_for_each_recipient(
    alice: Company, hour: int
) -> None:
    open_periods(today=date(2026, 6, 20))
    flag(alice)
    # The weekly mails of May meet what there is about June.
    day = date(2026, 6, 30)
    begun_at = berlin(day, hour)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        found = reminder_plan.preview_reminders(at=begun_at, most=10)
    for at in every_quarter(begun_at, begun_at + timedelta(hours=23)):
        run(at)
    assert found
    assert [(one.period, one.step, one.day) for one in found] == [
        (row.period, row.step, row.day) for row in rows(alice)
    ]


def test_a_mail_that_cannot_be_written_waits_for_a_person(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    reminder_plan.plan_reminders(at=ENDED)
    monkeypatch.setattr(reminder_send, "_name_of", lambda _: 1 / 0)
    for number in range(3):
        send(ENDED + timedelta(hours=number))
    assert reminder_states(alice) == [("ended", "failed", "sending-failed")]
