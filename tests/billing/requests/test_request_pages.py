"""Pages for requests to owe less, and for staff to decide; without JavaScript."""

import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
import time_machine
from django.test import Client

from billing.coverage.licences import AUTOMATED, MANUAL
from billing.models import Excuse, LicenceRequest
from billing.requests import excuses
from billing.requests import licences as licence_requests
from portal.db import unit_of_work
from portal.models import StaffRole
from portal.tenants import create
from tests.billing.lateness.late_tenants import received_only
from tests.billing.requests.excuse_requests import may, send_all, send_until
from tests.builders import NOW, PASSWORD, Company
from tests.usage.files.customer_pages import queries_of, signed_in

AT = datetime(2026, 6, 2, 12, tzinfo=UTC)
HERE = "/excuses?period=2026-05&server=IC01"


@pytest.fixture(autouse=True)
def _at() -> Any:
    with time_machine.travel(AT, tick=False):
        yield


def staff(role: str) -> Client:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        person = create.add_person(
            email=f"{role}@vendor.example",
            name=role.title(),
            password=PASSWORD,
            staff_role=role,
            at=NOW,
        )
    client = Client(raise_request_exception=False)
    client.force_login(person)
    return client


def text(answer: Any) -> str:
    assert answer.status_code == 200, answer.status_code
    return str(answer.content.decode())


def send(client: Client, path: str, company: Company, **fields: Any) -> str:
    fields |= {"for-customer": company.number}
    return text(client.post(path, fields, follow=True))


def stored_excuses(company: Company) -> list[Excuse]:
    with unit_of_work.acting_for(company.id, reading=True):
        return list(Excuse.objects.order_by("pk"))


def request_excuse(client: Client, company: Company, **fields: Any) -> str:
    given = {"period": "2026-05", "server": "IC01", "reason": "The disk broke."}
    return send(client, "/excuses/ask", company, **(given | fields))


def test_each_lack_leads_to_its_excuse_for_admins(alice: Company) -> None:
    send_all(alice, without=frozenset({9, 30}))
    link = f"{HERE}&first=2026-05-27&last=2026-05-27".replace("&", "&amp;")
    admin = signed_in(alice, "admin")
    page = text(admin.get("/upload?period=2026-05"))
    assert f'href="{link}"' in page
    assert page.count("Request an excuse") == 2
    assert "Request an excuse" not in text(
        signed_in(alice).get("/upload?period=2026-05")
    )
    form = text(admin.get(link.replace("&amp;", "&")))
    assert 'value="2026-05-27" checked' in form
    assert 'value="2026-05-06" >' in form
    assert "Files 9 to 9 of <bdi>IC01</bdi>" in form
    assert "If you know the numbers of lost files, use the form below" in form
    # The open day of the calendar leads there too.
    page = text(admin.get("/upload?period=2026-05&server=IC01&day=2026-05-27"))
    assert page.count(f'href="{link}"') == 2
    page = text(admin.get("/upload?period=2026-05&server=IC01&day=2026-05-26"))
    assert page.count("Request an excuse for this day") == 0
    # A link to a server, or to a period in which one server lacks days, means all days.
    for address in (HERE, "/excuses?period=2026-05"):
        form = text(admin.get(address))
        assert form.count(" checked><span>") == form.count('name="days"') + 1 == 3


def test_links_to_excuses_of_a_server_without_judged_files_show_the_page(
    alice: Company,
) -> None:
    send_all(alice)
    received_only(alice, alice.writer("IC77").day(may(20)), at=AT)
    admin = signed_in(alice, "admin")
    page = text(admin.get("/upload?period=2026-05"))
    links = re.findall(r'href="(/excuses[^"]*)"', page)
    assert [link.partition("&amp;")[0] for link in links] == [
        "/excuses?period=2026-05"
    ] * 2
    assert "server=IC77" in links[0]
    for link in links:
        page = text(admin.get(link.replace("&amp;", "&")))
        assert 'name="days"' not in page
    given = {"period": "2026-05", "server": "IC77", "for-customer": alice.number}
    assert admin.post("/excuses/ask", given).status_code == 404


def test_an_admin_asks_for_days_and_withdraws(alice: Company) -> None:
    send_until(alice, may(25))
    admin = signed_in(alice, "admin")
    days = ["2026-05-26", "2026-05-27"]
    page = request_excuse(admin, alice, days=days, kind="down")
    (excuse,) = stored_excuses(alice)
    assert (excuse.days, excuse.kind) == ([may(26), may(27)], "down")
    assert "26 to 27 May 2026: the server was down" in page
    assert "waiting for the billing team" in page
    upload = text(admin.get("/upload?period=2026-05"))
    assert "1 excuse is waiting for the billing team." in upload
    send(admin, "/excuses/withdraw", alice, excuse=excuse.pk)
    assert stored_excuses(alice)[0].decision == "withdrawn"
    assert f"<bdi>{alice.people['admin'].email}</bdi>, <span" in text(
        admin.get("/excuses")
    )


