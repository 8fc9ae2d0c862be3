"""The tabs of a tenant's staff page: each has its address and loads its own content."""

import re
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billing.lateness.forms import zone_names
from billing.notes import record
from billing.notes.record import NoteAuthor
from billing.periods import open_periods as period_open_periods
from portal.db import unit_of_work
from portal.models import AuditEntry, StaffRole, Tenant
from tests.billing.lateness.late_tenants import (
    CHECKED,
    flag,
    open_periods,
    open_short,
    run_check,
)
from tests.billing.staff.staff_clients import staff, staff_client
from tests.billing.staff.staff_data import DAY, held_file, many
from tests.builders import NOW, Company

HERE = "/staff/tenants/A-100"

# The tables that each tab is about: no other tab but those named here reads them.
TABLES = {
    "usage_serverkey": {"", "/servers", "/to-decide"},
    "usage_sealingkey": {"/servers"},
    "portal_apitoken": {"/automation"},
    "portal_auditentry": {"/history", "/to-decide"},
    "portal_membership": {"/people"},
    "usage_upload": {"/automation"},
    "usage_accessresult": {"/automation"},
    "usage_inboxlisting": {"/automation"},
    "billing_excuse": {"", "/to-decide"},
    "billing_periodrollup": {"", "/to-decide"},
    "billing_currentstatement": {""},
    "billing_reminder": {"", "/mail"},
}

# Queries of each tab, with those that find out who calls, record the visit, and load
# the navigation.
QUERIES = {
    "": 53,
    "/to-decide": 46,
    "/files": 22,
    "/servers": 23,
    "/automation": 24,
    "/people": 19,
    "/mail": 22,
    "/settings": 22,
    "/notes": 22,
    "/history": 27,
}


@pytest.fixture
def late(alice: Company, settings: Any) -> Company:
    """A tenant with a flag, held files, and more than one of everything."""
    settings.INBOX_BUCKET = ""
    held_file(alice)
    alice.send(alice.server.day(DAY))
    open_periods()
    assert run_check(CHECKED) == 1
    return alice


def queries_of(client: Client, address: str) -> list[str]:
    with CaptureQueriesContext(connection) as asked:
        assert client.get(address).status_code == 200
    return [one["sql"] for one in asked]


def own_part(queries: list[str]) -> str:
    """Return the queries in units of work for the tenant, as one text.

    The others find out who calls, and load the head and the navigation, for the staff.
    """
    units = re.split(r"(?=BEGIN)", "\n".join(queries))
    return "\n".join(one for one in units if "portal_tenant'" in one)


def test_every_tab_is_a_page_and_names_itself_as_the_current_one(
    late: Company, clerk: Client
) -> None:
    for tab in QUERIES:
        page = clerk.get(f"{HERE}{tab}").content.decode()
        nav = page.partition('aria-label="About this tenant"')[2].partition("</nav>")[0]
        links = re.findall(r'<a href="([^"]+)"( aria-current="page")?>', nav)
        assert [link for link, _ in links] == [f"{HERE}{one}" for one in _in_order()]
        assert [link for link, is_current in links if is_current] == [f"{HERE}{tab}"]


def _in_order() -> list[str]:
    tabs = (
        "/to-decide /files /servers /automation /people /mail /settings /notes /history"
    )
    return ["", *tabs.split()]


def test_each_tab_runs_a_fixed_number_of_queries(late: Company, clerk: Client) -> None:
    clerk.get(HERE)  # the first visit of the day is recorded
    counted = {tab: len(queries_of(clerk, f"{HERE}{tab}")) for tab in QUERIES}
    assert counted == QUERIES


def test_the_queries_of_a_tab_do_not_grow_with_its_rows(
    late: Company, clerk: Client
) -> None:
    # The summary of the shown period is stale both times.
    period_open_periods.open_current_periods(today=date(2027, 2, 1), at=NOW)
    late.send(late.server.day(DAY + timedelta(days=1)))
    clerk.get(f"{HERE}/people")  # the first visit of the day is recorded
    few = {tab: len(queries_of(clerk, f"{HERE}{tab}")) for tab in QUERIES}
    for number in range(3):
        late.send(late.writer(f"NEW{number}").day(DAY))
        late.issue("read")
    for data in late.server.days(DAY + timedelta(days=2), DAY + timedelta(days=5)):
        late.send(data)
    more = {tab: len(queries_of(clerk, f"{HERE}{tab}")) for tab in QUERIES}
    assert more == few


