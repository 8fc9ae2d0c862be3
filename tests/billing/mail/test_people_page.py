"""The page *People and reminders*: mail choices, sent mails, a private calendar."""

import re
from collections.abc import Iterator
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from billing.coverage.periods import Period
from billing.deadline_feed import ical
from billing.models import CalendarAddress, Reminder
from billing.periods import deadlines, open_periods
from billing.reminders import plan as reminder_plan
from billing.reminders import send as reminder_send
from portal.db import unit_of_work
from portal.models import AuditEntry, Membership, User
from tests.billing.lateness.late_tenants import HOUR, open_short
from tests.billing.reminders.tenant_with_gaps import DEADLINE, send_days
from tests.builders import NOW, Company

ENDED = datetime(2026, 5, 28, 9, tzinfo=ZoneInfo("Europe/Berlin"))


@pytest.fixture(autouse=True)
def _opened(alice: Company) -> Iterator[None]:
    open_periods.open_current_periods(today=date(2026, 5, 20), at=NOW)
    mail.outbox.clear()
    yield
    mail.outbox.clear()


def signed_in(company: Company, role: str) -> Client:
    client = Client()
    client.force_login(company.people[role])
    return client


def page(client: Client) -> str:
    return client.get("/people").content.decode()


def choice(company: Company, role: str) -> bool | None:
    with unit_of_work.acting_for(company.id, reading=True):
        return Membership.objects.get(user=company.people[role]).gets_reminders


def remind(at: datetime = ENDED) -> list[str]:
    """Plan and send; return who has a reminder."""
    reminder_plan.plan_reminders(at=at)
    while reminder_send.send_waiting(now=lambda: at):
        pass
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        rows = Reminder.objects.order_by("recipient")
        return list(rows.values_list("recipient", flat=True))


def test_a_member_chooses_for_oneself_and_an_admin_for_others(alice: Company) -> None:
    viewer, admin = signed_in(alice, "viewer"), signed_in(alice, "admin")
    answer = viewer.post("/people/own-mails", {"wanted": "yes"}, follow=True)
    assert "gets the reminders" in answer.content.decode()
    assert choice(alice, "viewer") is True
    uploader = alice.people["uploader"]
    admin.post("/people/mails", {"person": uploader.pk, "wanted": "yes"})
    admin.post("/people/own-mails", {"wanted": "no"})
    assert remind() == sorted([alice.people["viewer"].email, uploader.email])


def test_mails_about_statements_are_a_choice_of_their_own(alice: Company) -> None:
    viewer, admin = signed_in(alice, "viewer"), signed_in(alice, "admin")
    assert "You get reminders, and mails about statements." in page(admin)
    assert "You get no reminders, and no mails about statements." in page(viewer)
    wanted = {"kind": "statements", "wanted": "yes"}
    answer = viewer.post("/people/own-mails", wanted, follow=True).content.decode()
    assert "viewer of Alice Assurance gets mails about statements." in answer
    assert "You get mails about statements, and no reminders." in answer
    uploader = {"person": alice.people["uploader"].pk}
    admin.post("/people/mails", {**wanted, **uploader})
    unwanted = {"kind": "statements", "wanted": "no"}
    answer = admin.post("/people/own-mails", unwanted, follow=True).content.decode()
    assert "gets no mails about statements any more." in answer
    assert "You get reminders, and no mails about statements." in answer
    with unit_of_work.acting_for(alice.id, reading=True):
        found = Membership.objects.values_list(
            "role", "gets_reminders", "gets_statements"
        )
        assert set(found) == {
            ("admin", None, False),
            ("uploader", None, True),
            ("viewer", None, True),
        }
        act = AuditEntry.objects.filter(act="statement-mails-chosen")
        assert act.count() == 3
    # Who is no admin has no button for others.
    assert 'name="person"' not in page(viewer)
    assert page(admin).count('name="person"') == 6
    assert viewer.post("/people/mails", {**unwanted, **uploader}).status_code == 403
    for path in ("/people/own-mails", "/people/mails"):
        given = {**uploader, "wanted": "no", "kind": "gets_digest"}
        assert admin.post(path, given).status_code == 404


def test_who_is_no_admin_chooses_for_nobody_else(alice: Company) -> None:
    viewer = signed_in(alice, "viewer")
    other = alice.people["uploader"].pk
    assert viewer.post("/people/mails", {"person": other}).status_code == 403
    assert (
        viewer.post("/people/late-contact", {"address": "x@y.example"}).status_code
        == 403
    )
    assert choice(alice, "uploader") is None


@pytest.mark.parametrize("person", ["", "x", "9" * 30, "0"])
def test_nobody_who_is_no_member_is_chosen_for(alice: Company, person: str) -> None:
    answer = signed_in(alice, "admin").post("/people/mails", {"person": person})
    assert answer.status_code == 404


def test_charlies_people_are_not_alices_to_choose_for(
    alice: Company, charlie: Company
) -> None:
    admin = signed_in(alice, "admin")
    theirs = charlie.people["admin"].pk
    answer = admin.post("/people/mails", {"person": theirs, "wanted": "no"})
    assert answer.status_code == 404
    assert choice(charlie, "admin") is None
    remind()
    shown = page(signed_in(charlie, "admin"))
    assert alice.people["admin"].email not in shown
    assert alice.number not in shown


