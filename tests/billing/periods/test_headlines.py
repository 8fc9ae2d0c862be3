"""Pages, mails and the API have the same headline, in each situation of a tenant."""

import html
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
import time_machine
from django.test import Client

from billing.coverage.periods import Period
from billing.coverage.turns import Step
from billing.desk.desk_row import DeskRow
from billing.desk.queries import desk_rows
from billing.desk.sql import DeskFilter
from billing.models import Reminder
from billing.periods import open_periods, refresh
from billing.periods import text as period_text
from billing.periods.headline import Reader, turn_text
from billing.periods.queries import view_period
from billing.periods.text import PeriodText
from billing.reminders.send_now import remind_now
from portal.db import unit_of_work
from portal.models import StaffRole
from tests.billing.lateness.late_tenants import MAY
from tests.billing.periods.headline_situations import JUNE, SITUATIONS, Situation
from tests.billing.reminders.tenant_with_gaps import send
from tests.billing.staff.staff_clients import staff_client
from tests.builders import NOW, Company

UPLOAD, CONFIRM, SHOW, DATA, SEE = (
    "Upload usage files",
    "Confirm the key",
    "Show the servers",
    "Billing data",
    "",
)
DUE = "Due by the end of Wed 3 June."
COMPLETE = "28 April to 27 May is complete, 2 of 2 server-days."
ONE, TWO = "1 server-day is missing.", "2 server-days are missing."
IS_LATE = "Please upload now: this period is late."
YOURS, NOBODY = "Your turn", "Nothing to do"
STAFF, CHECKED = "Waits for the billing team", "Being checked"


@dataclass(frozen=True, slots=True)
class First:
    """What an admin reads first, the primary button of home, and if mail goes out."""

    answer: str
    request: str
    mark: str
    standing: str
    turn: str
    button: str
    is_reminded: bool = False


def first(*values: Any) -> First:
    """Make a row; its texts are easier to read in lines of several."""
    return First(*values)


EXPECTED = {
    "nothing owed": first(
        "Nothing is owed for this period.", "", "silent", "Nothing owed", NOBODY, SEE
    ),
    "no server yet": first(
        *("No server has sent a file yet.", DUE, "partial", "Incomplete"),
        *(YOURS, UPLOAD, True),
    ),
    "nothing sent, running": first(ONE, DUE, "pending", "Open", YOURS, UPLOAD, True),
    "nothing sent, ended": first(
        TWO, DUE, "partial", "Incomplete", YOURS, UPLOAD, True
    ),
    "some missing": first(ONE, DUE, "partial", "Incomplete", YOURS, UPLOAD, True),
    "one partial": first(ONE, DUE, "partial", "Incomplete", YOURS, UPLOAD, True),
    "one rejected": first(ONE, DUE, "partial", "Incomplete", YOURS, UPLOAD, True),
    "unknown key": first(
        *("2 files wait for you: confirm the key of IC77.", DUE),
        *("partial", "Incomplete", YOURS, CONFIRM),
    ),
    "key confirmed": first(
        *("All files are in. 2 files are being checked.", ""),
        *("with-us", "Incomplete", CHECKED, SEE),
    ),
    "held": first(
        *("All files are in. 1 file is waiting for the billing team.", ""),
        *("with-us", "Incomplete", STAFF, SEE),
    ),
    "not judged": first(
        *("All files are in. 1 file is being checked.", ""),
        *("with-us", "Incomplete", CHECKED, SEE),
    ),
    "complete, running next": first(COMPLETE, "", "received", "Complete", NOBODY, SEE),
    "complete at the last file": first(
        COMPLETE, "", "received", "Complete", NOBODY, DATA
    ),
    "late once": first(ONE, IS_LATE, "missing", "Late", YOURS, UPLOAD, True),
    "late twice": first(
        "30 server-days are missing.", IS_LATE, "missing", "Late", YOURS, UPLOAD, True
    ),
    "late, new one complete": first(
        ONE, IS_LATE, "missing", "Late", YOURS, UPLOAD, True
    ),
    "extended": first(
        *(ONE, "Please upload now: late from Sat 20 June, 00:00."),
        *("partial", "Incomplete", YOURS, UPLOAD, True),
    ),
    "extended and missed": first(ONE, IS_LATE, "missing", "Late", YOURS, UPLOAD, True),
    "waived in part": first(
        *("1 server-day is missing; the billing team has waived 1 more.", IS_LATE),
        *("missing", "Late", YOURS, UPLOAD, True),
    ),
    "waived wholly": first(
        *(TWO, "Waived by the billing team.", "excused", "Late, waived"),
        *(NOBODY, SEE),
    ),
    "excuse asked": first(
        *("Nothing else is missing. 1 excuse is waiting for the billing team.", ""),
        *("with-us", "Incomplete", STAFF, SEE),
    ),
    "excuse asked, June held": first(
        *("Nothing else is missing. 1 excuse is waiting for the billing team.", ""),
        *("with-us", "Incomplete", STAFF, SEE),
    ),
    "excuse approved": first(COMPLETE, "", "received", "Complete", NOBODY, DATA),
    "excuse refused": first(
        *(ONE, "Please upload now: late from Mon 8 June, 01:00."),
        *("partial", "Incomplete", YOURS, UPLOAD, True),
    ),
    "automated with a gap": first(
        "1 server-day of automated upload is missing.",
        "This does not count against you. Check the upload of the server.",
        *("partial", "Incomplete", YOURS, SHOW),
    ),
}

