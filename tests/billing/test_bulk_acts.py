"""Acts for several tenants: shown first, changing nothing; then done, once."""

from collections.abc import Iterator
from datetime import date

import pytest
from django.core import mail
from django.test import Client

from billing import opening
from billing.models import TenantPeriod
from billing.reminder_row import Reminder
from portal import access
from portal.models import StaffRole, Tenant
from tests.billing.staff_people import staff_client
from tests.builders import NOW, Company

PERIOD = "2026-05"


@pytest.fixture(autouse=True)
def _opened(alice: Company, charlie: Company) -> Iterator[None]:
    opening.open_current_periods(today=date(2026, 5, 20), at=NOW)
    yield
    mail.outbox.clear()


@pytest.fixture
def clerk(db: None) -> Client:
    return staff_client(StaffRole.CLERK)


def wish(act: str, *who: Company, **more: str) -> dict[str, str | list[str]]:
    ids = [str(company.id) for company in who]
    return {"act": act, "period": PERIOD, "tenant": ids, **more}


def extended(company: Company) -> bool:
    with access.acting_for(company.id, reading=True):
        return TenantPeriod.objects.get(period=PERIOD).extended_to is not None


def reminders() -> list[str]:
    with access.acting_for(access.STAFF, reading=True):
        rows = Reminder.objects.order_by("recipient")
        return list(rows.values_list("recipient", flat=True))


def test_extending_says_the_new_deadline_and_changes_nothing_before_it_is_done(
    alice: Company, charlie: Company, clerk: Client
) -> None:
    more = {"to": "2026-06-10", "reason": "Your migration."}
    shown = clerk.get("/staff/selected", wish("extend", alice, charlie, **more))
    text = shown.content.decode()
    assert text.count("late from") == 2
    assert "11 June 2026, 00:00" in text
    assert not extended(alice)
    done = clerk.post("/staff/selected", wish("extend", alice, **more), follow=True)
    assert "deadline of 1 tenant is extended" in done.content.decode()
    assert (extended(alice), extended(charlie)) == (True, False)
    # What would change nothing any more is left alone.
    again = clerk.post("/staff/selected", wish("extend", alice, **more), follow=True)
    assert "Nothing was to be done" in again.content.decode()


@pytest.mark.parametrize(
    ("to", "reason", "words"),
    [
        ("2026-06-10", "", "A decision needs a reason"),
        ("soon", "Why.", "Enter a valid date"),
        ("2026-06-01", "Why.", "its deadline is not earlier"),
        ("2028-01-01", "Why.", "more than a year later"),
    ],
)
def test_what_makes_no_extension_is_told(
    alice: Company, clerk: Client, to: str, reason: str, words: str
) -> None:
    given = wish("extend", alice, to=to, reason=reason)
    assert words in clerk.get("/staff/selected", given).content.decode()
    clerk.post("/staff/selected", given)
    assert not extended(alice)


def test_reminding_names_whom_and_is_done_once(
    alice: Company, charlie: Company, clerk: Client
) -> None:
    for data in charlie.server.days(date(2026, 4, 28), date(2026, 5, 27)):
        charlie.send(data)
    given = wish("remind", alice, charlie)
    text = clerk.get("/staff/selected", given).content.decode()
    assert alice.people["admin"].email in text
    assert "Nothing is missing" in text
    assert charlie.people["admin"].email not in text
    assert reminders() == []
    for _ in range(2):
        clerk.post("/staff/selected", given)
    assert reminders() == [alice.people["admin"].email]


def test_while_mail_is_stopped_the_page_says_so(alice: Company, clerk: Client) -> None:
    clerk.post("/staff/mail/stop", {"reason": "Wait."})
    text = clerk.get("/staff/selected", wish("remind", alice)).content.decode()
    assert "all mail is stopped" in text


def test_nobody_and_nothing_are_told(alice: Company, clerk: Client) -> None:
    text = clerk.get("/staff/selected", wish("remind")).content.decode()
    assert "No tenant is selected" in text
    for given in (wish("punish", alice), {"act": "remind", "tenant": "1"}):
        assert clerk.get("/staff/selected", given).status_code == 404
    odd = wish("remind") | {"tenant": ["x", "9" * 30, "-1"]}
    assert "No tenant is selected" in clerk.get("/staff/selected", odd).content.decode()


def test_an_auditor_acts_for_nobody(alice: Company) -> None:
    auditor = staff_client(StaffRole.AUDITOR)
    assert auditor.get("/staff/selected", wish("remind", alice)).status_code == 403
    assert auditor.post("/staff/selected", wish("remind", alice)).status_code == 403
    desk = auditor.get(f"/staff/?period={PERIOD}").content.decode()
    assert "Remind now" not in desk
    assert alice.number in desk


# What is shown of one tenant and period


def test_a_tenants_page_shows_the_period_that_is_asked_for(
    alice: Company, clerk: Client
) -> None:
    first, *_ = alice.server.days(date(2026, 4, 28), date(2026, 5, 2))
    alice.send(first)
    clerk.post("/staff/selected", wish("remind", alice))
    address = f"/staff/tenants/{alice.number}"
    text = clerk.get(address, {"period": PERIOD}).content.decode()
    assert "28 April to 27 May" in text
    assert "Who was told" in text
    assert alice.people["admin"].email in text
    assert 'aria-label="IC01, ' in text
    assert clerk.get(address, {"period": "x"}).status_code == 422
    assert clerk.get(address).status_code == 200


def test_the_export_is_narrowed_as_the_list_and_no_formula(
    alice: Company, charlie: Company, clerk: Client
) -> None:
    with access.acting_for(access.STAFF):
        Tenant.objects.filter(pk=alice.id).update(name="=1+1")
    every = _export(clerk, period=PERIOD)
    assert alice.number in every
    assert charlie.number in every
    assert ",=1+1" not in every
    one = _export(clerk, period=PERIOD, q=charlie.number)
    assert alice.number not in one
    ticked = _export(clerk, period=PERIOD, tenant=str(alice.id))
    assert charlie.number not in ticked


def _export(client: Client, **query: str) -> str:
    answer = client.get("/staff/desk.csv", query)
    return b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]  # a stream's