def test_no_tab_loads_what_another_shows(late: Company, clerk: Client) -> None:
    for tab in QUERIES:
        own = own_part(queries_of(clerk, f"{HERE}{tab}"))
        loaded = {name for name in TABLES if f'FROM "{name}"' in own}
        assert loaded <= {name for name, tabs in TABLES.items() if tab in tabs}, tab


def test_no_tab_lists_the_zones_and_the_page_that_changes_one_does(
    late: Company, clerk: Client
) -> None:
    for tab in QUERIES:
        assert clerk.get(f"{HERE}{tab}").content.decode().count("<option") < 60, tab
    for page in ("zone", "correct-zone"):
        shown = clerk.get(f"{HERE}/{page}").content.decode()
        assert shown.count("<option value=") >= len(zone_names())


@pytest.mark.parametrize(
    ("typed", "zone", "said"),
    [
        ("tokyo", "Asia/Tokyo", "The zone is changed"),
        ("america/new york", "America/New_York", "The zone is changed"),
        ("Nowhere", "Europe/Berlin", "“Nowhere” is not a time zone"),
        ("", "Europe/Berlin", "This field is required"),
    ],
)
def test_a_zone_is_typed_by_its_name_or_its_place(
    alice: Company, clerk: Client, typed: str, zone: str, said: str
) -> None:
    fields = {"zone": typed, "reason": "They moved."}
    answer = clerk.post(f"{HERE}/zone", fields, follow=True)
    assert said in answer.content.decode()
    with unit_of_work.acting_for(alice.id, reading=True):
        assert Tenant.objects.get().zone == zone


def test_the_tab_shows_the_number_of_decisions(late: Company, clerk: Client) -> None:
    tabs = clerk.get(HERE).content.decode().partition("About this tenant")[2]
    assert 'To decide <span class="count">1</span>' in tabs.partition("</nav>")[0]
    many(1)
    other = clerk.get("/staff/tenants/900000").content.decode()
    tabs = other.partition("About this tenant")[2].partition("</nav>")[0]
    assert "count" not in tabs


def test_actions_lead_back_to_the_tab_of_their_form(
    late: Company, clerk: Client
) -> None:
    key, flag_id = f"{HERE}/server-keys/1/confirm", flag(late).pk
    for path, tab in (
        (f"{HERE}/key", "/servers"),
        (f"{HERE}/licences", "/settings"),
        (f"{HERE}/flags/{flag_id}/waive", "/to-decide"),
        (key, "/to-decide"),
        (f"{HERE}/extend", ""),
    ):
        assert clerk.post(path)["Location"] == f"{HERE}{tab}", path


def test_the_history_is_the_audit_trail_page_by_page(
    alice: Company, clerk: Client
) -> None:
    for _ in range(60):
        clerk.post(f"{HERE}/key")
    first = clerk.get(f"{HERE}/history").content.decode()
    with unit_of_work.acting_for(alice.id, reading=True):
        last = AuditEntry.objects.filter(tenant=alice.id).count()
    shown = re.findall(r"<br>entry (\d+)<", first)
    assert shown == [str(last - number) for number in range(50)]
    assert "</bdi> (billing staff) issued the sealing key" in first
    assert f"Checked up to entry {last} at" in first
    older = re.search(r'href="(\?before=\d+-\d+)"', first)
    assert older is not None
    second = clerk.get(f"{HERE}/history{older[1]}").content.decode()
    assert re.findall(r"<br>entry (\d+)<", second)[0] == str(last - 50)
    assert "opened the tenant" in second
    # The staff's own trail is not a tenant's.
    assert "note-written" not in first + second


# Notes


def note_about(company: Company, text: str, by: Any) -> int:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        tenant = Tenant.objects.get(pk=company.id)
    author = NoteAuthor(user_id=by.pk, name=by.email)
    return record.write_note(tenant, text=text, author=author, at=NOW).pk


def test_a_clerk_writes_a_note_of_several_lines_and_it_is_seen_on_every_tab(
    alice: Company, clerk: Client
) -> None:
    fields = {"text": "Called Ida.\nSends <on> Monday."}
    page = clerk.post(f"{HERE}/notes", fields, follow=True).content.decode()
    assert "Called Ida.<br>Sends &lt;on&gt; Monday." in page
    assert "clerk@vendor.example" in page
    for tab in QUERIES:
        shown = clerk.get(f"{HERE}{tab}").content.decode()
        assert "Called Ida." in shown, tab
        assert 'Notes <span class="count">1</span>' in shown, tab