def test_an_admin_asks_for_numbers(alice: Company) -> None:
    send_all(alice, without=frozenset({9, 10}))
    series = str(alice.server.series)
    page = request_excuse(
        signed_in(alice, "admin"), alice, series=series, first=9, last=10
    )
    (excuse,) = stored_excuses(alice)
    assert (excuse.first_sequence, excuse.last_sequence) == (9, 10)
    assert "numbers 9 to 10: it was written, and is lost" in page


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"days": ["2026-05-27"], "kind": "down", "reason": ""}, "required"),
    ({"days": ["2026-05-04"], "kind": "down"}, "not one of the available"),
    ({"days": ["rubbish"], "kind": "lost"}, "not one of the available"),
    ({"days": ["2026-05-27"], "kind": "stolen"}, "not one of the available"),
    ({"kind": "down"}, "required"),
    ({"series": "rubbish", "first": 1, "last": 1}, "valid UUID"),
    ({"first": 0, "last": "x"}, "greater than or equal to 1"),
    ({"first": 4, "last": 9}, "Not all of this is missing now"),
    ({"first": 9, "last": 2**63}, "less than or equal"),
]


def test_a_form_that_is_wrong_says_so_and_asks_for_nothing(alice: Company) -> None:
    send_all(alice, without=frozenset({9, 30}))
    admin = signed_in(alice, "admin")
    for wrong, said in WRONG:
        fields = wrong
        if "first" in wrong:
            fields = {"series": str(alice.server.series)} | wrong
        assert said in request_excuse(admin, alice, **fields), wrong
    assert stored_excuses(alice) == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/excuses?period=2026-13&server=IC01", 422),
        ("/excuses?period=2026-05&server=nobody", 404),
        ("/excuses?period=2026-05&server=%00", 200),
        ("/excuses?period=2026-05&server=IC01&first=2026-13-40&last=x", 200),
    ],
)
def test_addresses_that_somebody_typed(alice: Company, path: str, status: int) -> None:
    assert signed_in(alice, "admin").get(path).status_code == status


def test_charlies_admin_cannot_ask_for_alices_server(
    alice: Company, charlie: Company
) -> None:
    alice.registered("IC09")
    given = {"period": "2026-05", "server": "IC09", "for-customer": charlie.number}
    answer = signed_in(charlie, "admin").post("/excuses/ask", given)
    assert answer.status_code == 404
    send_until(alice, may(26))
    request_excuse(signed_in(alice, "admin"), alice, days=["2026-05-27"], kind="down")
    body = {"excuse": stored_excuses(alice)[0].pk, "for-customer": charlie.number}
    answer = signed_in(charlie, "admin").post("/excuses/withdraw", body)
    assert answer.status_code == 404
    assert "IC01" not in text(signed_in(charlie, "admin").get("/excuses"))


def test_staff_approve_and_refuse_excuses(alice: Company) -> None:
    send_until(alice, may(25))
    admin = signed_in(alice, "admin")
    for day in ("2026-05-26", "2026-05-27"):
        request_excuse(admin, alice, days=[day], kind="down")
    one, two = stored_excuses(alice)
    clerk = staff(StaffRole.CLERK)
    held = text(clerk.get("/staff/held"))
    assert f"/staff/tenants/A-100/to-decide#excuse-{one.pk}" in held
    assert 'To decide <span class="count">2</span>' in held
    assert held.index("26 May") < held.index("27 May")
    tenant = "/staff/tenants/A-100"
    page = text(clerk.post(f"{tenant}/excuses/{one.pk}/refuse", follow=True))
    assert "A decision needs a reason." in page
    text(clerk.post(f"{tenant}/excuses/{one.pk}/approve", follow=True))
    reason = {"reason": "It ran that day."}
    text(clerk.post(f"{tenant}/excuses/{two.pk}/refuse", reason, follow=True))
    assert [one.decision for one in stored_excuses(alice)] == ["approved", "refused"]
    page = text(clerk.post(f"{tenant}/excuses/{two.pk}/approve", follow=True))
    assert "your decision was not made" in page
    log = text(admin.get("/excuses"))
    assert "It ran that day." in log
    # Also of an answer without a reason it is told who gave it, and when.
    assert log.count("Billing team, ") == 1
    assert log.count("Billing team: ") == 1