# Of late twice the newer one comes first.
PERIODS = {"late twice": JUNE}

# Where home shows another period first: nothing is owed in this one, or it was
# dismissed.
OTHERS_FIRST = {"nothing owed", "complete, running next"}


def made(name: str, situation: Situation) -> Company:
    company = situation.opened(number_of(name))
    at = situation.at
    open_periods.open_current_periods(today=at.date(), at=NOW)
    refresh.refresh_all(seconds=60)
    situation.make(company)
    refresh.refresh_all(seconds=60)
    return company


def number_of(name: str) -> str:
    return re.sub("[^A-Z]+", "-", name.upper())


def seen_by(company: Company, name: str, reader: Reader) -> PeriodText:
    at, period = SITUATIONS[name].at, PERIODS.get(name, MAY)
    with unit_of_work.acting_for(company.id, reading=True):
        view = view_period(period, at=at)
        return period_text.period_text(view, at=at, reader=reader)


def main_of(client: Client, path: str) -> str:
    page = client.get(path).content.decode().partition('id="main">')[2]
    return " ".join(html.unescape(re.sub("<[^>]+>", " ", page)).split())


def primary_button(client: Client, path: str) -> str:
    page = client.get(path).content.decode().split("<main")[1]
    first = page.split('class="other-periods"')[0].split('class="tile"')[0]
    found = re.findall(r'<a class="button is-primary"[^>]*>([^<]*)<', first)
    return found[0] if found else ""


def desk_row(company: Company, name: str) -> DeskRow:
    wanted = DeskFilter(period=PERIODS.get(name, MAY))
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        rows = desk_rows(wanted, at=SITUATIONS[name].at, most=5)
    [found] = [row for row in rows if row.tenant_id == company.id]
    return found


@pytest.fixture
def company(request: pytest.FixtureRequest, db: None, settings: Any) -> Company:
    # No listing of an inbox holds up the late check.
    settings.INBOX_BUCKET = ""
    name: str = request.param
    return made(name, SITUATIONS[name])


def test_there_is_a_row_for_each_situation() -> None:
    assert EXPECTED.keys() == SITUATIONS.keys()
    assert len(EXPECTED) == 25


