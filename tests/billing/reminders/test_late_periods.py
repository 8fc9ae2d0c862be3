"""One mail names all late periods of a tenant, the newest first, once a week."""

from datetime import date, datetime

import pytest
from django.core import mail

from billing.coverage.periods import Period
from billing.lateness import decide
from billing.mail.staff_presenters import mail_rows
from billing.models import LateFlag, SafetyStop
from billing.periods import deadlines, refresh
from billing.periods.text import other_late_line
from billing.reminders import plan as reminder_plan
from billing.reminders import send_now
from portal.db import unit_of_work
from portal.models import Tenant
from tests.billing.lateness.late_tenants import DAY, HOUR, LAST, MAY, run_check
from tests.billing.reminders.tenant_with_gaps import (
    BERLIN,
    open_periods,
    rows,
    run,
    send,
)
from tests.builders import Company, open_company
from tests.portal.mail.sent_mails import html_of, links_of, sent

JUNE = MAY.next()


def july(day: int, hour: int = 9) -> datetime:
    return datetime(2026, 7, day, hour, tzinfo=BERLIN)


# An hour after the deadline of June.
CHECKED = july(5, 1)


@pytest.fixture
def may_late(short: Company) -> Company:
    """A tenant that is late in May and lacks June; nobody has had a mail yet."""
    open_periods(today=date(2026, 6, 20))
    run_check(datetime(2026, 6, 5, 1, tzinfo=BERLIN))
    mail.outbox.clear()
    return short


@pytest.fixture
def late(may_late: Company) -> Company:
    """A tenant that is late in May and June; nobody has had a mail yet."""
    run_check(CHECKED)
    return may_late


def days_pass(first: int, last: int) -> None:
    for day in range(first, last + 1):
        run(july(day))
        run(july(day, 12))


def sent_steps(company: Company) -> list[tuple[str, str, int]]:
    return [
        (row.period, row.step, row.day.day)
        for row in rows(company)
        if row.outcome == "sent"
    ]


def named(company: Company) -> list[list[str]]:
    return [row.late_periods for row in rows(company) if row.outcome == "sent"]


def test_one_mail_a_week_names_both_late_periods(late: Company) -> None:
    with unit_of_work.acting_for(late.id):
        Tenant.objects.update(escalation_address="boss@a-1.example")
    days_pass(5, 13)
    each = ["2026-06", "2026-05"]
    assert sent_steps(late) == [
        *[("2026-06", "late", 5)] * 2,
        *[("2026-06", "weekly-1", 12)] * 2,
    ]
    assert named(late) == [each] * 4
    first = next(one for one in sent() if one.to == [late.people["admin"].email])
    assert first.subject == "A-1 is late: usage files of 2 periods are missing"
    for text in (first.body, html_of(first)):
        assert "2 periods are late." in text
        newest, _, older = text.partition("28 April to 27 May")
        assert "28 May to 27 June" in newest
        assert "31 server-days are missing." in newest
        assert "Due by the end of Fri 3 July, late from" in newest
        assert "Sun 5 July 2026, 00:00, Berlin (CEST, UTC+2)" in newest
        assert "2 server-days are missing." in older
        assert "26 to 27 May." in older
        assert "Fri 5 June 2026, 00:00, Berlin (CEST, UTC+2)" in older
    ends = [link.rpartition("/")[2] for link in links_of(first)]
    uploads = [end for end in ends if end.startswith("upload")]
    assert sorted(set(uploads)) == ["upload?period=2026-05", "upload?period=2026-06"]
    assert "the contact of A-1" in next(
        one.body for one in sent() if one.to == ["boss@a-1.example"]
    )


def test_many_late_periods_are_one_mail(db: None, no_inbox: None) -> None:
    company = open_company(
        *("M-1",), name="M-1", zone="Europe/Berlin", first_owed_on=date(2026, 1, 20)
    )
    company.registered("IC02", at=datetime(2026, 1, 20, tzinfo=BERLIN))
    open_periods(today=date(2026, 6, 20))
    run_check(CHECKED)
    days_pass(5, 7)
    [periods] = named(company)
    assert periods == [f"2026-{month:02}" for month in range(6, 0, -1)]
    assert len(sent()) == 1


@pytest.fixture
def extended(may_late: Company) -> Company:
    """A tenant that is late in May, with a deadline for June that ends the 8th."""
    deadlines.extend(
        *(may_late.id, JUNE),
        to=date(2026, 7, 8),
        by="clerk",
        at=july(1),
        reason="A move.",
    )
    refresh.refresh_all(seconds=60)
    return may_late


def test_a_newly_late_period_is_not_held_back_by_a_weekly_mail(
    extended: Company,
) -> None:
    days_pass(3, 8)
    assert sent_steps(extended) == [
        ("2026-06", "target", 3),
        ("2026-05", "weekly-4", 4),
        ("2026-06", "last", 8),
    ]
    run_check(july(9, 1))
    # The next weekly mail of May, on the 10th, is left to those of June.
    days_pass(9, 16)
    late = [("2026-06", "late", 9), ("2026-06", "weekly-1", 16)]
    assert sent_steps(extended)[3:] == late
    assert named(extended) == [[], ["2026-05"], [], *[["2026-06", "2026-05"]] * 2]