def test_notes_are_listed_newest_first(alice: Company, clerk: Client) -> None:
    for text in ("First words.", "Second words."):
        clerk.post(f"{HERE}/notes", {"text": text})
    page = clerk.get(f"{HERE}/notes").content.decode()
    assert page.index("Second words.") < page.index("First words.")
    assert (
        "A note needs a text."
        in clerk.post(f"{HERE}/notes", {"text": " "}).content.decode()
    )


def test_a_note_is_corrected_and_withdrawn_by_its_author_and_the_trail_stays(
    alice: Company, clerk: Client
) -> None:
    clerk.post(f"{HERE}/notes", {"text": "Wrong."})
    (number,) = re.findall(r"/notes/(\d+)/withdraw", _notes(clerk))
    note = f"{HERE}/notes/{number}"
    assert "Wrong." in clerk.get(note).content.decode()
    clerk.post(note, {"text": "Right."})
    page = _notes(clerk)
    assert "Right." in page
    assert "Corrected " in page
    assert "Wrong." not in page
    clerk.post(f"{note}/withdraw")
    page = _notes(clerk)
    assert "Withdrawn by its author" in page
    assert "Right." not in page
    assert clerk.post(f"{note}/withdraw").status_code == 404
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        trail = AuditEntry.objects.filter(tenant=None).order_by("number")
        kept = [(one.act, one.subject, one.details["text"]) for one in trail]
    assert kept == [
        ("note-written", "A-100", "Wrong."),
        ("note-corrected", "A-100", "Right."),
        ("note-withdrawn", "A-100", ""),
    ]


def _notes(client: Client) -> str:
    return client.get(f"{HERE}/notes").content.decode()


def test_a_note_of_somebody_else_is_not_changed(
    alice: Company, charlie: Company, clerk: Client
) -> None:
    note = note_about(alice, "Mine.", by=staff(StaffRole.AUDITOR))
    for path in (f"{HERE}/notes/{note}", f"/staff/tenants/C-300/notes/{note}"):
        assert clerk.get(path).status_code == 404
        assert clerk.post(path, {"text": "Yours."}).status_code == 404
        assert clerk.post(f"{path}/withdraw").status_code == 404
    page = _notes(clerk)
    assert "Mine." in page
    assert "/withdraw" not in page


def test_an_auditor_reads_notes_and_writes_none(alice: Company, clerk: Client) -> None:
    clerk.post(f"{HERE}/notes", {"text": "Read this."})
    auditor = staff_client(StaffRole.AUDITOR)
    page = _notes(auditor)
    assert "Read this." in page
    assert "method=" not in page.partition("<main")[2]
    assert auditor.post(f"{HERE}/notes", {"text": "No."}).status_code == 403
    assert "No." not in _notes(auditor)


def test_a_tenant_sees_no_note_on_any_page_and_in_no_answer(
    alice: Company, clerk: Client, api: Any
) -> None:
    clerk.post(f"{HERE}/notes", {"text": "Zanzibar."})
    admin = Client()
    admin.force_login(alice.people["admin"])
    for path in ("/", "/upload", "/files", "/servers", "/people", "/licences"):
        assert "Zanzibar" not in admin.get(path).content.decode(), path
    assert admin.get(f"{HERE}/notes").status_code == 403
    for path in ("/files", "/servers", "/periods"):
        answer = api("GET", path, token=alice.issue("read"))
        assert answer.status_code == 200
        assert "Zanzibar" not in answer.content.decode()


def test_a_flag_of_the_shown_period_leads_to_its_decision(
    db: None, clerk: Client, settings: Any
) -> None:
    settings.INBOX_BUCKET = ""
    company = open_short("L-1")
    open_periods()
    assert run_check(CHECKED) == 1
    page = clerk.get("/staff/tenants/L-1?period=2026-05").content.decode()
    link = f"/staff/tenants/L-1/to-decide#flag-{flag(company).pk}"
    assert f'href="{link}"' in page


def test_the_last_note_is_seen_where_a_file_or_a_flag_is_decided(
    late: Company, clerk: Client
) -> None:
    for text in ("Old words.", "New words."):
        clerk.post(f"{HERE}/notes", {"text": text})
    (file,) = [one for one in late.files() if one.state == "held"]
    for page in (f"/staff/held/{file.pk}", "/staff/late"):
        shown = clerk.get(page).content.decode()
        assert "New words." in shown, page
        assert "Old words." not in shown, page


def test_the_first_step_of_a_new_tenant_with_a_held_file_is_its_key(
    alice: Company, clerk: Client
) -> None:
    held_file(alice)
    page = clerk.get(HERE).content.decode()
    assert "Next: confirm the server" in page
    assert f'href="{HERE}/to-decide">Look at the key' in page