def test_the_mails_to_a_tenant_are_listed(alice: Company) -> None:
    assert "No mails yet" in page(signed_in(alice, "viewer"))
    remind()
    shown = page(signed_in(alice, "viewer"))
    assert alice.people["admin"].email in shown
    assert "28 Apr" in shown or "28 April" in shown


# The calendar


def make(client: Client) -> str:
    """Make an address; return its path."""
    shown = client.post("/people/calendar", {"what": "make"}).content.decode()
    (secret,) = set(re.findall(r"/calendar/([\w-]{20,})\.ics", shown))
    return reverse("calendar-feed", kwargs={"secret": secret})


def unfolded(text: str) -> list[str]:
    return text.replace("\r\n ", "").split("\r\n")


def test_a_private_address_gives_the_deadlines_and_nothing_else(
    alice: Company,
) -> None:
    path = make(signed_in(alice, "viewer"))
    answer = Client().get(path)
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/calendar")
    assert "no-store" in answer["Cache-Control"]
    text = answer.content.decode()
    assert text.endswith("END:VCALENDAR\r\n")
    assert "\n" not in text.replace("\r\n", "")
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    lines = unfolded(text)
    # Due on 3 June, and late from the midnight that begins the 5th in Berlin.
    assert "DTSTART;VALUE=DATE:20260603" in lines
    assert "DTSTART:20260604T220000Z" in lines
    # Whoever acts for several customers sees whose they are.
    assert f"SUMMARY:{alice.number}\\, usage files for 28 April to 27 May: late" in text
    for secret in ("IC01", "Alice", alice.people["viewer"].email):
        assert secret not in text


def test_the_calendar_says_what_is_true_when_it_is_asked_for(db: None) -> None:
    company = open_short("A-1")
    open_periods.open_current_periods(today=date(2026, 5, 20), at=NOW)

    def summaries(at: datetime) -> list[str]:
        with unit_of_work.acting_for(company.id, reading=True):
            events = ical.feed_events(at=at)
        return [one.summary for one in events if "28 April" in one.summary]

    late = DEADLINE + HOUR
    span = "A-1, usage files for 28 April to 27 May"
    asked = f"{span}: due by the end of Wed 3 June"
    now_late = f"{span}: late from Fri 5 June, 00:00"
    assert summaries(ENDED) == summaries(late) == [asked, now_late]
    send_days(company)
    done = ["A-1, usage files for 28 April to 27 May: everything is here"]
    assert summaries(ENDED) == summaries(late) == done


def test_the_tile_counts_members_and_who_gets_reminders(alice: Company) -> None:
    client = signed_in(alice, "viewer")
    assert "3 members; 1 gets reminders." in client.get("/").content.decode()
    client.post("/people/own-mails", {"wanted": "yes"})
    assert "3 members; 2 get reminders." in client.get("/").content.decode()


def test_an_event_keeps_its_name_and_moves_with_an_extension(alice: Company) -> None:
    def found() -> dict[str, str]:
        with unit_of_work.acting_for(alice.id, reading=True):
            events = ical.feed_events(at=NOW)
        return {event.uid: event.at.isoformat() for event in events}

    before = found()
    deadlines.extend(
        *(alice.id, Period(2026, 5)),
        to=date(2026, 6, 10),
        by="clerk",
        at=NOW,
        reason="Ill.",
    )
    after = found()
    assert before.keys() == after.keys()
    moved = {uid for uid in before if before[uid] != after[uid]}
    assert [uid.split("-")[0] for uid in moved] == ["late"]


def test_an_address_made_anew_or_removed_opens_nothing(alice: Company) -> None:
    viewer = signed_in(alice, "viewer")
    first = make(viewer)
    second = make(viewer)
    assert Client().get(first).status_code == 404
    assert Client().get(second).status_code == 200
    viewer.post("/people/calendar", {"what": "remove"})
    assert Client().get(second).status_code == 404
    assert Client().get("/calendar/x.ics").status_code == 404
    with unit_of_work.acting_for(alice.id, reading=True):
        assert not CalendarAddress.objects.exists()


@pytest.mark.parametrize("leaves", ["membership", "person"])
def test_who_has_left_opens_nothing(alice: Company, leaves: str) -> None:
    path = make(signed_in(alice, "viewer"))
    with unit_of_work.acting_for(unit_of_work.STAFF):
        if leaves == "person":
            User.objects.filter(pk=alice.people["viewer"].pk).update(is_active=False)
        else:
            Membership.objects.filter(user=alice.people["viewer"]).delete()
    assert Client().get(path).status_code == 404


def test_the_address_itself_is_kept_nowhere(alice: Company) -> None:
    path = make(signed_in(alice, "viewer"))
    secret = path.removeprefix("/calendar/").removesuffix(".ics")
    with unit_of_work.acting_for(alice.id, reading=True):
        [kept] = CalendarAddress.objects.values_list("digest", flat=True)
    assert secret.encode() not in bytes(kept)
    assert secret not in page(signed_in(alice, "viewer"))