def test_an_auditor_reads_and_has_no_buttons(alice: Company) -> None:
    send_until(alice, may(26))
    request_excuse(signed_in(alice, "admin"), alice, days=["2026-05-27"], kind="down")
    tenant, excuse = "/staff/tenants/A-100", stored_excuses(alice)[0].pk
    tab = f"{tenant}/to-decide"
    assert "Approve the excuse" in text(staff(StaffRole.CLERK).get(tab))
    auditor = staff(StaffRole.AUDITOR)
    seen = text(auditor.get(tab)) + text(auditor.get(f"{tenant}/settings"))
    assert "The disk broke." in seen
    assert "Approve the excuse" not in seen
    assert "Record these licences" not in seen
    answer = auditor.post(f"{tenant}/excuses/{excuse}/approve")
    assert answer.status_code == 403


def test_staff_record_licences(alice: Company) -> None:
    clerk = staff(StaffRole.CLERK)
    tenant = "/staff/tenants/A-100"
    given: dict[str, Any] = {"from_on": "2026-05-10", "keys": [AUTOMATED]}
    page = text(clerk.post(f"{tenant}/licences", given, follow=True))
    assert "The licences are recorded" in page
    assert '<time datetime="2026-05-10">from ' in page
    page = text(clerk.post(f"{tenant}/licences", given, follow=True))
    assert "That is so already." in page
    for wrong in ({"from_on": "1026-05-10"}, {"keys": ["x"], "from_on": "2026-05-10"}):
        text(clerk.post(f"{tenant}/licences", wrong, follow=True))
    with unit_of_work.acting_for(alice.id, reading=True):
        history = [(one.from_on, one.keys) for one in licence_requests.changes()]
    assert history == [(may(10), [AUTOMATED]), (date(2026, 4, 28), [MANUAL])]


def test_home_names_the_upload_mode_and_keys_that_contradict(alice: Company) -> None:
    viewer = signed_in(alice)
    home = text(viewer.get("/"))
    assert "Manual upload since Tue 28 April 2026." in home
    assert "keys that contradict each other" not in home
    given = {"from_on": "2026-05-10", "keys": [AUTOMATED, MANUAL]}
    staff(StaffRole.CLERK).post("/staff/tenants/A-100/licences", given)
    home = text(viewer.get("/"))
    assert "Manual upload since Tue 28 April 2026." in home
    assert "keys that contradict each other" in home


def test_an_admin_asks_for_licences_and_staff_answer(alice: Company) -> None:
    admin, clerk = signed_in(alice, "admin"), staff(StaffRole.CLERK)
    fields: dict[str, Any] = {"keys": [AUTOMATED], "from_on": "2026-06-01"}
    page = send(admin, "/licences/ask", alice, **fields)
    assert "A decision needs a reason." in page
    fields["reason"] = "A new contract."
    page = send(admin, "/licences/ask", alice, **fields)
    assert "Your request is waiting for the billing team." in page
    assert "This was requested already" in send(admin, "/licences/ask", alice, **fields)
    with unit_of_work.acting_for(alice.id, reading=True):
        (request,) = LicenceRequest.objects.all()
    assert f"#licences-{request.pk}" in text(clerk.get("/staff/held"))
    tenant = f"/staff/tenants/A-100/licence-requests/{request.pk}"
    text(clerk.post(f"{tenant}/approve", follow=True))
    assert "Automated upload since Mon 1 June 2026." in text(admin.get("/licences"))
    # More is owed at once.
    page = send(admin, "/licences/ask", alice, keys=[MANUAL], from_on="2026-06-02")
    assert "The licences are changed." in page
    page = send(admin, "/licences/ask", alice, from_on="2026-06-02", reason="None.")
    with unit_of_work.acting_for(alice.id, reading=True):
        request = LicenceRequest.objects.get(decision="")
    send(admin, "/licences/withdraw", alice, request=request.pk)
    assert "Change the licences" not in text(signed_in(alice).get("/licences"))


def test_pages_ask_the_same_however_much_was_asked_for(alice: Company) -> None:
    send_until(alice, may(20))
    admin, clerk = signed_in(alice, "admin"), staff(StaffRole.CLERK)
    pages = [(admin, "/upload?period=2026-05"), (admin, HERE)]
    pages += [(clerk, "/staff/held"), (clerk, "/staff/tenants/A-100/to-decide")]
    # The first page of a tenant that day is recorded as a visit.
    clerk.get("/staff/tenants/A-100/to-decide")
    counted = []
    for days in ([21], [22, 23, 24, 25]):
        for day in days:
            request_excuse(admin, alice, days=[f"2026-05-{day}"], kind="down")
        counted.append([queries_of(*page) for page in pages])
    assert counted[0] == counted[1]
    with unit_of_work.acting_for(alice.id, reading=True):
        assert excuses.open_excuses().count() == 5