@pytest.mark.parametrize(
    ("company", "name"), [(name, name) for name in EXPECTED], indirect=["company"]
)
def test_pages_mails_and_the_api_have_the_same_headline(
    company: Company, name: str
) -> None:
    expected, period = EXPECTED[name], PERIODS.get(name, MAY)
    at = SITUATIONS[name].at
    text = seen_by(company, name, Reader.ADMIN)
    mail = reminder_mail(company, period, at=at)
    with time_machine.travel(at, tick=False):
        button = assert_on_customer_pages(company, name, expected)
        assert_on_staff_pages(company, name, text, is_reminded=mail is not None)
    assert expected == First(
        *(text.answer, text.please, text.mark, text.standing, text.turn_text),
        *(button, mail is not None),
    )
    # Mail asks for files exactly where pages ask for them.
    assert (mail is not None) == (text.step is Step.UPLOAD)
    if mail is not None and "waived" not in text.answer:
        assert text.answer in " ".join(mail.text.split())


def covered_text(covered: int, owed: int) -> str:
    return (
        f" {covered} of {owed} server-days {'is' if covered == 1 else 'are'} covered."
    )


def reminder_mail(company: Company, period: Period, *, at: datetime) -> Reminder | None:
    """Remind the tenant now; return the mail if it was sent."""
    remind_now([company.id], period, by="clerk", at=at)
    send(at)
    with unit_of_work.acting_for(company.id, reading=True):
        found = list(Reminder.objects.filter(outcome="sent"))
    return found[0] if found else None


def assert_on_customer_pages(company: Company, name: str, expected: First) -> str:
    """Look for it on home, the upload page and in the API; return home's button."""
    period = PERIODS.get(name, MAY)
    admin = Client()
    admin.force_login(company.people["admin"])
    upload = main_of(admin, f"/upload?period={period}")
    first = f"{expected.answer} {expected.request}".strip()
    assert first in upload
    assert expected.turn in upload
    row = desk_row(company, name)
    assert not row.covered or covered_text(row.covered, row.owed) in upload
    api: dict[str, Any] = admin.get(f"/api/v1/periods/{period}").json()
    assert (api["headline"], api["request"]) == (expected.answer, expected.request)
    if name in OTHERS_FIRST:
        return expected.button
    home = main_of(admin, "/")
    seen = f"{first} {expected.standing} {expected.turn}"
    assert home.startswith(f"Home Subscription Usage Upload {seen}")
    return primary_button(admin, "/")


def assert_on_staff_pages(
    company: Company, name: str, text: PeriodText, *, is_reminded: bool
) -> None:
    period = PERIODS.get(name, MAY)
    row = desk_row(company, name)
    badge = period_text.badge(row.standing, turn=row.turn, is_waived=row.is_waived)
    assert (row.turn, *badge) == (text.turn, text.mark, text.standing)
    clerk = staff_client(StaffRole.CLERK)
    assert text.standing in main_of(clerk, f"/staff/?period={period}")
    tenant = main_of(clerk, f"/staff/tenants/{company.number}?period={period}")
    assert text.standing in tenant
    assert turn_text(text.turn, Reader.STAFF) in tenant
    assert not row.covered or covered_text(row.covered, row.owed) in tenant
    # A button is there for what would be done, and decisions are those of the staff.
    assert ("Remind now" in tenant) == is_reminded
    if text.step is Step.CONFIRM_KEYS:
        assert "decision" not in tenant
        assert "1 key waits for the tenant." in tenant
    # The row of a later period names this one, and leads to it.
    later = clerk.get(f"/staff/?period={JUNE}").content.decode()
    link = (
        f'<a href="/staff/tenants/{company.number}?period={MAY}">May 2026 is late</a>'
    )
    assert (link in later) == (text.standing == "Late")
    api = clerk.get(f"/api/v1/staff/standings?period={period}").json()
    assert {one["number"]: one["turn"] for one in api["tenants"]} == {
        company.number: text.turn.value
    }
