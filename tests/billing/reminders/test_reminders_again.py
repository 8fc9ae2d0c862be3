"""Reminders after a change: a new deadline, a step that is needed after all."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import connections

from billing.lateness import decide
from billing.models import Excuse, Reminder
from billing.periods import deadlines
from billing.reminders import plan as reminder_plan
from billing.requests import excuses
from portal.db import unit_of_work
from tests.billing.lateness.late_tenants import DAY, HOUR, LAST, MAY, flag, run_check
from tests.billing.reminders.tenant_with_gaps import (
    BERLIN,
    open_periods,
    reminder_states,
    request_excuse,
    rows,
    run,
    send,
)
from tests.builders import Company, open_company
from tests.portal.mail.sent_mails import html_of, sent

LAST_DAY = datetime(2026, 6, 4, 9, tzinfo=BERLIN)


def june(day: int, hour: int = 9) -> datetime:
    return datetime(2026, 6, day, hour, tzinfo=BERLIN)


def extend(company: Company, day: int, *, at: datetime) -> None:
    to = date(2026, 6, day)
    deadlines.extend(company.id, MAY, to=to, by="clerk", at=at, reason="a move")


def days_pass(first: datetime, last: datetime) -> None:
    at = first
    while at <= last:
        run_check(at)
        run(at)
        at += timedelta(hours=8)


def sent_steps(company: Company) -> list[tuple[str, int]]:
    return [(row.step, row.day.day) for row in rows(company) if row.outcome == "sent"]


def test_who_was_told_of_the_last_day_is_told_of_the_new_one(short: Company) -> None:
    run(LAST_DAY)
    extend(short, 14, at=LAST_DAY + HOUR)
    days_pass(LAST_DAY + 2 * HOUR, june(16))
    # Nothing steps back to what comes before the last day.
    assert sent_steps(short) == [("last", 4), ("last", 14), ("late", 15)]
    names = [row.message_id for row in rows(short)]
    assert len(set(names)) == len(names)


def test_who_was_late_and_is_given_time_is_told_of_both_again(short: Company) -> None:
    days_pass(june(5), june(7))
    extend(short, 14, at=june(8))
    days_pass(june(8), june(16))
    assert sent_steps(short) == [("late", 5), ("last", 14), ("late", 15)]


def test_what_waits_about_a_deadline_that_was_extended_goes_as_the_new_one(
    short: Company,
) -> None:
    assert reminder_plan.plan_reminders(at=LAST_DAY) == 1
    extend(short, 5, at=LAST_DAY)
    run(june(5))
    run(june(5, 10))
    assert [(row.step, row.shown_state, row.extended_to) for row in rows(short)] == [
        ("last", "unneeded", None),
        ("last", "sent", june(6, 0)),
    ]


def refuse(company: Company, asked: Excuse, *, at: datetime) -> None:
    excuses.refuse(
        company.id, excuse_id=asked.pk, by="clerk", at=at, reason="They are on tape."
    )


def test_what_was_not_needed_goes_once_it_is_needed(short: Company) -> None:
    assert reminder_plan.plan_reminders(at=LAST_DAY) == 1
    asked = request_excuse(short, at=LAST_DAY)
    run(LAST_DAY)
    assert reminder_states(short) == [("last", "unneeded", "with-us")]
    refuse(short, asked, at=LAST_DAY + HOUR)
    run(LAST_DAY + 2 * HOUR)
    run(LAST_DAY + 3 * HOUR)
    assert reminder_states(short) == [("last", "sent", "")]
    assert len(sent()) == 1


def test_runs_at_once_let_it_go_once(short: Company) -> None:
    reminder_plan.plan_reminders(at=LAST_DAY)
    asked = request_excuse(short, at=LAST_DAY)
    send(LAST_DAY)
    refuse(short, asked, at=LAST_DAY + HOUR)

    def one(_: int) -> None:
        try:
            run(LAST_DAY + HOUR)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(8)))
    assert reminder_states(short) == [("last", "sent", "")]
    assert len(sent()) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"problem": "restored"},
        {"begun_at": LAST_DAY, "message_id": "<begun@portal.example>"},
        {"asked_by": "clerk"},
    ],
)
def test_what_may_have_gone_is_not_needed_for_good(
    short: Company, changes: dict[str, Any]
) -> None:
    reminder_plan.plan_reminders(at=LAST_DAY)
    with unit_of_work.acting_for(short.id):
        ended = {"state": "done", "outcome": "unneeded", "problem": "with-us"}
        Reminder.objects.update(**ended | changes)
    assert reminder_plan.plan_reminders(at=LAST_DAY + HOUR) == 0
    assert [row.shown_state for row in rows(short)] == ["unneeded"]


def test_it_is_not_needed_again_on_a_day_that_another_one_has(short: Company) -> None:
    reminder_plan.plan_reminders(at=LAST_DAY)
    day = LAST_DAY.date()
    with unit_of_work.acting_for(short.id):
        (row,) = Reminder.objects.all()
        Reminder.objects.update(state="done", outcome="unneeded", problem="with-us")
        row.pk, row.period, row.state = None, "2026-06", "waiting"
        row.save()
    # Another one has the day.
    assert reminder_plan.plan_reminders(at=LAST_DAY + HOUR) == 0
    assert [(row.day, row.outcome) for row in rows(short)] == [
        (day, "unneeded"),
        (day, ""),
    ]


def test_what_is_never_needed_keeps_nothing_else_from_going(short: Company) -> None:
    """One of two late days comes, the other one is waived: nothing is asked for."""
    run_check(june(5, 7))
    short.send(short.server.day(LAST - DAY), at=june(6, 7))
    found = flag(short)
    waived = [f"{LAST} IC01"]
    decide.waive(
        *(short.id,), flag_id=found.pk, cells=waived, by="x", at=june(6), reason="Fire."
    )
    assert flag(short).undecided_days
    open_periods(today=date(2026, 6, 20))
    for day in range(26, 31):
        for minutes in (0, 15, 30):
            run(june(day) + timedelta(minutes=minutes))
        if day == 27:
            with unit_of_work.acting_for(unit_of_work.STAFF):
                foretold = reminder_plan.preview_reminders(at=june(day, 10), most=10)
            assert [one.step for one in foretold] == ["ended"]
    # Tried once a day, and only until there is something else to say.
    assert [row.step for row in rows(short)] == ["weekly-3", "ended", "soon"]
    assert sent_steps(short) == [("ended", 28), ("soon", 30)]
    assert reminder_states(short)[0] == ("weekly-3", "unneeded", "settled")


def test_a_refusal_that_was_made_good_does_not_hold_back_late_mails(
    short: Company,
) -> None:
    asked = request_excuse(short, at=LAST_DAY, days={LAST})
    refuse(short, asked, at=june(5, 14))
    again = request_excuse(short, at=june(5, 15), days={LAST})
    run(june(5, 18))
    excuses.approve(
        short.id, excuse_id=again.pk, by="clerk", at=june(5, 16), reason="Well."
    )
    run_check(june(6, 7))
    for minutes in (0, 15, 30):
        run(june(6) + timedelta(minutes=minutes))
    assert sent_steps(short) == [("late", 6)]


def test_refusals_of_one_day_are_one_mail_that_names_them_all(
    db: None, no_inbox: None
) -> None:
    days = [LAST - number * DAY for number in range(7)]
    company = open_company(
        *("A-1",), name="A-1", zone="Europe/Berlin", first_owed_on=days[-1]
    )
    open_periods()
    *six, seventh = [request_excuse(company, at=LAST_DAY, days={day}) for day in days]
    for number, one in enumerate(six):
        refuse(company, one, at=june(8, 10) + timedelta(minutes=2 * number))
    for at in (june(8, 11), june(8, 12), june(9)):
        run(at)
    assert sent_steps(company) == [("refused", 8)]
    refuse(company, seventh, at=june(9, 11))
    for at in (june(9, 12), june(10), june(11, 16), june(12)):
        run_check(at - HOUR)
        run(at)
    assert sent_steps(company) == [("refused", 8), ("refused", 9), ("late", 12)]
    assert len({row.message_id for row in rows(company)}) == 3
    first, second, late = [[one.body, html_of(one)] for one in sent()]
    for texts, count in ((first, 6), (second, 7)):
        for text in texts:
            assert text.count("Excuse for IC01, ") == count
            assert f"{count} server-days are missing." in text
            assert "The first of it counts as late from" in text
            assert "Thu 11 June 2026, 10:00" in text
    for text in late:
        assert "is late from" in text
        assert "Thu 11 June 2026, 10:00" in text
        assert "5 June" not in text
