"""A tenant's new zone changes the deadlines of later periods, not of open ones."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core import mail
from django.test import Client

from billing.coverage.periods import Period
from billing.models import LateFlag
from billing.periods import change_zone
from billing.periods import open_periods as period_open_periods
from billing.reminders import plan as reminder_plan
from billing.reminders import send_now
from billing.reminders.send_now import NotReminded
from portal.db import unit_of_work
from portal.errors import Refused
from portal.models import AuditEntry, StaffRole, Tenant
from tests.billing.desk.bulk_page import read
from tests.billing.lateness.late_tenants import (
    BEFORE,
    CHECKED,
    DUE,
    HOUR,
    MAY,
    broken_invariants,
    open_short,
    opened,
    run_check,
    summary_row,
)
from tests.billing.reminders.tenant_with_gaps import (
    open_periods,
    reminder_states,
    rows,
    run,
)
from tests.billing.staff.staff_clients import staff_client
from tests.builders import NOW, Company
from tests.portal.mail.sent_mails import sent

JUNE = Period(2026, 6)
WEST, EAST = "America/Los_Angeles", "Pacific/Auckland"
PAGE = "/staff/tenants/L-1"
MOVED = {"zone": WEST, "reason": "They moved."}


@pytest.fixture
def company(db: None, settings: Any) -> Iterator[Company]:
    """Two days are missing, two days before the deadline; June has not opened."""
    settings.INBOX_BUCKET = ""
    with time_machine.travel(BEFORE):
        made = open_short("L-1")
        open_periods()
        mail.outbox.clear()
        yield made
    mail.outbox.clear()


def zone_of(company: Company) -> str:
    with unit_of_work.acting_for(company.id, reading=True):
        return Tenant.objects.get().zone


def move(company: Company, zone: str = WEST, at: datetime = NOW) -> None:
    change_zone.change_zone(company.id, zone=zone, by="clerk", at=at, reason="Moved.")


def open_june() -> None:
    period_open_periods.open_current_periods(today=date(2026, 6, 2), at=BEFORE)


def shown(client: Client, path: str) -> str:
    return read(client.get(path).content.decode())


def morning(zone: str, day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 9, tzinfo=ZoneInfo(zone))


def test_a_clerk_changes_it_and_the_page_says_before_what_that_does(
    company: Company, clerk: Client
) -> None:
    said = shown(clerk, f"{PAGE}/zone")
    assert (
        "The zone is Europe/Berlin now. A new zone applies to periods that open" in said
    )
    assert "Correct the zone of an open period" in said
    answer = clerk.post(f"{PAGE}/zone", MOVED, follow=True)
    assert "Those that are open keep theirs." in answer.content.decode()
    assert zone_of(company) == WEST
    with unit_of_work.acting_for(company.id, reading=True):
        entry = AuditEntry.objects.get(act="tenant-zone-changed")
    assert (entry.actor, entry.subject) == ("clerk@vendor.example", "L-1")
    assert entry.details == {"zone": WEST, "was": "Europe/Berlin", **_reason()}


def _reason() -> dict[str, str]:
    return {"reason": MOVED["reason"]}


def test_an_auditor_may_not(company: Company) -> None:
    auditor = staff_client(StaffRole.AUDITOR)
    assert (
        "/staff/tenants/L-1/zone"
        not in auditor.get(f"{PAGE}/settings").content.decode()
    )
    assert auditor.get(f"{PAGE}/zone").status_code == 403
    assert auditor.post(f"{PAGE}/zone", MOVED).status_code == 403
    assert zone_of(company) == "Europe/Berlin"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"zone": "Mars/Olympus"}, "is not a time zone"),
        ({"zone": "Europe/Berlin"}, "That is so already"),
        ({"reason": " "}, "A decision needs a reason"),
    ],
)
def test_what_makes_no_change_is_told(
    company: Company, clerk: Client, changes: dict[str, str], words: str
) -> None:
    answer = clerk.post(f"{PAGE}/zone", MOVED | changes, follow=True)
    assert words in answer.content.decode()
    assert zone_of(company) == "Europe/Berlin"


def test_below_the_endpoint_there_has_to_be_such_a_zone(company: Company) -> None:
    with pytest.raises(Refused) as refusal:
        move(company, "Mars/Olympus")
    assert refusal.value.code == "zone-unknown"
    assert zone_of(company) == "Europe/Berlin"


def test_what_is_open_keeps_its_deadline_and_what_opens_later_does_not(
    company: Company, clerk: Client
) -> None:
    before = summary_row(company)
    move(company)
    open_june()
    assert (opened(company).deadline_at, opened(company).zone) == (DUE, "Europe/Berlin")
    after = summary_row(company)
    assert (after.deadline_at, after.missing_from) == (DUE, before.missing_from)
    # The midnight that ends 4 July in Los Angeles.
    due = datetime(2026, 7, 5, 7, tzinfo=UTC)
    assert (opened(company, JUNE).deadline_at, opened(company, JUNE).zone) == (
        *(due, WEST),
    )
    assert broken_invariants(BEFORE) == set()
    viewer = Client()
    viewer.force_login(company.people["viewer"])
    may, june = f"?period={MAY}", f"?period={JUNE}"
    assert "Fri 5 June 2026, 00:00 CEST" in shown(clerk, f"/staff/{may}")
    assert "Sun 5 July 2026, 00:00 PDT" in shown(clerk, f"/staff/{june}")
    own = shown(viewer, f"/upload{may}")
    assert "late from Fri 5 June 2026, 00:00 in Berlin (CEST, UTC+2)" in own
    assert "Late from Fri 5 June, 00:00" in own
    own = shown(viewer, f"/upload{june}")
    assert "Late from Sun 5 July, 00:00" in own
    both = shown(clerk, PAGE)
    assert "Sun 5 July 2026, 00:00 PDT" in both
    assert "Fri 5 June 2026, 00:00 CEST" in both


def test_what_should_be_open_opens_first_as_it_was(db: None) -> None:
    company = open_short("L-2")
    move(company)
    assert (opened(company).deadline_at, opened(company).zone) == (DUE, "Europe/Berlin")


def test_a_late_flag_is_told_in_the_zone_of_its_period(
    company: Company, clerk: Client
) -> None:
    move(company)
    assert run_check(CHECKED) == 1
    for path in ("/staff/late", PAGE):
        assert "Fri 5 June 2026, 00:00 CEST" in shown(clerk, path)
    data = b"".join(clerk.get("/staff/late.csv").streaming_content)  # type: ignore[attr-defined]  # streamed
    assert "2026-06-05T00:00:00+02:00,Europe/Berlin" in data.decode()


# Mails


def test_a_mail_comes_in_the_new_morning_and_says_the_old_deadline(
    company: Company,
) -> None:
    move(company)
    target = morning(WEST, date(2026, 6, 3))
    assert reminder_plan.plan_reminders(at=target - HOUR) == 0
    run(target)
    (message,) = sent()
    assert "Fri 5 June 2026, 00:00, Berlin (CEST, UTC+2)" in message.body
    assert reminder_states(company) == [("target", "sent", "")]


@pytest.mark.parametrize(("first", "then"), [(WEST, EAST), (EAST, WEST)])
def test_who_moves_far_gets_one_mail_in_each_day_of_the_new_zone(
    company: Company, first: str, then: str
) -> None:
    move(company, first)
    open_june()
    # Weekly mails about May meet what there is about June.
    flag_of_may(company)
    at = morning(first, date(2026, 7, 2))
    run(at)
    move(company, then, at=at)
    zone = ZoneInfo(then)
    again = send_now.preview_remind_now([company.id], JUNE, at=at + HOUR)
    assert [one.why_not for one in again.selected] == [NotReminded.TODAY]
    for halves in range(1, 96):
        run(at + halves * HOUR / 2)
    days = [
        row.begun_at.astimezone(zone).date() for row in rows(company) if row.begun_at
    ]
    assert len(days) == len(set(days)) >= 2


def flag_of_may(company: Company) -> None:
    with unit_of_work.acting_for(company.id):
        LateFlag.objects.create(
            tenant_id=company.id,
            period=str(MAY),
            deadline_at=DUE,
            raised_at=DUE + HOUR,
            evidence=["2026-05-27 IC01"],
            still=["2026-05-27 IC01"],
        )
