"""The pages of the billing staff: access, and the content of their lists."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billing.staff.tenant_views import TENANTS_A_PAGE
from portal.accounts.caller import Permission
from portal.db import unit_of_work
from portal.http.endpoints import ENDPOINTS
from portal.models import StaffRole
from tests.billing.staff.staff_clients import signed_in, staff
from tests.billing.staff.staff_data import DAY, conflict, facts, held_file, many
from tests.builders import Company
from usage.files import names
from usage.models import SealingKey, UsageFile
from usage.review.queries import proposed_keys


@pytest.fixture
def clerk(db: None) -> Client:
    return signed_in(staff(StaffRole.CLERK))


@pytest.fixture
def auditor(db: None) -> Client:
    return signed_in(staff(StaffRole.AUDITOR))


def reading(company: Company, file: UsageFile) -> list[str]:
    """The addresses that show something."""
    tenant = f"/staff/tenants/{company.number}"
    pages = ["/staff/tenants", tenant, f"{tenant}/files", "/staff/held", "/staff/inbox"]
    return [*pages, f"/staff/held/{file.pk}"]


def acting(company: Company, file: UsageFile) -> list[str]:
    """The addresses that change something."""
    tenant = f"/staff/tenants/{company.number}"
    files = [
        f"/staff/held/{file.pk}/{act}"
        for act in ("day", "refuse", "choose", "both", "reopen")
    ]
    return [
        *files,
        "/staff/open-tenant",
        "/staff/inbox/1/retry",
        f"{tenant}/key",
        f"{tenant}/set-up",
        f"{tenant}/upload",
        f"{tenant}/people/invite",
        f"{tenant}/tokens/1/revoke",
        f"{tenant}/server-keys/2/confirm",
    ]


# Who may come in


def test_a_clerk_sees_every_page(alice: Company, clerk: Client) -> None:
    for address in reading(alice, held_file(alice)):
        assert clerk.get(address).status_code == 200, address


def test_an_auditor_sees_every_page_and_no_button_that_acts(
    alice: Company, auditor: Client
) -> None:
    file = held_file(alice)
    _, second = conflict(alice)
    for address in [*reading(alice, file), f"/staff/held/{second.pk}"]:
        answer = auditor.get(address)
        assert answer.status_code == 200, address
        page = answer.content.decode()
        main = page[page.index("<main") :]
        forms = [
            part for part in main.split("<form")[1:] if "method=" in part.split(">")[0]
        ]
        assert all("<button" not in form.split("</form>")[0] for form in forms)
        assert "/staff/open-tenant" not in main


def test_an_auditor_changes_nothing(alice: Company, auditor: Client) -> None:
    file = held_file(alice)
    before = facts(alice)
    for address in acting(alice, file):
        assert auditor.post(address, {"reason": "I say so"}).status_code == 403
    assert auditor.get("/staff/open-tenant").status_code == 403
    assert facts(alice) == before


@pytest.mark.parametrize("role", ["admin", "uploader", "viewer"])
def test_people_of_a_tenant_see_nothing_of_it(
    alice: Company, charlie: Company, role: str
) -> None:
    file = held_file(alice)
    before = facts(alice)
    for company in (alice, charlie):
        client = signed_in(company.people[role])
        for address in reading(alice, file):
            answer = client.get(address)
            assert answer.status_code == 403, address
            assert b"strange.usg" not in answer.content
        for address in acting(alice, file):
            assert client.post(address, {"reason": "I say so"}).status_code == 403
    assert facts(alice) == before


def test_nobody_is_asked_to_sign_in(alice: Company) -> None:
    file = held_file(alice)
    for address in reading(alice, file):
        answer = Client().get(address)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/sign-in")


def test_a_token_is_no_member_of_the_staff(alice: Company) -> None:
    headers = {"Authorization": f"Bearer {alice.issue('upload')}"}
    answer = Client(headers=headers).get("/staff/tenants")
    assert answer.status_code == 302


def test_a_forged_form_changes_nothing(alice: Company) -> None:
    client = signed_in(staff(StaffRole.CLERK), enforce_csrf_checks=True)
    file = held_file(alice)
    before = facts(alice)
    for address in acting(alice, file):
        assert client.post(address, {"reason": "I say so"}).status_code == 403, address
    assert facts(alice) == before


def test_what_there_is_not_is_not_found(alice: Company, clerk: Client) -> None:
    nothing = "11111111-1111-1111-1111-111111111111"
    for address in ("/staff/tenants/999", f"/staff/held/{nothing}"):
        assert clerk.get(address).status_code == 404
    for address in (
        "/staff/tenants/999/key",
        f"/staff/held/{nothing}/refuse",
        f"/staff/tenants/{alice.number}/tokens/999/revoke",
        f"/staff/tenants/{alice.number}/server-keys/999/confirm",
        f"/staff/tenants/{alice.number}/people/invitations/999/again",
    ):
        assert clerk.post(address, {"reason": "why"}).status_code == 404, address


def test_a_key_of_another_tenant_is_not_confirmed_here(
    alice: Company, charlie: Company, clerk: Client
) -> None:
    held_file(alice)
    with unit_of_work.acting_for(alice.id, reading=True):
        [(key, _)] = proposed_keys()
    address = f"/staff/tenants/{charlie.number}/server-keys/{key.pk}/confirm"
    assert clerk.post(address, {"reason": "why"}).status_code == 404


def test_staff_without_a_tenant_begin_at_the_desk(clerk: Client) -> None:
    assert clerk.get("/")["Location"] == "/staff/"


# The list


def queries_of(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as asked:
        assert client.get(address).status_code == 200
    return len(asked)


def test_the_lists_cost_the_same_for_3_tenants_and_for_60(
    alice: Company, clerk: Client
) -> None:
    held_file(alice)
    alice.send(alice.server.day(DAY))
    many(2)
    addresses = ["/staff/tenants", "/staff/held"]
    few = [queries_of(clerk, address) for address in addresses]
    many(57, first=2)
    for number in range(5):
        alice.send(alice.writer(f"NEW{number}").day(DAY))
    assert [queries_of(clerk, address) for address in addresses] == few


def test_the_page_of_a_tenant_costs_the_same_with_more_of_everything(
    alice: Company, clerk: Client
) -> None:
    page, files = (f"/staff/tenants/{alice.number}{end}" for end in ("", "/files"))
    held_file(alice)
    alice.send(alice.server.day(DAY))
    clerk.get(page)  # The first page of a day is recorded as a visit.
    few = [queries_of(clerk, page), queries_of(clerk, files)]
    for data in alice.server.days(DAY + timedelta(days=1), DAY + timedelta(days=9)):
        alice.send(data)
    for number in range(3):
        alice.send(alice.writer(f"NEW{number}").day(DAY))
        alice.issue("read")
    assert [queries_of(clerk, page), queries_of(clerk, files)] == few


def test_the_list_is_searched_and_paged(alice: Company, clerk: Client) -> None:
    many(TENANTS_A_PAGE)
    first = clerk.get("/staff/tenants").content.decode()
    assert "Alice Assurance" in first
    assert "?page=2" in first
    second = clerk.get("/staff/tenants?page=2").content.decode()
    assert "Alice Assurance" not in second
    found = clerk.get("/staff/tenants?q=a-1").content.decode()
    assert "Alice Assurance" in found
    assert "Company 00001" not in found
    assert "No tenant has" in clerk.get("/staff/tenants?q=zzz").content.decode()


def test_the_list_says_what_there_is_of_each(alice: Company, clerk: Client) -> None:
    held_file(alice)
    alice.send(alice.server.day(DAY))
    page = clerk.get("/staff/tenants").content.decode()
    with unit_of_work.acting_for(alice.id, reading=True):
        assert SealingKey.objects.get().fingerprint in page
    assert "20 May 2026, 20:00" in page
    assert "CEST" in page


def test_without_tenants_the_way_to_the_first_is_shown(
    clerk: Client, auditor: Client
) -> None:
    assert "Open the first tenant" in clerk.get("/staff/tenants").content.decode()
    assert "Open the first" not in auditor.get("/staff/tenants").content.decode()


def test_every_endpoint_of_the_staff_requires_staff() -> None:
    # What one says about oneself changes nothing for a tenant.
    own = {"staff-mail-digest"}
    staffs = {Permission.STAFF_READ, Permission.STAFF_ACT}
    for name, methods in ENDPOINTS.items():
        if name.startswith("staff-"):
            assert {one.permission for one in methods.values()} <= staffs, name
            if name not in own and "POST" in methods:
                assert methods["POST"].permission == Permission.STAFF_ACT, name


def test_names_are_shown_as_they_are_and_never_as_markup(
    alice: Company, clerk: Client
) -> None:
    alice.send(alice.writer("IC02").day(DAY), name="<b>x</b>.usg")
    shown = names.shown_name("<b>x</b>.usg")
    for address in ("/staff/held", f"/staff/tenants/{alice.number}"):
        assert f"<th>{shown}" not in clerk.get(address).content.decode()
        assert "<b>x</b>" not in clerk.get(address).content.decode()
