"""Reminders after a change: a new deadline, a step that is needed after all."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from billing import deadlines, reminder_plan
from tests.billing.lateness_scenes import HOUR, MAY, checked, open_short
from tests.billing.mail_scenes import BERLIN, open_periods, rows, run
from tests.builders import Company

LAST_DAY = datetime(2026, 6, 4, 9, tzinfo=BERLIN)


@pytest.fixture(autouse=True)
def _no_inbox(settings: Any) -> None:
    settings.INBOX_BUCKET = ""


@pytest.fixture
def short(db: None) -> Company:
    """A tenant that owes two days and has sent neither."""
    company = open_short("A-1")
    open_periods()
    return company


def june(day: int, hour: int = 9) -> datetime:
    return datetime(2026, 6, day, hour, tzinfo=BERLIN)


def extend(company: Company, day: int, *, at: datetime) -> None:
    to = date(2026, 6, day)
    deadlines.extend(company.id, MAY, to=to, by="clerk", at=at, reason="a move")


def days_pass(first: datetime, last: datetime) -> None:
    at = first
    while at <= last:
        checked(at)
        run(at)
        at += timedelta(hours=8)


def went(company: Company) -> list[tuple[str, int]]:
    return [(row.step, row.day.day) for row in rows(company) if row.outcome == "sent"]


def test_who_was_told_of_the_last_day_is_told_of_the_new_one(short: Company) -> None:
    run(LAST_DAY)
    extend(short, 14, at=LAST_DAY + HOUR)
    days_pass(LAST_DAY + 2 * HOUR, june(16))
    # Nothing steps back to what comes before the last day.
    assert went(short) == [("last", 4), ("last", 14), ("late", 15)]
    names = [row.message_id for row in rows(short)]
    assert len(set(names)) == len(names)


def test_who_was_late_and_is_given_time_is_told_of_both_again(short: Company) -> None:
    days_pass(june(5), june(7))
    extend(short, 14, at=june(8))
    days_pass(june(8), june(16))
    assert went(short) == [("late", 5), ("last", 14), ("late", 15)]


def test_what_waits_about_a_deadline_that_was_extended_goes_as_the_new_one(
    short: Company,
) -> None:
    assert reminder_plan.plan(at=LAST_DAY) == 1
    extend(short, 5, at=LAST_DAY)
    run(june(5))
    run(june(5, 10))
    assert [(row.step, row.told_state, row.extended_to) for row in rows(short)] == [
        ("last", "unneeded", None),
        ("last", "sent", june(6, 0)),
    ]