def test_a_period_that_a_mail_has_named_since_its_flag_needs_no_first_mail(
    extended: Company,
) -> None:
    run(july(3))
    assert reminder_plan.plan_reminders(at=july(7)) == 1
    run_check(july(9, 1))
    days_pass(9, 10)
    assert sent_steps(extended)[1:] == [("2026-05", "weekly-4", 9)]
    assert named(extended) == [[], ["2026-06", "2026-05"]]


def test_a_period_completed_since_it_was_planned_is_not_named(late: Company) -> None:
    assert reminder_plan.plan_reminders(at=july(5)) == 1
    for data in late.server.days(LAST - DAY, LAST):
        late.send(data, at=july(5, 8))
    send(july(5))
    assert named(late) == [["2026-06"]]
    (message,) = sent()
    assert "28 May to 27 June" in message.subject
    assert "27 May." not in message.body


def test_the_other_period_is_mailed_if_the_newest_is_completed(late: Company) -> None:
    assert reminder_plan.plan_reminders(at=july(5)) == 1
    # The numbers of the first two files are known to be missing.
    _, _, *june = late.server.days(LAST - DAY, JUNE.ends_on + DAY)
    for data in june:
        late.send(data, at=july(5, 8))
    send(july(5))
    assert [row.problem for row in rows(late)] == ["complete"]
    refresh.refresh_all(seconds=60)
    days_pass(5, 6)
    assert sent_steps(late) == [("2026-05", "weekly-4", 5)]
    assert named(late) == [["2026-05"]]


def test_what_is_waived_or_held_by_a_safety_stop_is_not_named(late: Company) -> None:
    with unit_of_work.acting_for(late.id):
        flag = LateFlag.objects.get(period="2026-05")
    with unit_of_work.acting_for(unit_of_work.STAFF):
        stop = SafetyStop.objects.create(
            period="2026-05", found=30, usual=2, raised_at=CHECKED
        )
    run(july(5))
    assert named(late) == [["2026-06"]]
    with unit_of_work.acting_for(unit_of_work.STAFF):
        stop.released_at = july(6)
        stop.save()
    by = {"by": "clerk", "at": july(11), "reason": "Fire."}
    decide.waive(late.id, flag_id=flag.pk, cells=flag.open_days, **by)  # type: ignore[arg-type]  # the test's own
    run(july(12))
    assert named(late) == [["2026-06"]] * 2


def test_the_preview_has_one_late_mail_in_two_days(late: Company) -> None:
    refresh.refresh_all(seconds=60)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        planned = reminder_plan.preview_reminders(at=july(5, 10), most=10)
    assert [(one.period, one.step) for one in planned] == [("2026-06", "late")]


def test_lists_of_mails_show_the_other_periods_of_a_mail(late: Company) -> None:
    run(july(5))
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        for period in (MAY, JUNE):
            [row] = mail_rows(send_now.mails_of(late.id, period))
            assert row.span == "28 May to 27 June and 1 more period"


def test_a_reminder_names_other_late_periods_first(may_late: Company) -> None:
    run(datetime(2026, 6, 26, 9, tzinfo=BERLIN))
    mail.outbox.clear()
    run(datetime(2026, 6, 28, 9, tzinfo=BERLIN))
    assert (rows(may_late)[-1].step, named(may_late)[-1]) == ("ended", [])
    assert sent()
    for message in sent():
        assert message.subject == (
            "A-1 is late: usage files of 28 May to 27 June and of a late period are"
            " missing"
        )
        first = "28 April to 27 May is late: 2 server-days missing."
        for text in (message.body, html_of(message)):
            before, _, after = text.partition(first)
            assert after
            # Only its company and period are named above it.
            assert "server-day" not in before
            assert "?period=2026-05" in after.partition("?period=2026-06")[0]


@pytest.mark.parametrize(
    ("period", "span"),
    [
        (Period(2025, 6), "28 May to 27 June"),
        (Period(2025, 5), "28 April to 27 May 2025"),
        (Period(2025, 1), "28 December to 27 January 2025"),
        (Period(2027, 5), "28 April to 27 May 2027"),
    ],
)
def test_a_late_period_of_another_year_has_its_year(period: Period, span: str) -> None:
    assert other_late_line(period, beside=MAY, missing=2).span == span


def test_reminding_now_is_about_the_period_that_staff_have_chosen(
    late: Company,
) -> None:
    send_now.remind_now([late.id], MAY, by="clerk", at=july(5))
    send(july(5))
    assert named(late) == [[]]
    assert "28 April to 27 May" in sent()[0].subject
    # The same person gets no second mail on that day.
    run(july(5, 9) + HOUR)
    assert len(sent()) == 1
