"""A customer's pages show the requests that staff decided or still have open."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billing.lateness import decide
from billing.lateness.decide import ConsequenceChoice
from billing.mail.text import not_reminded_text
from billing.models import ExcuseKindChoices, LateFlag
from billing.periods import deadlines
from billing.periods import open_periods as period_open_periods
from billing.periods import queries as period_queries
from billing.periods import text as period_text
from billing.reminders import plan as reminder_plan
from billing.reminders.send_now import preview_remind_now, remind_now
from billing.requests import excuses
from billing.requests.excuses import ExcuseRequest
from portal.db import unit_of_work
from tests.billing.lateness.late_tenants import (
    AFTER,
    BEFORE,
    CHECKED,
    DAY,
    HOUR,
    LAST,
    MAY,
    flag,
    open_periods,
    open_short,
    run_check,
)
from tests.billing.reminders.tenant_with_gaps import reminder_states, rows, send
from tests.billing.requests import excuse_requests
from tests.builders import Company, open_company
from usage.models import Server

JULY = datetime(2026, 7, 6, 9, tzinfo=UTC)
BY: dict[str, Any] = {"by": "clerk", "at": AFTER, "reason": "A fire."}


@pytest.fixture
def late(db: None, settings: Any) -> Company:
    """Two days are late."""
    settings.INBOX_BUCKET = ""
    company = open_short("L-1")
    open_periods()
    assert run_check(CHECKED) == 1
    return company


def waive(company: Company) -> None:
    found = flag(company)
    decide.waive(company.id, flag_id=found.pk, cells=found.open_days, **BY)


def signed_in(company: Company, role: str = "admin") -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(company.people[role])
    return client


def period_texts(company: Company, *, at: datetime = AFTER) -> period_text.PeriodText:
    with unit_of_work.acting_for(company.id, reading=True):
        return period_text.period_text(period_queries.view_period(MAY, at=at), at=at)


def also_late(company: Company, *, at: datetime) -> list[tuple[str, int]]:
    with unit_of_work.acting_for(company.id, reading=True):
        found = period_queries.other_late_periods(MAY.next(), at=at)
    return [(str(one.period), one.missing) for one in found]


@time_machine.travel(AFTER, tick=False)
def test_what_was_waived_is_not_asked_for_any_more(late: Company) -> None:
    said = period_texts(late)
    assert (said.standing, said.is_alarming) == ("Late", True)
    waive(late)
    said = period_texts(late)
    assert (said.standing, said.mark) == ("Late, waived", "excused")
    assert (said.please, said.is_alarming) == (
        "Waived by the billing team.",
        False,
    )
    for path in ("/", "/upload"):
        page = signed_in(late).get(path).content.decode()
        assert "Waived by the billing team." in page
        assert "Please upload" not in page.split("<main")[1]
        assert "<em>" not in page


def test_other_days_that_turn_out_missing_are_asked_for_again(late: Company) -> None:
    waive(late)
    found = late.registered("IC02")
    late.send(found.day(LAST - DAY), at=AFTER)
    assert flag(late).open_days
    assert period_texts(late).please == "Please upload now: this period is late."
    assert preview_remind_now([late.id], MAY, at=AFTER).mails == 1


@pytest.mark.parametrize("answer", ["waived", "decided"])
def test_who_is_answered_is_not_reminded_now(late: Company, answer: str) -> None:
    def give() -> None:
        if answer == "waived":
            waive(late)
        else:
            choice = ConsequenceChoice("penalty", seen="", days=flag(late).still)
            decide.decide(late.id, flag_id=flag(late).pk, choice=choice, **BY)

    # One that waits already does not go.
    assert remind_now([late.id], MAY, by="clerk", at=AFTER).mails == 1
    give()
    send(AFTER)
    assert reminder_states(late) == [("now-1", "unneeded", answer)]
    for found in (
        preview_remind_now([late.id], MAY, at=AFTER + DAY),
        remind_now([late.id], MAY, by="clerk", at=AFTER + DAY),
    ):
        (one,) = found.selected
        assert (one.recipients, one.why_not) == ((), answer)
        assert not_reminded_text(one.why_not).startswith("Nothing: ")
    assert len(rows(late)) == 1


def test_a_planned_late_mail_says_that_it_was_waived(late: Company) -> None:
    morning = AFTER + 8 * HOUR
    assert reminder_plan.plan_reminders(at=morning) == 1
    waive(late)
    send(morning)
    assert reminder_states(late) == [("late", "unneeded", "waived")]


def test_an_answer_of_an_earlier_deadline_counts_no_more(late: Company) -> None:
    waive(late)
    deadlines.extend(late.id, MAY, to=date(2026, 6, 12), **BY)
    assert preview_remind_now([late.id], MAY, at=AFTER).mails == 1
    said = period_texts(late)
    assert (said.standing, said.extended) == (
        "Incomplete",
        "Extended by the billing team: late from Sat 13 June, 00:00.",
    )


@time_machine.travel(AFTER, tick=False)
def test_an_extension_is_told(late: Company) -> None:
    assert period_texts(late).extended == ""
    deadlines.extend(late.id, MAY, to=date(2026, 6, 12), **BY)
    for path in ("/", "/upload"):
        page = signed_in(late, "viewer").get(path).content.decode()
        assert "Extended by the billing team: late from Sat 13 June, 00:00." in page
        # What staff wrote is for their own file.
        assert "A fire." not in page


def test_who_is_late_for_two_periods_is_told_of_both(db: None, settings: Any) -> None:
    settings.INBOX_BUCKET = ""
    company, other = open_short("L-1"), open_short("L-2")
    with time_machine.travel(JULY, tick=False):
        period_open_periods.open_current_periods(today=JULY.date(), at=JULY)
        run_check(JULY)
        assert also_late(company, at=JULY) == [("2026-05", 2)]
        assert also_late(company, at=BEFORE) == []
        page = signed_in(company).get("/upload").content.decode()
        assert "28 April to 27 May is late: 2 server-days missing." in page
        assert '/upload?period=2026-05">Show May</a>' in page
        page = signed_in(company).get("/").content.decode()
        assert "2 server-days are missing." in page
        assert '/upload?period=2026-05">Upload files for May</a>' in page
        # The other way round too, and of nobody else.
        page = signed_in(company).get("/upload?period=2026-05").content.decode()
        assert "28 May to 27 June is late: 31 server-days missing." in page
        with unit_of_work.acting_for(company.id, reading=True):
            found = period_queries.other_late_periods(MAY, at=JULY)
        assert [str(one.period) for one in found] == ["2026-06"]
        with unit_of_work.acting_for(other.id, reading=True):
            assert len(period_queries.other_late_periods(MAY.next(), at=JULY)) == 1
    with unit_of_work.acting_for(company.id, reading=True):
        old = LateFlag.objects.get(period="2026-05")
    decide.waive(company.id, flag_id=old.pk, cells=old.open_days, **BY)
    assert also_late(company, at=JULY) == []


@time_machine.travel(AFTER, tick=False)
def test_what_was_asked_for_stands_beside_what_is_missing(late: Company) -> None:
    address = "/upload?period=2026-05"
    page = signed_in(late).get(address).content.decode()
    assert "Request an excuse<" in page
    assert "Excuse requested" not in page
    with unit_of_work.acting_for(late.id, reading=True):
        server = Server.objects.get()
    with CaptureQueriesContext(connection) as before:
        signed_in(late).get(address)
    request = ExcuseRequest(
        server_id=server.pk,
        kind=ExcuseKindChoices.DOWN,
        period=MAY,
        reason="Down.",
        days=frozenset({LAST - DAY, LAST}),
    )
    excuses.request_excuse(late.id, request=request, by="admin", at=AFTER)
    with CaptureQueriesContext(connection) as after:
        page = signed_in(late).get(address).content.decode()
    assert len(after) == len(before)
    assert "Excuse requested on" in page
    assert "Fri 5 June 2026, 02:00" in page
    assert "waiting for the billing team" in page
    assert "Request an excuse<" not in page


@time_machine.travel(AFTER, tick=False)
def test_files_asked_for_by_number_stand_beside_their_gap(
    db: None, settings: Any
) -> None:
    settings.INBOX_BUCKET = ""
    company = open_company(
        "G-1", name="G", zone="Europe/Berlin", first_owed_on=LAST - 3 * DAY
    )
    open_periods()
    first, *lost, last = company.server.days(LAST - 3 * DAY, LAST)
    assert len(lost) == 2
    company.send(first, at=BEFORE)
    company.send(last, at=BEFORE)
    with unit_of_work.acting_for(company.id, reading=True):
        server = Server.objects.get()
        (gap,) = period_queries.view_period(
            MAY, at=AFTER
        ).judgement.calendar.missing_files
    address = "/upload?period=2026-05"
    for numbers, still in (((2, 2), True), ((3, 3), False)):
        request = ExcuseRequest(
            server_id=server.pk,
            kind=ExcuseKindChoices.LOST,
            period=MAY,
            reason="Lost.",
            series=gap.series,
            numbers=numbers,
        )
        excuses.request_excuse(company.id, request=request, by="admin", at=AFTER)
        page = signed_in(company).get(address).content.decode()
        assert "Excuse requested on" in page
        assert ("Request an excuse<" in page) is still


@time_machine.travel(AFTER, tick=False)
def test_a_viewers_tile_offers_no_upload(late: Company) -> None:
    assert "Upload usage files" in signed_in(late).get("/").content.decode()
    page = signed_in(late, "viewer").get("/").content.decode()
    assert "See what is missing" in page
    assert "Upload usage files" not in page


def test_what_may_still_come_is_not_called_waived(late: Company) -> None:
    """Of two days one is waived; for the other an excuse was refused a moment ago."""
    day, other = LAST - DAY, LAST
    asked = excuse_requests.request_excuse(
        late, other, kind=ExcuseKindChoices.LOST, at=BEFORE
    )
    excuses.refuse(late.id, excuse_id=asked.pk, by="clerk", at=CHECKED, reason="No.")
    assert flag(late).open_days == [f"{day} IC01"]
    waive(late)
    with unit_of_work.acting_for(late.id, reading=True):
        said = period_text.period_text(
            period_queries.view_period(MAY, at=AFTER), at=AFTER
        )
    assert said.standing == "Late"
    assert said.please == "Please upload now: this period is late."
    shown = preview_remind_now([late.id], MAY, at=AFTER)
    assert [one.why_not for one in shown.selected] == [""]
